"""
Which node has which range of pods, and which routes follow: decisions without input and output. Addresses and ranges are
written by nodes, so each is checked, and none can take what another Node has. A node whose address masters have recorded has
that one.
"""
import collections
import re

from . import records, values

# What a node knows by itself.
#   name       this node's
#   pods       the range of all pods
#   length     the prefix length of one node's range
#   subnet     the range of the interface that routes go through
#   addresses  those of this node
#   api        the API address, which a master may give to another
Facts = collections.namedtuple('Facts', 'name pods length subnet addresses api')

# A Node object as it was written. created: text, or '' if it is malformed. addresses: its InternalIPs.
Node = collections.namedtuple('Node', 'name uid created range addresses')

# What is to be true on this node.
#   own       this node's range; None if it has none, or an older Node has it
#   routes    addresses of nodes by range
#   ranges    all ranges that a Node has: a route to one of them is not stale, whatever is wrong with the Node's address
#   kept      addresses whose Node has a malformed range: their routes are not stale either
#   mistakes  messages
Decision = collections.namedtuple('Decision', 'own routes ranges kept mistakes')

TIME = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z')


def read(one):
    """What counts of a Node object; never raises, whatever the object is. Its heartbeats do not count."""
    one = values.mapping(one)
    metadata = values.mapping(one.get('metadata'))
    listed = values.items(values.mapping(one.get('status')).get('addresses'))
    created = values.text(metadata.get('creationTimestamp'))
    return Node(
        values.text(metadata.get('name')),
        values.text(metadata.get('uid')),
        created if TIME.fullmatch(created) else '',
        values.mapping(one.get('spec')).get('podCIDR'),
        [entry.get('address') for entry in listed if isinstance(entry, dict) and entry.get('type') == 'InternalIP'],
    )


def age(node):
    """Oldest first. The API server writes both, and all nodes see the same, so that they agree."""
    return node.created or 'unknown', node.uid, node.name


def range_of(node, facts):
    """(range, None), or (None, message); both None if the Node has no range yet."""
    if node.range is None or node.range == '':
        return None, None
    shown = 'node %s: pod range %s' % (values.printable(node.name, 63), values.printable(node.range, 63))
    found = values.network(node.range)
    if found is None:
        return None, shown + ' is malformed'
    if not values.contains(facts.pods, found):
        return None, '%s is not inside %s' % (shown, facts.pods)
    if found.prefixlen != facts.length:
        return None, '%s does not have the prefix length %d' % (shown, facts.length)
    return found, None


def address_of(node, facts, recorded, holders):
    """
    (address, None), or (None, message).

    recorded  the recorded addresses of members by name
    holders   the names of nodes by their recorded addresses
    """
    who = 'node %s: ' % values.printable(node.name, 63)
    if len(node.addresses) != 1:
        return None, '%sneeds one InternalIP, has %d' % (who, len(node.addresses))
    shown = '%sInternalIP %s' % (who, values.printable(node.addresses[0], 63))
    found = values.address(node.addresses[0])
    if found is None:
        return None, shown + ' is malformed'
    if recorded.get(node.name, found) != found:
        return None, '%s is not its recorded address %s' % (shown, recorded[node.name])
    if holders.get(found, node.name) != node.name:
        return None, '%s is the recorded address of node %s' % (shown, values.printable(holders[found], 63))
    if found not in facts.subnet:
        return None, '%s is not inside %s' % (shown, facts.subnet)
    if facts.subnet.prefixlen < 31 and found in (facts.subnet.network_address, facts.subnet.broadcast_address):
        return None, shown + ' is not the address of one machine'
    if found == facts.api:
        return None, shown + ' is the API address'
    if found in facts.addresses:
        return None, shown + ' is an address of this node'
    return found, None


def claim(holders, value, node, title):
    """
    None if the node is the first with this value, or a message. Ranges that overlap are equal, as all have one length.
    """
    holder = holders.setdefault(value, node)
    if holder is node:
        return None
    return 'node %s: %s %s belongs to node %s, which is older' % (
        values.printable(node.name, 63), title, value, values.printable(holder.name, 63))


def decide(nodes, facts, recorded):
    """
    What is to be true on this node. Of two Nodes with the same range or address, the older has it; none has an address that
    is recorded for another. What is wrong with a Node disturbs no other.

    recorded  the recorded addresses of members by name
    """
    nodes = list(nodes)
    holders = records.held(recorded, set(node.name for node in nodes))
    ranges, addresses = {}, {}
    own, routes, kept, mistakes = None, {}, set(), []
    for node in sorted(nodes, key=age):
        mine = node.name == facts.name
        found, mistake = range_of(node, facts)
        malformed = mistake is not None
        if found is not None:
            mistake = claim(ranges, found, node, 'pod range')
        refused = mistake is not None
        if mistake:
            mistakes.append(mistake)
        if mine:
            own = None if refused else found
            continue
        if node.range in (None, '') and not node.addresses:
            continue  # a new Node
        address, mistake = address_of(node, facts, recorded, holders)
        if address is not None:
            mistake = claim(addresses, address, node, 'InternalIP')
        if mistake:
            mistakes.append(mistake)
            continue
        if malformed:
            kept.add(address)
        elif found is not None and not refused:
            routes[found] = address
    return Decision(own, routes, set(ranges), kept, mistakes)
