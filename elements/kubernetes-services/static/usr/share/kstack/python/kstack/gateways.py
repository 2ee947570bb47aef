"""
Which nodes are gateways, and which addresses of theirs Services get. A kubelet writes the labels, annotations and addresses
of its node itself: the name decides what is a gateway, an address that masters have recorded belongs to that node, and one
that belongs to others is nobody's. No input and output.
"""
import collections
import ipaddress
import json

from . import records, values
from .members import member

ROLE = 'gateway'
# The pool of each role that every cluster has, by the name of the role.
DEFAULT_POOLS = ('master', 'minion', ROLE)
ADDRESSES = 'kstack.io/gateway-addresses'
LEAVE = 'kstack.io/leave'

# What is kept of each node.
#   serves  whether it is Ready and stays
#   claims  whether its own label says that it is a gateway
#   own     its addresses: IPv4 addresses as numbers
#   shared  addresses that it has together with other gateways, as it says: texts
#   wrong   texts that are no addresses
Node = collections.namedtuple('Node', 'name serves claims own shared wrong')

# Addresses that a gateway must not have.
#   api     addresses of the API
#   ranges  pairs of a range and what it is for
Taken = collections.namedtuple('Taken', 'api ranges')


def parse(one):
    """What is kept of a node of the API."""
    one = values.mapping(one)
    metadata, status = values.mapping(one.get('metadata')), values.mapping(one.get('status'))
    labels = values.mapping(metadata.get('labels'))
    ready = any(values.mapping(condition).get('type') == 'Ready' and condition.get('status') == 'True'
                for condition in values.items(status.get('conditions')))
    own, wrong = own_addresses(status)
    shared = values.text(values.mapping(metadata.get('annotations')).get(ADDRESSES))
    return Node(name=values.text(metadata.get('name')),
                serves=ready and metadata.get('deletionTimestamp') is None and labels.get(LEAVE) is None,
                claims=labels.get('kstack.io/role') == ROLE, own=own, wrong=wrong,
                shared=tuple(values.printable(text, 50) for text in shared.split(',')[:2]) if shared else ())


def own_addresses(status):
    """(addresses as numbers, texts that are no addresses) of a node's status."""
    own, wrong = [], []
    for entry in values.items(status.get('addresses')):
        entry = values.mapping(entry)
        if entry.get('type') != 'InternalIP':
            continue
        value = values.address(entry.get('address'))
        if value is not None:
            own.append(int(value))
        elif not is_v6(entry.get('address')):
            wrong.append(values.printable(entry.get('address'), 50))
    return tuple(own[:20]), tuple(wrong[:20])


def is_v6(text):
    try:
        return isinstance(ipaddress.ip_address(values.text(text)), ipaddress.IPv6Address)
    except ValueError:
        return False


def pools_of_gateways(text):
    """
    Names of the additional pools whose nodes are gateways, by the record that kstack writes into the ConfigMap
    kube-system/kstack-pools; (names, all names). A text that is no record has none.
    """
    try:
        pools = values.mapping(values.mapping(json.loads(values.text(text) or '{}')).get('pools'))
    except (ValueError, RuntimeError):  # RuntimeError: more brackets than Python reads
        pools = {}
    found = set()
    for name, record in pools.items():
        record = values.mapping(record)
        if (record.get('role') or values.mapping(record.get('labels')).get('kstack.io/role')) == ROLE:
            found.add(name)
    return found, set(pools)


def is_gateway(node, cluster, pools):
    """Whether a node is a gateway of the cluster, by its name. pools: the additional pools of gateways."""
    found = member(cluster, node.name)
    if found is None:
        return False
    return found.pool == ROLE if found.pool in DEFAULT_POOLS else found.pool in pools


def unknown(nodes, cluster, known):
    """Messages about nodes that say they are gateways, of pools that the cluster has no record of."""
    for node in nodes:
        found = member(cluster, node.name)
        if node.claims and found is not None and found.pool not in DEFAULT_POOLS and found.pool not in known:
            yield ('node %s says it is a gateway, but the ConfigMap kube-system/kstack-pools has no pool %s: its addresses '
                   'are not used. `kstack update` writes the ConfigMap.' % (node.name, found.pool))


def addresses(nodes, cluster, pools, taken, recorded):
    """
    ([addresses that exposed Services get], [messages about those that they do not get]). The floating IP and the shared
    address come first, then those of each gateway, in the order of names.

    nodes     all nodes of the cluster
    pools     the additional pools of gateways
    recorded  the recorded addresses of members by name; other nodes have those that they report
    """
    holders = holders_of(nodes, recorded)
    found, wrong, serving = [], [], []
    for node in sorted(node for node in nodes if node.serves and is_gateway(node, cluster, pools)):
        if node.name in recorded and node.own != (int(recorded[node.name]),):
            wrong.append('gateway %s does not serve: it reports other addresses than the recorded %s' % (
                node.name, recorded[node.name]))
        else:
            serving.append(node)

    def add(node, text, value):
        reason = 'is not an IPv4 address' if value is None else refusal(node, value, taken, holders)
        if reason is not None:
            wrong.append('gateway %s: address %s is not used: it %s' % (node.name, values.printable(text, 50), reason))
        elif str(value) not in found:
            found.append(str(value))

    for node in serving:
        for text in node.shared:
            add(node, text, values.address(text))
    for node in serving:
        for number in node.own:
            add(node, ipaddress.IPv4Address(number), ipaddress.IPv4Address(number))
        for text in node.wrong:
            add(node, text, None)
    return found, wrong


def holders_of(nodes, recorded):
    """The names of the nodes that have an address, a number: the one that it is recorded for, or all that report it."""
    holders = {int(address): {name} for address, name in
               records.held(recorded, set(node.name for node in nodes)).items()}
    kept = set(holders)
    for node in nodes:
        for number in () if node.name in recorded else node.own:
            if number not in kept:
                holders.setdefault(number, set()).add(node.name)
    return holders


def refusal(node, value, taken, holders):
    """Why a gateway must not have an address, or None."""
    if value in taken.api:
        return "is the API's"
    for held, purpose in taken.ranges:
        if value in held:
            return 'is in the range of %s' % purpose
    if value.is_loopback or value.is_link_local or value.is_multicast or value.is_unspecified or value.is_reserved or \
            int(value) >> 24 == 0:
        return 'is not an address of a node'
    others = holders.get(int(value), set()) - {node.name}
    if others:
        return 'is an address of node %s too' % values.printable(sorted(others)[0], 70)
    return None
