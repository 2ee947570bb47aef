"""
The pod network "routed": this node's CNI configuration, and a route to the pods of every other node. Reads the Node objects
with the kubelet's certificate. pod_ranges decides; here it is done.
"""
import collections
import os
import time

from . import clients, cni, iproute, pod_ranges, records, values
from .log import Repeated, say
from .loop import Loop
from .mirror import Mirror
from .programs import ProgramError
from .records import Records
from .settings import Settings

KUBELET_CERTIFICATE = '/var/lib/kubelet/pki/kubelet-client-current.pem'

# The facts that user-data gives, and the places of files.
Given = collections.namedtuple('Given', 'name address api pods length file leases')


def given(settings):
    return Given(settings.text('NODE_NAME'), settings.address('NODE_IP'), settings.address('API_ADDRESS'),
                 settings.network('POD_CIDR'),
                 settings.parsed('POD_SUBNET_LENGTH', lambda text: values.number(text, 1, 32)), cni.FILE, cni.LEASES)


class Routes(object):
    """
    Makes the kernel and the CNI configuration agree with the Node objects. Routes with another protocol than 77 are left
    alone. A command that fails is said once, and tried again at the next look.

    nodes     returns all Node objects as pod_ranges.Node
    recorded  returns the recorded addresses of members by name
    """
    def __init__(self, given, nodes, recorded=dict, repeated=None):
        self.given = given
        self.nodes = nodes
        self.recorded = recorded
        self.repeated = repeated or Repeated()

    def act(self):
        mistakes = []
        self.attempt(mistakes, iproute.masquerade, self.given.pods)
        self.attempt(mistakes, self.follow_nodes, mistakes)
        self.repeated.now(mistakes)

    def attempt(self, mistakes, act, *arguments):
        try:
            act(*arguments)
        except (ProgramError, OSError) as error:
            mistakes.append(str(error))

    def follow_nodes(self, mistakes):
        local = iproute.addresses()
        place = iproute.place_of(self.given.address, local)
        if place is None:
            raise ProgramError('no interface has the address of this node, %s' % self.given.address)
        decision = pod_ranges.decide(self.nodes(), pod_ranges.Facts(
            self.given.name, self.given.pods, self.given.length, place.range, set(one.address for one in local),
            self.given.api), self.recorded())
        mistakes.extend(decision.mistakes)
        in_use = [one.range for one in local if one.device == cni.BRIDGE]
        if decision.own is not None:
            self.attempt(mistakes, self.configure, decision.own, place.device, in_use)
        configured = cni.range_in(cni.read(self.given.file))
        self.route(decision, configured, place.device, mistakes)

    def configure(self, own, device, in_use):
        """
        Writes the CNI configuration. Deletes the bridge if it has addresses of another range, as when the Node object was
        deleted and created again: pods there have addresses that nobody routes to this node any more.

        in_use  the ranges of the bridge's addresses
        """
        wanted = cni.configuration(own, iproute.mtu(device))
        before = cni.read(self.given.file)
        if before == wanted and all(one == own for one in in_use):
            return
        configured = cni.range_in(before)
        if configured != own:
            say('pod range of this node: %s' % own)
        if any(one != own for one in in_use):
            iproute.delete_link(cni.BRIDGE)
        if configured not in (None, own) or any(one != own for one in in_use):
            cni.forget_leases(self.given.leases)
        cni.write(self.given.file, wanted)

    def route(self, decision, configured, device, mistakes):
        """
        Adds, changes and deletes routes, each by itself.

        configured  the range of this node's pods, as the CNI configuration has it; never routed to another node
        """
        ours, others = iproute.routes()
        for route in stale(ours, decision, configured):
            self.attempt(mistakes, iproute.delete_route, route)
        for range_, via in sorted(decision.routes.items()):
            wanted = iproute.Route(range_, via, device)
            if wanted in ours:
                continue
            if range_ == configured:
                mistakes.append('pod range %s of the node at %s is in use on this node' % (range_, via))
            elif range_ in others:
                mistakes.append('a route to %s exists that is not of kstack-routes; not replaced' % range_)
            else:
                self.attempt(mistakes, iproute.set_route, range_, via, device,
                             any(route.range == range_ for route in ours))


def stale(ours, decision, configured):
    """
    The routes of ours that nobody has any more: those to a range of no Node, and those to this node's own. The route of a
    Node whose address or range has become malformed stays.
    """
    return [route for route in ours
            if route.range in (decision.own, configured) or
            route.range not in decision.ranges and route.via not in decision.kept]


def start(api, given, period=30):
    """The loop that follows the Node objects; period is the seconds until routes deleted by hand come back."""
    mirror = Mirror(api, '/api/v1/nodes', keep=pod_ranges.read, changed=lambda: loop.wake())
    known = Records(api, lambda: loop.wake(), optional=True)
    loop = Loop(Routes(given, mirror.all, lambda: records.addresses(known.all())).act, period=period)
    for one in (mirror, known):
        one.start()
    for one in (mirror, known):
        one.complete.wait()
    return loop


def main():
    settings = Settings()
    facts = given(settings)
    while not os.path.exists(KUBELET_CERTIFICATE):
        time.sleep(1)
    start(clients.of_node(settings), facts).run()
