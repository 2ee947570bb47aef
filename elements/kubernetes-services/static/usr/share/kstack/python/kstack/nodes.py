"""
kstack-nodes: decides the certificate requests of kubelets, publishes when certificates expire, and gives nodes their labels
and taints. Every master runs it; it does not matter which of them acts.
"""
import datetime
import ipaddress
import json
import os
import sys
import threading

from . import approver, certificates, csr, iproute, marks, members, records, values
from .api import ApiError, path
from .clients import of_master
from .log import Repeated, say
from .loop import Loop, each
from .mirror import Mirror
from .records import MAPS, Records
from .settings import Settings

CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
ROLES = '/usr/share/kstack/assemble/roles'

# Requests of one user that are decided at one look.
AT_A_TIME = 5

# Records of members: a ConfigMap holds a mebibyte, and a record has about a hundred bytes.
MOST_RECORDS = 6000


def facts(settings):
    """What this master knows of its cluster."""
    name, role = settings.text('NODE_NAME'), settings.text('ROLE')
    reserved = [settings.address(key, optional=True) for key in (
        'API_ADDRESS', 'API_PUBLIC_ADDRESS', 'SERVICE_ADDRESS', 'CLUSTER_DNS')]
    subnet = subnet_of(settings.address('NODE_IP'), iproute.addresses())
    cluster = members.cluster_of(name, role)
    if cluster is None:
        sys.exit('%s is not the name of a node with the role %s' % (name, role))
    return approver.Facts(cluster, subnet, [one for one in reserved if one is not None],
                          [settings.network('POD_CIDR'), settings.network('SERVICE_CIDR')])


def subnet_of(address, local):
    """The range of the network in which an address of this node is; the address alone if no interface has it."""
    place = iproute.place_of(address, local)
    return ipaddress.IPv4Network(address) if place is None else place.range


class Certificates(object):
    """Decides requests, each by itself: one that has to wait delays no other."""
    def __init__(self, api, known):
        self.api = api
        self.known = known
        # Every few seconds: some requests wait for what no watch reports.
        self.loop = Loop(self.act, period=5)
        self.requests = Mirror(api, CSRS, keep=kept_request, changed=self.loop.wake).start()
        self.nodes = Mirror(api, '/api/v1/nodes', keep=approver.node, changed=self.loop.wake).start()
        self.records = Records(api, self.loop.wake).start()

    def run(self):
        for mirror in (self.requests, self.nodes, self.records):
            mirror.complete.wait()
        self.loop.run()

    def act(self):
        nodes = {node.name: node for node in self.nodes.all()}
        known = records.addresses(self.records.all())
        pending = fair([one for one in self.requests.all() if one['spec'] is not None])
        each(lambda one: self.decide(one, nodes, known), pending,
             lambda one: 'certificate request ' + values.printable(one['name']))
        self.write(void(self.records.all(), nodes))

    def decide(self, one, nodes, known):
        verdict = approver.decide(one['spec'], age(one['created']), self.known, nodes, known)
        if verdict.action == approver.WAIT:
            return
        if verdict.address is not None:
            name = one['spec']['username'][len(approver.MEMBER):]
            self.write(with_record(self.records.all(), name, verdict.address, nodes))
            known[name] = verdict.address
        elif verdict.joined in known:
            self.write({verdict.joined: None})
            del known[verdict.joined]
        try:
            answer(self.api, one['name'], verdict)
        except ApiError as error:
            # Another master was faster.
            if not (error.conflict or error.not_found):
                raise
            return
        if verdict.action == approver.DENY:
            say('certificate request %s of %s denied: %s' % (
                one['name'], values.printable(one['spec'].get('username')), verdict.reason))
            tell(self.api, one['name'], verdict.reason)

    def write(self, data):
        """Changes records: texts by name, None for those to delete."""
        if data:
            self.api.patch(MAPS + '/' + records.NAME, {'data': data})


def with_record(known, name, address, nodes):
    """
    The change that records the address of a member, which Heat put into its token, for the certificates that come: also
    while it has no Node object, which it can have removed and make again. Of members that are gone, the oldest are deleted
    if they are many.
    """
    gone = sorted((one for one in known if one not in nodes), key=lambda one: known[one].since)
    data = {one: None for one in gone[:max(0, len(known) - MOST_RECORDS)]}
    data[name] = json.dumps({'address': str(address), 'since': now()})
    return data


def void(known, nodes):
    """
    The change that deletes the records of removed members that kstack alone wrote. The next member of the name, which has no
    token of its own, may have another address.
    """
    return {name: None for name, one in known.items() if not one.since and name not in nodes}


