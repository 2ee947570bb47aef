# Which ports of which Services are exposed, and which cannot be. Gateways and masters use the same file, so that they agree.
# For jq 1.4, which has no modules: the file is put before the program that uses it.

# Addresses are written into configurations, so only the canonical form is accepted.
def is_number(limit):
  length > 0 and length < 4 and (explode | map(. >= 48 and . <= 57) | all)
  and (tonumber | tostring) == . and (tonumber) <= limit;
def is_address: split(".") | length == 4 and (map(is_number(255)) | all);
def is_range: split("/") | length == 2 and (.[0] | is_address) and (.[1] | is_number(32));

def requested: (.metadata.labels // {})["kstack.io/gateway"];
def proxy_protocol: (.metadata.annotations // {})["kstack.io/gateway-proxy-protocol"];
def sources: .spec.loadBalancerSourceRanges // [] | map(split(" ") | join(""));
def is_balanced: .spec.type == "LoadBalancer";

# The label decides, if the Service has it. A Service with the loadBalancerClass of another implementation is not exposed.
def is_ours:
  requested as $requested |
  if $requested != null then $requested != "false"
  else is_balanced and (.spec.loadBalancerClass // "kstack.io/gateway") == "kstack.io/gateway"
  end;

# The first error because of which no port of a Service is exposed.
def service_error:
  if requested != null and requested != "true" then
    {reason: "WrongLabel", message: "The label kstack.io/gateway must be \"true\" or \"false\". No port of this Service is exposed."}
  elif .spec.type == "ExternalName" then
    {reason: "NotExposable", message: "A Service of type ExternalName cannot be exposed: it has no endpoints."}
  elif proxy_protocol != null and (proxy_protocol == "v1" or proxy_protocol == "v2" | not) then
    {reason: "WrongAnnotation", message: "The annotation kstack.io/gateway-proxy-protocol must be \"v1\" or \"v2\". No port of this Service is exposed."}
  elif sources | map(contains(":") or is_range) | all | not then
    {reason: "WrongSourceRange", message: "Each entry of loadBalancerSourceRanges must be a CIDR such as 192.0.2.0/24. No port of this Service is exposed."}
  else null
  end;

# Ports of the gateway node itself: SSH, kubelet, kube-proxy, HAProxy's health check, node ports, pod networks, DHCP.
def is_reserved:
  .port as $port |
  $port == 22 or ($port >= 10248 and $port <= 10260) or ($port >= 30000 and $port <= 32767) or
  (if .protocol == "UDP" then [68, 4789, 8285, 8472] else [179] end | index($port) != null);

def port_error:
  if .protocol != "TCP" and .protocol != "UDP" then
    {reason: "ProtocolNotSupported", message: "Port \(.port)/\(.protocol) is not exposed: gateways support TCP and UDP."}
  elif is_reserved then
    {reason: "PortReserved", message: "Port \(.port)/\(.protocol) is not exposed: it is reserved for the gateway node."}
  else null
  end;

# The ports of a Service, each with its error if it has one; or one entry for the whole Service.
def entries:
  {namespace: .metadata.namespace, name: .metadata.name, uid: .metadata.uid} as $service |
  service_error as $error |
  if $error != null then $service + $error + {what: "service"}
  else
    {
      affinity: (.spec.sessionAffinity == "ClientIP"),
      proxy_protocol: proxy_protocol,
      limited: (sources | length > 0),
      sources: (sources | map(select(is_range)) | unique)
    } as $how |
    .spec.ports // [] | .[] |
    {port: .port, protocol: (.protocol // "TCP"), port_name: (.name // "")} |
    . + {key: "\(.port)/\(.protocol)"} | . + $service + $how + (port_error // {})
  end;

# {good, wrong}: the ports of a list of Services. If two Services request the same port, the older one gets it.
def exposed:
  map(select(is_ours)) | sort_by([.metadata.creationTimestamp, .metadata.namespace, .metadata.name]) |
  reduce (.[] | entries) as $one ({taken: {}, good: [], wrong: []};
    (if $one.key == null then null else .taken[$one.key] end) as $winner |
    if $one.reason != null then .wrong = .wrong + [$one]
    elif $winner != null then
      .wrong = .wrong + [$one + {
        reason: "PortTaken",
        message: "Port \($one.key) is not exposed: the older Service \($winner) uses it."
      }]
    else .taken[$one.key] = "\($one.namespace)/\($one.name)" | .good = .good + [$one]
    end);

# The Event for an error. Its name stays the same while the error lasts, so that it is not created twice.
def event(component; now):
  (if .what != null then .what else "\(.port)-\(.protocol)" end) as $what |
  {
    apiVersion: "v1", kind: "Event", type: "Warning", reason: .reason, message: .message,
    metadata: {
      namespace: .namespace,
      name: "\(.name).\(.uid[0:8]).\(.reason + "-" + $what | explode | map(if . >= 65 and . <= 90 then . + 32 else . end) | implode)"
    },
    involvedObject: {apiVersion: "v1", kind: "Service", namespace: .namespace, name: .name, uid: .uid},
    source: {component: component}, firstTimestamp: now, lastTimestamp: now, count: 1
  };
