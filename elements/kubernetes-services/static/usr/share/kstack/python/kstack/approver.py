"""
Which certificate a node gets. A kubelet may ask for two: one to be a client of the API, first with a join token and then
with the certificate that it has; and one to serve logs and exec. What it may be follows from what the masters know: the
members' names and tokens, which Heat made, and not from what the node says of itself. Kubernetes itself approves none of
these requests (its csrapproving controller is off): it would renew the certificate of a node that was removed.
"""
import collections

from . import csr, members, values
from .der import Malformed

CLIENT, SERVING = 'kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'

# The user name that kstack-tokens gives to the holder of a member's token.
MEMBER = 'kstack:member:'
NODE = 'system:node:'

# Users and group of the token that the members of a cluster share that was created with kstack 0.3 or earlier.
SHARED, SHARED_GROUP = 'system:bootstrap:', 'system:bootstrappers:kstack'

# Seconds until a request is denied that cannot be decided yet: a kubelet's addresses come a moment later, a node that is
# gone is Ready until its kubelet has been silent for 40 seconds, and its Node object may be deleted later still.
PATIENCE = 300

APPROVE, DENY, WAIT = 'approve', 'deny', 'wait'

# address: to record for this member, or None
# joined: name of the member that joins with the shared token, so that what was recorded of its predecessor is void; or None
Verdict = collections.namedtuple('Verdict', 'action reason address joined')

# cluster: name; subnet: range of the nodes' addresses; reserved: addresses that no node has; ranges: those of pods and
# Services
Facts = collections.namedtuple('Facts', 'cluster subnet reserved ranges')

# ready: whether its kubelet reports; address: its InternalIP, or None
Node = collections.namedtuple('Node', 'name ready address')


class Refused(Exception):
    """The reason for which a request is denied."""


class Later(Exception):
    """The reason for which a request cannot be approved now, and perhaps soon."""


def node(one):
    """What matters of a Node object."""
    status = values.mapping(one.get('status'))
    conditions = [values.mapping(each) for each in values.items(status.get('conditions'))]
    addresses = [values.mapping(each) for each in values.items(status.get('addresses'))]
    internal = [values.address(each.get('address')) for each in addresses if each.get('type') == 'InternalIP']
    ready = any(each.get('type') == 'Ready' and each.get('status') == 'True' for each in conditions)
    return Node(values.text(one['metadata'].get('name')), ready, internal[0] if len(internal) == 1 else None)


def concerns(spec):
    """Whether a request is one that this program decides."""
    user = values.text(spec.get('username'))
    return spec.get('signerName') == SERVING or (spec.get('signerName') == CLIENT and (
        user.startswith((MEMBER, NODE)) or
        user.startswith(SHARED) and SHARED_GROUP in values.items(spec.get('groups'))))


def decide(spec, age, facts, nodes, records):
    """
    The verdict on a request.

    spec     of the CertificateSigningRequest
    age      its age in seconds
    nodes    the cluster's nodes by name
    records  the recorded addresses of members by name
    """
    try:
        return deciding(spec)(spec, facts, nodes, records)
    except (Refused, Malformed) as refused:
        return Verdict(DENY, values.printable(refused), None, None)
    except Later as obstacle:
        return Verdict(DENY if age > PATIENCE else WAIT, values.printable(obstacle), None, None)


def deciding(spec):
    """The function that decides a request."""
    if spec.get('signerName') != CLIENT:
        return serving
    user = values.text(spec.get('username'))
    return renewal if user.startswith(NODE) else shared if user.startswith(SHARED) else client


def client(spec, facts, nodes, records):
    """The first certificate of a member's kubelet, with the member's own token."""
    name = values.text(spec.get('username'))[len(MEMBER):]
    of_member(name, facts)
    if 'kstack:members' not in values.items(spec.get('groups')):
        raise Refused('the user is not in the group kstack:members')
    of_client(spec, name)
    given = values.items(values.mapping(spec.get('extra')).get('kstack.io/address'))
    address = values.address(given[0]) if len(given) == 1 else None
    if address is None:
        raise Refused('the token has no address')
    usable(address, name, facts, nodes, records)
    vacant(name, nodes)
    return Verdict(APPROVE, 'the token of the member %s' % name, address, None)


def shared(spec, facts, nodes, records):
    """The first certificate of a member's kubelet, with the token that all members share: any that is not Ready."""
    subject = csr.read(spec.get('request')).common_names
    name = subject[0][len(NODE):] if len(subject) == 1 and subject[0].startswith(NODE) else ''
    of_member(name, facts)
    of_client(spec, name)
    vacant(name, nodes)
    return Verdict(APPROVE, 'the shared token, for the member %s' % name, None, name)


def renewal(spec, facts, nodes, records):
    """A further certificate for a kubelet that has one, while its node is in the cluster."""
    name = of_node(spec, facts)
    of_client(spec, name)
    if name not in nodes:
        raise Later('node %s does not exist: it was removed' % name)
    return Verdict(APPROVE, 'the certificate of the node %s' % name, None, None)


def serving(spec, facts, nodes, records):
    """A certificate for the kubelet's own server."""
    name = of_node(spec, facts)
    request = identity(spec, name, 'server auth')
    if request.names != [name]:
        raise Refused('its DNS names are %s; it must be %s alone' % (', '.join(request.names) or 'none', name))
    if len(request.addresses) != 1:
        raise Refused('it has %d addresses instead of one' % len(request.addresses))
    address = request.addresses[0]
    usable(address, name, facts, nodes, records)
    if name in records and records[name] != address:
        raise Later('its address is %s, and not %s' % (records[name], address))
    if name not in records and (name not in nodes or nodes[name].address != address):
        raise Later('node %s does not report the address %s' % (name, address))
    return Verdict(APPROVE, 'the name and address of the member %s' % name, None, None)


def of_node(spec, facts):
    """The name of the node that asks."""
    user = values.text(spec.get('username'))
    if not user.startswith(NODE) or 'system:nodes' not in values.items(spec.get('groups')):
        raise Refused('the user is not a node')
    of_member(user[len(NODE):], facts)
    return user[len(NODE):]


def of_member(name, facts):
    if members.member(facts.cluster, name) is None:
        raise Refused('%s is not the name of a member of %s' % (values.printable(name), facts.cluster))


def vacant(name, nodes):
    if name in nodes and nodes[name].ready:
        raise Later('node %s is Ready: another kubelet has its certificate' % name)


def of_client(spec, name):
    request = identity(spec, name, 'client auth')
    if request.names or request.addresses:
        raise Refused('a client has no alternative names')


def identity(spec, name, usage):
    """The request, if it is one for this node and this usage."""
    usages = values.items(spec.get('usages'))
    if usage not in usages or [one for one in usages if one not in (usage, 'digital signature', 'key encipherment')]:
        raise Refused('its usages are not those of a kubelet')
    request = csr.read(spec.get('request'))
    if request.organizations != ['system:nodes'] or request.common_names != [NODE + name]:
        raise Refused('its subject is not that of the node %s' % name)
    return request


def usable(address, name, facts, nodes, records):
    """
    Raises Refused for an address that no node can have, and Later for one that another node has. A node whose address is
    recorded has that one: what it reports itself does not count, or it could keep certificates from others.
    """
    if address not in facts.subnet or address in facts.reserved or any(address in one for one in facts.ranges):
        raise Refused('%s is not an address for a node' % address)
    others = [one.name for one in nodes.values()
              if one.name not in records and one.address == address and one.name != name and one.ready]
    others += [other for other, held in records.items() if held == address and other != name and other in nodes]
    if others:
        raise Later('%s is the address of %s' % (address, others[0]))
