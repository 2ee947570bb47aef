# The plan of a gateway, from {items: Services and Endpoints}; follows exposed.jq. Prints lines, each with the name of the
# file that it belongs to: HAProxy's listeners, rules for iptables-restore, UDP flows that the kernel may have, the
# Services whose Endpoints are relevant, and Events with their names.
# $busy: TCP ports on which programs other than HAProxy listen; $addresses: the gateway's; $node: its name; $now: the time.

def words: split(" ") | map(select(length > 0));

# The ready endpoints of a port: [{ip, port}].
def targets(subsets; port):
  port as $port |
  [subsets | .[] | . as $subset | .ports // [] | .[] |
    select((.name // "") == $port.port_name and (.protocol // "TCP") == $port.protocol) |
    .port as $number | $subset.addresses // [] | .[] | select(.ip | is_address) | {ip: .ip, port: $number}] | unique;

def proxy: if .proxy_protocol == "v1" then " send-proxy check-send-proxy"
  elif .proxy_protocol == "v2" then " send-proxy-v2 check-send-proxy" else "" end;

def listener:
  . as $port |
  ["", "listen \(.namespace).\(.name).\(.port)", "    bind 0.0.0.0:\(.port)"] +
  (if .affinity then ["    balance source", "    hash-type consistent"] else [] end) +
  (.sources | map("    acl allowed src \(.)")) +
  (if .limited and (.sources | length) == 0 then ["    tcp-request connection reject"]
   elif .limited then ["    tcp-request connection reject if !allowed"] else [] end) +
  (.targets | map("    server \(.ip)-\(.port) \(.ip):\(.port) check\($port | proxy)"));

# Each rule takes its share of the packets that the rules before it do not match.
def forwarding:
  .port as $port | (.targets | length) as $count | .targets as $targets |
  (if .limited then .sources | map(" -s \(.)") else [""] end) | .[] | . as $source |
  range(0; $count) | . as $index |
  "-A KSTACK-GATEWAY\($source) -p udp -m udp --dport \($port)" +
  (if $index + 1 < $count then " -m statistic --mode random --probability \(1 / ($count - $index))" else "" end) +
  " -j DNAT --to-destination \($targets[$index].ip):\($targets[$index].port)";

# An accepted packet skips the rules of kube-proxy for the same address, and reaches HAProxy.
def accepting: "-A KSTACK-GATEWAY -p tcp -m tcp --dport \(.port) -j ACCEPT";

(reduce (.items[] | select(.kind == "Endpoints")) as $one ({};
  .["\($one.metadata.namespace)/\($one.metadata.name)"] = ($one.subsets // []))) as $subsets |
([.items[] | select(.kind == "Service")] | exposed) as $exposed |
($busy | words) as $taken |
($exposed.good | map(. as $port | . + {
  targets: targets($subsets["\(.namespace)/\(.name)"] // []; $port),
  busy: (.protocol == "TCP" and ($taken | index("\($port.port)")) != null)
})) as $ports |
($ports | map(select(.protocol == "TCP" and (.busy | not))) | sort_by(.port)) as $tcp |
($ports | map(select(.protocol == "UDP")) | sort_by(.port)) as $udp |
("listeners " + ($tcp[] | listener | .[])),
("rules " + (
  "*nat", ":KSTACK-GATEWAY - [0:0]", ":KSTACK-GATEWAY-OUT - [0:0]",
  ($tcp[] | accepting), ($udp[] | forwarding),
  ($addresses | words | .[] | "-A KSTACK-GATEWAY-OUT -p udp -m conntrack --ctstate DNAT --ctorigdst \(.) -j MASQUERADE"),
  "COMMIT",
  "*filter", ":KSTACK-GATEWAY - [0:0]", ($tcp[] | select(.targets | length > 0) | accepting), "COMMIT"
)),
($udp[] | .port as $port | .targets[] | "flows \($port) \(.ip) \(.port)"),
([$ports[] | "\(.namespace)/\(.name)"] | unique | .[] | "relevant \(.)"),
($ports[] | select(.busy) | . + {
  reason: "PortInUse", what: "\(.port)-TCP-\($node)",
  message: "Port \(.key) is not exposed on gateway \($node): another program uses the port there."
} | event("kstack-gateway"; $now) | "events \(.metadata.name) \(tojson)")
