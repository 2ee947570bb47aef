"""
kstack-gateway: exposes Services on this gateway, TCP through HAProxy, UDP by rules of the kernel. Reads Services and
Endpoints as the kubelet. What fails is tried again; until then, the former configuration stays in place.
"""
import os
import threading
import time

from . import clients, endpoints, exposed, iproute, netfilter, service_events, values
from .api import ApiError, path
from .firewall import Firewall
from .gateways import ADDRESSES
from .haproxy_service import Haproxy
from .log import Repeated, say
from .loop import Loop
from .mirror import Mirror
from .programs import attempt
from .settings import Settings

COMPONENT = 'kstack-gateway'
FOLDER = '/run/kstack-gateway'
CERTIFICATE = '/var/lib/kubelet/pki/kubelet-client-current.pem'

# Seconds between two looks at everything without a change: other programs can move the rules. And after a failure.
PERIOD = 30
RETRY = 5


class Failed(Exception):
    """Something of this node is not as it should be; it is tried again."""


def busy_ports(listed):
    """TCP ports on which other programs listen, from `ss -ltnp`: HAProxy would reject its whole configuration for one."""
    found = set()
    for line in listed.splitlines()[1:]:
        columns = line.split()
        if '"haproxy"' not in line and len(columns) > 3:
            found.add(values.number(columns[3].rpartition(':')[2], 1, 65535))
    return found - {None}


def plan(good, endpoints_of):
    """([TCP ports], [UDP ports]) with their pods, sorted by port. endpoints_of: by namespace and name."""
    ports = sorted((endpoints.forwarded(one, endpoints_of(one.service)) for one in good),
                   key=lambda one: one.port.number)
    return [one for one in ports if one.port.protocol == 'TCP'], [one for one in ports if one.port.protocol == 'UDP']


def in_use(forwarded, node):
    """That another program has a port, as what is refused."""
    key = '%d/TCP' % forwarded.port.number
    return exposed.Refused(
        forwarded.service, 'PortInUse', 'Port %s is not exposed on gateway %s: another program uses the port there.' % (
            key, node), '%d-TCP-%s' % (forwarded.port.number, node))


def mistakes(good, refused, endpoints_of):
    """Messages about what is not valid, of Services that are exposed or have no Event."""
    found = {(one.service.namespace, one.service.name): endpoints_of(one.service).wrong for one in good}
    return ['Endpoints %s/%s: not valid and left out: %s' % (key + (found[key],)) for key in sorted(found) if found[key]] + [
        'Service %s/%s: %s' % (one.service.namespace, one.service.name, one.message)
        for one in refused if not one.service.uid]


