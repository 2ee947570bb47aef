"""
kstack-services: writes what a cloud's load balancer controller would, the addresses of the gateways into the status of
exposed Services, and Events for ports that are not exposed. Every master runs this; only the one that holds the API address
writes. Two that hold it for a moment write the same.
"""
import sys
import threading
import time

from . import api_address, clients, gateways, records, service_events, statuses, values
from .api import ApiError, path
from .exposed import exposed
from .log import Repeated, say
from .loop import Loop, each
from .members import cluster_of
from .mirror import Mirror
from .records import MAPS
from .settings import Settings

COMPONENT = 'kstack-services'
POOLS, MEMBERS = MAPS + '/kstack-pools', MAPS + '/' + records.NAME

# Seconds between two looks at who holds the API address, and between two at everything without a change.
LOOK = 2
PERIOD = 30


def service_path(kept):
    return path('api', 'v1', 'namespaces', kept.namespace, 'services', kept.name)


class Services(object):
    """
    holds  whether this master is the one that writes
    """
    def __init__(self, api, cluster, taken, holds, clock=time.time):
        self.api = api
        self.cluster = cluster
        self.taken = taken
        self.holds = holds
        self.clock = clock
        self.held = False
        self.due = 0
        self.changes = threading.Event()
        self.written = {}
        self.mistakes = Repeated()
        self.refusals = Repeated()
        self.loop = Loop(self.act, period=LOOK)
        self.services = Mirror(api, '/api/v1/services', keep=statuses.keep, changed=self.changed)
        self.nodes = Mirror(api, '/api/v1/nodes', keep=gateways.parse, changed=self.changed)

    def changed(self):
        self.changes.set()
        self.loop.wake()

    def run(self):
        for mirror in (self.services, self.nodes):
            mirror.start()
        for mirror in (self.services, self.nodes):
            mirror.complete.wait()
        self.loop.run()

    def act(self):
        before, self.held = self.held, self.holds()
        if not self.held:
            self.written = {}
            return
        if before and not self.changes.is_set() and time.monotonic() < self.due:
            return
        self.changes.clear()
        self.due = 0
        self.write()
        self.due = time.monotonic() + PERIOD

    def write(self):
        """Everything that is missing. What fails keeps nothing else from being written; it is raised at the end."""
        nodes = self.nodes.all()
        pools, known = gateways.pools_of_gateways(values.mapping(self.map(POOLS).get('data')).get('pools.json'))
        recorded = records.addresses(records.parse(self.map(MEMBERS)))
        addresses, mistakes = gateways.addresses(nodes, self.cluster, pools, self.taken, recorded)
        kept = [one for one in self.services.all() if one is not None]
        good, refused = exposed(one.service for one in kept if one.service is not None)
        mistakes += gateways.unknown(nodes, self.cluster, known)
        mistakes += ['Service %s/%s: %s' % (one.service.namespace, one.service.name, one.message)
                     for one in refused if not one.service.uid]
        self.mistakes.now(mistakes)
        self.send([one for one in refused if one.service.uid])
        served = {(one.service.namespace, one.service.name) for one in good}
        missing = [(one, statuses.wanted(one, served, addresses)) for one in kept]
        each(lambda one: self.write_status(*one), [one for one in missing if one[1] is not None],
             lambda one: 'the status of %s/services/%s' % (one[0].namespace, one[0].name))

    def map(self, where):
        """A ConfigMap; an empty object if it does not exist."""
        try:
            return values.mapping(self.api.get(where))
        except ApiError as error:
            if error.not_found:
                return {}
            raise

    def write_status(self, kept, wants):
        """With the version that was read, so that no later change is overwritten; of a later one, the mirror will tell."""
        where = service_path(kept)
        try:
            one = self.api.get(where)
            if statuses.keep(one) != kept:
                return
            self.api.replace(where + '/status', statuses.with_addresses(one, wants))
        except ApiError as error:
            if error.not_found or error.conflict:
                return
            raise
        say('updated the status of %s/services/%s' % (kept.namespace, kept.name))

    def send(self, refused):
        """The Events. One may be refused, for example in a namespace that is deleted; it is tried again."""
        now = self.clock()
        events = {service_events.identity(one): one
                  for one in (service_events.event(each_one, COMPONENT, now) for each_one in refused)}
        self.written = {name: one for name, one in self.written.items() if name in events}
        due = {name: one for name, one in events.items()
               if service_events.is_due(*(self.written.get(name, ('', 0)) + (one, now)))}
        if not due:
            return
        present = self.present(due)
        for name, one in present.items():
            self.written[name] = (one.get('message'), service_events.written_at(one))
        create, replace = service_events.plan(due.values(), present, now)
        refusals = []
        for act, given in ((self.create, create), (self.replace, replace)):
            for one in given:
                try:
                    act(one)
                    self.written[service_events.identity(one)] = (one['message'], now)
                except ApiError as error:
                    if error.status == 0:
                        raise
                    refusals.append('Event %s/%s: %s' % (service_events.identity(one) + (error,)))
        self.refusals.now(refusals)

    def present(self, names):
        """The Events of the API that have one of these names."""
        pages = self.api.list('/api/v1/events', {'fieldSelector': 'source=' + COMPONENT})
        next(pages)
        return {service_events.identity(one): one for one in pages if service_events.identity(one) in names}

    def create(self, event):
        self.api.create(path('api', 'v1', 'namespaces', event['metadata']['namespace'], 'events'), event)

    def replace(self, event):
        self.api.replace(path('api', 'v1', 'namespaces', event['metadata']['namespace'], 'events',
                              event['metadata']['name']), event)


def taken_addresses(settings):
    """Addresses that a gateway must not have, from the settings of this master."""
    api = {settings.address('API_ADDRESS'), settings.address('API_PUBLIC_ADDRESS', optional=True),
           settings.address('CLUSTER_DNS', optional=True), settings.address('SERVICE_ADDRESS', optional=True)}
    return gateways.Taken(api - {None}, ((settings.network('SERVICE_CIDR'), 'Services'),
                                         (settings.network('POD_CIDR'), 'pods')))


def main():
    settings = Settings()
    name = settings.text('NODE_NAME')
    cluster = cluster_of(name, settings.text('ROLE'))
    if cluster is None:
        sys.exit('NODE_NAME is %r, which is no name of a %s' % (name, settings.text('ROLE')))
    address = settings.address('API_ADDRESS')
    Services(clients.of_master(COMPONENT), cluster, taken_addresses(settings), lambda: api_address.holds(address)).run()
