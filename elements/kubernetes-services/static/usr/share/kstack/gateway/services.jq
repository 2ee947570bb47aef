# What a master writes, from [{items: Services}, {items: the gateways' Nodes}, {items: Events}]; follows exposed.jq.
# $now and $stale are times: an Event that was last written before $stale is written again if its error lasts.
# $never: addresses that a gateway must not claim, whatever its Node object says.

def unique_in_order: reduce .[] as $one ([]; if index($one) != null then . else . + [$one] end);

# The status no longer has a gateway that is being removed.
def serves:
  .metadata.deletionTimestamp == null and (.metadata.labels // {})["kstack.io/leave"] == null and
  ([.status.conditions // [] | .[] | select(.type == "Ready" and .status == "True")] | length > 0);
def shared: (.metadata.annotations // {})["kstack.io/gateway-addresses"] // "" | split(",") | .[0:2];
def own: [.status.addresses // [] | .[] | select(.type == "InternalIP") | .address];

.[0].items as $services | .[2].items as $events |
(.[1].items | map(select(serves)) | sort_by(.metadata.name)) as $gateways |
([($gateways[] | shared), ($gateways[] | own)] | add // [] | map(select(is_address)) |
  . - ($never | split(" ")) | unique_in_order) as $addresses |
($services | exposed) as $exposed |
(reduce $exposed.good[] as $one ({}; .[$one.uid] = true)) as $served |
(reduce $events[] as $one ({}; .["\($one.metadata.namespace)/\($one.metadata.name)"] = $one)) as $present |
($exposed.wrong | map(event("kstack-services"; $now)) | map(. as $new |
  $present["\(.metadata.namespace)/\(.metadata.name)"] as $old |
  if $old == null then {make: $new}
  elif $old.message != $new.message or ($old.lastTimestamp // "") < $stale then
    {change: ($old + {message: $new.message, lastTimestamp: $now, count: (($old.count // 0) + 1)})}
  else {}
  end)) as $events |
{
  statuses: ($services | map(
    ([.status.loadBalancer.ingress // [] | .[] | .ip // .hostname]) as $has |
    (if $served[.metadata.uid] then $addresses else [] end) as $wants |
    select(is_balanced and $has != $wants) |
    # The status of a Service that is not ours belongs to another controller, unless it has our addresses only.
    select(is_ours or (($has - $addresses) | length == 0)) |
    .status = (.status // {}) + {loadBalancer: (if $wants == [] then {} else {ingress: ($wants | map({ip: .}))} end)}
  )),
  made: ($events | map(.make | select(. != null))),
  changed: ($events | map(.change | select(. != null)))
}