class Gateway(object):
    """
    node       the name of this node
    addresses  its own and the shared one: packets to them are for Services
    published  the addresses that it has together with others, for the annotation
    cluster    the ranges of nodes and pods, or None
    """
    def __init__(self, api, node, addresses, published, cluster=None):
        self.api = api
        self.node = node
        self.addresses = addresses
        self.published = ','.join(published)
        self.cluster = cluster
        self.haproxy = Haproxy(FOLDER)
        self.firewall = Firewall(addresses, FOLDER)
        self.mistakes = Repeated()
        self.next_event = {}
        self.done = None
        self.applied = None
        self.full = 0
        self.loop = Loop(self.act, period=PERIOD)
        self.services = Mirror(api, '/api/v1/services', keep=exposed.parse, changed=self.loop.wake)
        self.endpoints = Mirror(api, '/api/v1/endpoints', keep=endpoints.parse, changed=self.loop.wake)
        self.nodes = Mirror(api, '/api/v1/nodes', keep=addresses_of, changed=self.loop.wake)

    def run(self):
        mirrors = self.services, self.endpoints, self.nodes
        for mirror in mirrors:
            mirror.start()
        for mirror in mirrors:
            mirror.complete.wait()
        self.loop.run()

    def endpoints_of(self, service):
        return self.endpoints.one(service.name, service.namespace) or endpoints.NONE

    def act(self):
        good, refused = exposed.exposed(one for one in self.services.all() if one is not None)
        tcp, udp = plan(good, self.endpoints_of)
        full = time.monotonic() >= self.full
        inside = sources(self.cluster, self.nodes.all())
        # Most changes in a cluster are none of ports that are exposed.
        if (tcp, udp, inside) == self.done and not full:
            return
        self.done = None
        self.mistakes.now(mistakes(good, refused, self.endpoints_of))
        try:
            self.sync(tcp, udp, inside, full)
        except (Failed, OSError) as error:
            say('%s: trying again in %d s' % (error, RETRY))
            self.full = 0
            timer = threading.Timer(RETRY, self.loop.wake)
            timer.daemon = True
            timer.start()
            return
        self.done = (tcp, udp, inside)
        if full:
            self.full = time.monotonic() + PERIOD
            self.publish()

    def sync(self, tcp, udp, inside, full):
        """TCP and UDP are independent: what HAProxy refuses keeps no UDP port closed. Raises Failed."""
        status, listed = attempt('ss', '-ltnp')
        if status != 0:
            raise Failed('the ports in use are not known: %s' % listed.strip())
        busy = busy_ports(listed)
        free = [one for one in tcp if one.port.number not in busy]
        done = self.haproxy.update(free)
        others = [one for one in tcp if one.port.number in busy]
        rules = netfilter.rules(free, udp, self.addresses, inside, others)
        if rules != self.applied or full:
            self.applied = None
            if self.firewall.update(rules, netfilter.flows(udp)):
                self.applied = rules
        self.send([in_use(one, self.node) for one in others])
        if not done or self.applied is None:
            raise Failed('sync failed')

    def send(self, refused):
        """An Event has the same name while its reason lasts: to create it again makes no second, but one that expired."""
        for one in refused:
            event = service_events.event(one, COMPONENT, time.time())
            name = service_events.identity(event)
            if time.monotonic() < self.next_event.get(name, 0):
                continue
            self.next_event[name] = time.monotonic() + service_events.REPEAT
            try:
                self.api.create(path('api', 'v1', 'namespaces', name[0], 'events'), event)
            except ApiError:
                pass  # it is there already, or its namespace is deleted

    def publish(self):
        """The annotation of this node: masters write these addresses into Services."""
        where = path('api', 'v1', 'nodes', self.node)
        metadata = values.mapping(self.api.get(where).get('metadata'))
        if values.mapping(metadata.get('annotations')).get(ADDRESSES) != self.published:
            self.api.patch(where, {'metadata': {'annotations': {ADDRESSES: self.published}}})


def addresses_of(node):
    """The addresses of a Node; whatever it is, never raises."""
    listed = values.items(values.mapping(values.mapping(node).get('status')).get('addresses'))
    found = (values.address(one.get('address')) for one in map(values.mapping, listed) if one.get('type') == 'InternalIP')
    return frozenset(one for one in found if one is not None)


def sources(cluster, nodes):
    """
    The addresses and ranges of what is inside of the cluster; () if nothing is to be rejected. A node says what its address
    is: outside of the range of nodes, it does not count.

    nodes  what addresses_of returned for each
    """
    if cluster is None:
        return ()
    found = {address for node in nodes for address in node if address in cluster[0]}
    return (cluster[1],) + tuple(sorted(found))


def ranges(own, pods, local):
    """
    The ranges of nodes and pods; None if the range of nodes is not known, so that no node is taken for one outside.

    own    the address of this node
    local  the addresses of this node with their ranges
    """
    place = iproute.place_of(own, local)
    return (place.range, pods) if place is not None and place.range.prefixlen < 32 else None


def main():
    settings = Settings()
    own, shared = settings.address('NODE_IP'), settings.address('GATEWAY_ADDRESS', optional=True)
    public = settings.address('GATEWAY_PUBLIC_ADDRESS', optional=True)
    os.makedirs(FOLDER, exist_ok=True)
    while not os.path.exists(CERTIFICATE):
        time.sleep(1)
    Gateway(clients.of_node(settings), settings.text('NODE_NAME'), [str(one) for one in (own, shared) if one],
            [str(one) for one in (public, shared) if one],
            ranges(own, settings.network('POD_CIDR'), iproute.addresses())).run()