def fair(pending):
    """Oldest requests first, limited per user, so that one user with many requests does not delay others."""
    counts = {}
    for one in sorted(pending, key=lambda one: (one['created'], one['name'])):
        user = values.text(one['spec'].get('username'))
        counts[user] = counts.get(user, 0) + 1
        if counts[user] <= AT_A_TIME:
            yield one


def kept_request(one):
    """
    What is kept of a request: no spec if it is decided, or none of ours. Whoever may make requests may make many, of more
    than a megabyte each.
    """
    spec, status = values.mapping(one.get('spec')), values.mapping(one.get('status'))
    metadata = one['metadata']
    waits = not values.items(status.get('conditions')) and approver.concerns(spec)
    kept = {key: spec.get(key) for key in ('signerName', 'username', 'groups', 'extra', 'usages')}
    kept['request'] = values.text(spec.get('request'))[:csr.LARGEST + 1]
    return {'name': metadata['name'], 'created': values.text(metadata.get('creationTimestamp')),
            'spec': kept if waits else None, 'issued': certificates.issued(one)}


def answer(api, name, verdict):
    """Writes the verdict into the request, unless it has one."""
    approved = verdict.action == approver.APPROVE
    where = CSRS + path(name)
    request = api.get(where)
    conditions = request.setdefault('status', {}).setdefault('conditions', [])
    if conditions:
        return
    conditions.append({'type': 'Approved' if approved else 'Denied', 'status': 'True', 'message': verdict.reason,
                       'reason': 'KstackApproved' if approved else 'KstackDenied'})
    api.replace(where + '/approval', request)


def tell(api, name, reason):
    """An Event, which `kubectl get events` shows."""
    try:
        api.create('/api/v1/namespaces/default/events', {
            'metadata': {'name': name + '.denied'}, 'type': 'Warning', 'reason': 'CertificateDenied', 'message': reason,
            'source': {'component': 'kstack-nodes'}, 'firstTimestamp': now(), 'lastTimestamp': now(), 'count': 1,
            'involvedObject': {'apiVersion': 'certificates.k8s.io/v1', 'kind': 'CertificateSigningRequest', 'name': name}})
    except ApiError:
        pass  # it is in the journal and in the request


def now():
    return datetime.datetime.utcnow().strftime('%Y-%m-%dT%H:%M:%SZ')


def age(created):
    """Seconds since a time of the API; 0 if it is not one."""
    try:
        return (datetime.datetime.utcnow() - datetime.datetime.strptime(created, '%Y-%m-%dT%H:%M:%SZ')).total_seconds()
    except ValueError:
        return 0


class Marks(object):
    """Gives nodes their labels and taints."""
    def __init__(self, api, cluster, roles):
        self.api = api
        self.cluster = cluster
        self.roles = roles
        self.mistakes = Repeated()
        self.strangers = Repeated()
        self.loop = Loop(self.act, period=30)
        self.nodes = Mirror(api, '/api/v1/nodes', keep=marks.kept, changed=self.loop.wake).start()
        self.pools = Mirror(api, MAPS, {'fieldSelector': 'metadata.name=kstack-pools'}, changed=self.loop.wake).start()
        self.records = Records(api, self.loop.wake).start()

    def run(self):
        for mirror in (self.nodes, self.pools, self.records):
            mirror.complete.wait()
        self.loop.run()

    def act(self):
        known, of_heat, nodes = self.known(), self.records.all(), self.nodes.all()
        self.strangers.now(marks.strangers(nodes, of_heat))
        each(lambda node: self.mark(node, known, of_heat), nodes, lambda node: 'node ' + values.printable(node['name']))

    def known(self):
        maps = self.pools.all()
        if not maps:
            return {}
        try:
            found = marks.pools(maps[0]['data']['pools.json'])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.mistakes.now(['the ConfigMap kstack-pools is malformed: %r' % error])
            return {}
        self.mistakes.now([])
        return found

    def mark(self, node, known, of_heat):
        change = marks.patch(node, self.cluster, known, self.roles, of_heat)
        if change is None:
            return
        try:
            self.api.patch(path('api', 'v1', 'nodes', node['name']), change)
        except ApiError as error:
            # It is gone, or another master did the same; the next look shows.
            if not (error.conflict or error.not_found):
                raise


def main():
    settings = Settings()
    known = facts(settings)
    marking = Marks(of_master('kstack-nodes'), known.cluster, sorted(os.listdir(ROLES)))
    threading.Thread(target=marking.run, daemon=True).start()
    deciding = Certificates(of_master('kstack-nodes'), known)
    publishing = certificates.Ends(of_master('kstack-nodes'), settings.text('NODE_NAME'), deciding.requests, deciding.nodes)
    threading.Thread(target=publishing.run, daemon=True).start()
    deciding.run()
