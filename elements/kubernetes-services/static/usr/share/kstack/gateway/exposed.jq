# Which ports are exposed by whom, and what is wrong: the one answer of gateways and masters, so that they agree.
# It knows only what jq 1.4 knows, which has no modules: this text is put before a program that uses it.

# Addresses go into configurations: only what reads in one way is taken for one.
def is_number(limit):
  length > 0 and length < 4 and (explode | map(. >= 48 and . <= 57) | all)
  and (tonumber | tostring) == . and (tonumber) <= limit;
def is_address: split(".") | length == 4 and (map(is_number(255)) | all);
def is_range: split("/") | length == 2 and (.[0] | is_address) and (.[1] | is_number(32));

def wish: (.metadata.labels // {})["kstack.io/gateway"];
def proxy_protocol: (.metadata.annotations // {})["kstack.io/gateway-proxy-protocol"];
def sources: .spec.loadBalancerSourceRanges // [] | map(split(" ") | join(""));
def is_balanced: .spec.type == "LoadBalancer";

# A LoadBalancer with a class of another is that one's, and a label says no as well as yes.
def is_ours:
  wish as $wish |
  if $wish != null then $wish != "false"
  else is_balanced and (.spec.loadBalancerClass // "kstack.io/gateway") == "kstack.io/gateway"
  end;

# What keeps a whole Service from being exposed: the first that applies.
def trouble:
  if wish != null and wish != "true" then
    {reason: "WrongLabel", message: "The label kstack.io/gateway may be \"true\" or \"false\": nothing of this Service is exposed."}
  elif .spec.type == "ExternalName" then
    {reason: "NotExposable", message: "A Service of type ExternalName has no endpoints that a gateway could reach."}
  elif proxy_protocol != null and (proxy_protocol == "v1" or proxy_protocol == "v2" | not) then
    {reason: "WrongAnnotation", message: "The annotation kstack.io/gateway-proxy-protocol may be \"v1\" or \"v2\": nothing of this Service is exposed."}
  elif sources | map(contains(":") or is_range) | all | not then
    {reason: "WrongSourceRange", message: "Not every entry of loadBalancerSourceRanges is a range such as 192.0.2.0/24: nothing of this Service is exposed."}
  else null
  end;

# A gateway's own: SSH, kubelet, kube-proxy, HAProxy's health, node ports; what networks and DHCP talk by.
def is_reserved:
  .port as $port |
  $port == 22 or ($port >= 10248 and $port <= 10260) or ($port >= 30000 and $port <= 32767) or
  (if .protocol == "UDP" then [68, 4789, 8285, 8472] else [179] end | index($port) != null);

def port_trouble:
  if .protocol != "TCP" and .protocol != "UDP" then
    {reason: "ProtocolNotSupported", message: "Port \(.port)/\(.protocol) is not exposed: gateways pass on TCP and UDP."}
  elif is_reserved then
    {reason: "PortReserved", message: "Port \(.port)/\(.protocol) is not exposed: gateways need it themselves."}
  else null
  end;

# The ports of a Service, each with its trouble if there is one; or one entry for the whole Service.
def entries:
  {namespace: .metadata.namespace, name: .metadata.name, uid: .metadata.uid} as $service |
  trouble as $trouble |
  if $trouble != null then $service + $trouble + {what: "service"}
  else
    {
      affinity: (.spec.sessionAffinity == "ClientIP"),
      proxy_protocol: proxy_protocol,
      limited: (sources | length > 0),
      sources: (sources | map(select(is_range)) | unique)
    } as $how |
    .spec.ports // [] | .[] |
    {port: .port, protocol: (.protocol // "TCP"), port_name: (.name // "")} |
    . + {key: "\(.port)/\(.protocol)"} | . + $service + $how + (port_trouble // {})
  end;

# {good, wrong} of a list of Services. Of two that want a port, the older has it.
def exposed:
  map(select(is_ours)) | sort_by([.metadata.creationTimestamp, .metadata.namespace, .metadata.name]) |
  reduce (.[] | entries) as $one ({taken: {}, good: [], wrong: []};
    (if $one.key == null then null else .taken[$one.key] end) as $winner |
    if $one.reason != null then .wrong = .wrong + [$one]
    elif $winner != null then
      .wrong = .wrong + [$one + {
        reason: "PortTaken",
        message: "Port \($one.key) is not exposed: it is taken by the older Service \($winner)."
      }]
    else .taken[$one.key] = "\($one.namespace)/\($one.name)" | .good = .good + [$one]
    end);

# The Event that tells what is wrong. It has one name as long as that is so: telling it twice makes no second.
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
