import json
import unittest

from kstack import iproute, marks, nodes, records, values

ROLES = ['gateway', 'master', 'minion']
PENDING = {'key': 'kstack.io/pending', 'effect': 'NoSchedule'}
MASTER, CONTROL_PLANE = 'node-role.kubernetes.io/master', 'node-role.kubernetes.io/control-plane'
SERVER = '6e7d30b6-0d0c-4a53-8d4c-0f1f6f1c9a11'
GPU = {'labels': {'a': 'b', 'c': 'd'}, 'taints': ['x=y:NoSchedule', 'z:NoExecute'], 'formerLabels': ['old'],
       'formerTaints': ['f=1:NoSchedule', 'x=other:NoSchedule']}


def pools(**known):
    return marks.pools(json.dumps({'cluster': 'demo', 'pools': known}))


def node(name, labels={}, taints=(), version='v1.20.2', **spec):
    return marks.kept({'metadata': {'name': name, 'resourceVersion': '7', 'labels': labels},
                       'spec': dict({'taints': list(taints)}, **spec),
                       'status': {'nodeInfo': {'kubeletVersion': version}}})


def patch(one, known={}, cluster='demo', recorded={}):
    return marks.patch(one, cluster, known, ROLES, recorded)


def of(role, name):
    more = {'master': {CONTROL_PLANE: ''}}.get(role, {})
    taints = {'gateway': [taint('kstack.io/gateway')], 'master': [taint(MASTER)]}.get(role, [])
    return node(name, dict({'kstack.io/role': role, 'node-role.kubernetes.io/' + role: '', 'a': 'b'}, **more), taints)


def taint(key, effect='NoSchedule'):
    return {'key': key, 'effect': effect}


class Pools(unittest.TestCase):
    def test_a_node_gets_the_labels_and_taints_of_the_pool_in_its_name_in_one_patch(self):
        for name in ('demo-gpu-0', 'demo-gpu-g2-11'):
            self.assertEqual(patch(node(name, {}, [PENDING]), pools(gpu=GPU)), {
                'metadata': {'labels': {'a': 'b', 'c': 'd'}, 'resourceVersion': '7'},
                'spec': {'taints': [{'key': 'x', 'value': 'y', 'effect': 'NoSchedule'},
                                    {'key': 'z', 'effect': 'NoExecute'}]}})

    def test_what_a_pool_no_longer_has_is_removed_and_a_changed_value_overwritten(self):
        has = [{'key': 'f', 'value': '1', 'effect': 'NoSchedule'}, {'key': 'own', 'effect': 'NoSchedule'},
               {'key': 'x', 'value': 'other', 'effect': 'NoSchedule'}]
        change = patch(node('demo-gpu-0', {'old': '1', 'a': 'z', 'own': 'kept'}, has), pools(gpu=GPU))
        self.assertEqual(change['metadata']['labels'], {'a': 'b', 'c': 'd', 'old': None})
        self.assertEqual([marks.taint_text(one) for one in change['spec']['taints']],
                         ['own:NoSchedule', 'x=y:NoSchedule', 'z:NoExecute'])

    def test_a_node_that_has_all_of_them_or_whose_name_is_of_no_pool_is_not_changed(self):
        taints = [{'key': 'x', 'value': 'y', 'effect': 'NoSchedule', 'timeAdded': 'then'},
                  {'key': 'z', 'effect': 'NoExecute'}]
        known = pools(gpu=GPU)
        self.assertIsNone(patch(node('demo-gpu-0', {'a': 'b', 'c': 'd'}, taints), known))
        for name in ('demo-gpu', 'demo-gpu-x-0', 'xdemo-gpu-0', 'demo-gpu-0-1', 'demo-gpux-0', 'demo-gpu-00'):
            self.assertIsNone(patch(node(name), known), name)
        self.assertIsNone(patch(node('demo-gpu-0'), known, 'other'))

    def test_a_malformed_ConfigMap_is_an_error(self):
        for text in ('', '[]', '{}', '{"pools": []}', '{"pools": {"a": null}}', '{"pools": {"a": {"labels": 1}}}'):
            with self.assertRaises((ValueError, KeyError, TypeError, AttributeError)):
                marks.pools(text)


class Roles(unittest.TestCase):
    def test_a_node_that_claims_another_role_is_labelled_with_the_role_in_its_name(self):
        self.assertEqual(patch(of('gateway', 'demo-minion-1')), {
            'metadata': {'resourceVersion': '7', 'labels': {
                'kstack.io/role': 'minion', 'node-role.kubernetes.io/minion': '', 'node-role.kubernetes.io/gateway': None}},
            'spec': {'taints': []}})
        self.assertEqual(patch(of('master', 'demo-gateway-1')), {
            'metadata': {'resourceVersion': '7', 'labels': {
                'kstack.io/role': 'gateway', 'node-role.kubernetes.io/gateway': '', MASTER: None, CONTROL_PLANE: None}},
            'spec': {'taints': [taint('kstack.io/gateway')]}})

    def test_masters_have_the_labels_that_kubeadm_gives_them_in_their_release(self):
        for version, wanted in (('v1.19.16', [MASTER]), ('v1.20.2', [CONTROL_PLANE, MASTER]),
                                ('v1.23.17', [CONTROL_PLANE, MASTER]), ('v1.24.0', [CONTROL_PLANE]),
                                ('v1.36.2', [CONTROL_PLANE]), ('', [CONTROL_PLANE, MASTER]),
                                ('1.36', [CONTROL_PLANE, MASTER])):
            for had in ([], [MASTER], [CONTROL_PLANE, MASTER]):
                labels = dict({key: '' for key in had}, **{'kstack.io/role': 'master'})
                change = patch(node('demo-master-0', labels, version=version)) or {'metadata': {'labels': {}}}
                labels.update(change['metadata']['labels'])
                self.assertEqual(sorted(key for key, value in labels.items() if value == ''), wanted, version)

    def test_masters_have_the_taints_that_kubeadm_gives_them_in_their_release(self):
        for version, wanted in (('v1.20.2', [MASTER]), ('v1.23.17', [MASTER]), ('v1.24.1', [MASTER, CONTROL_PLANE]),
                                ('v1.25.0', [CONTROL_PLANE]), ('v1.36.2', [CONTROL_PLANE]),
                                ('rubbish', [MASTER, CONTROL_PLANE])):
            both = [taint(MASTER), taint(CONTROL_PLANE)]
            for had in ([PENDING], both[:1], both[1:], both + [PENDING]):
                change = patch(node('demo-master-g2-0', {}, had, version))
                self.assertEqual(sorted(marks.taint_text(one) for one in change.get('spec', {}).get('taints', had)),
                                 sorted(key + ':NoSchedule' for key in wanted), (version, had))
                self.assertIn('labels', change['metadata'], 'in one request')

    def test_a_master_from_which_an_operator_removed_the_taint_gets_none_again(self):
        self.assertNotIn('spec', patch(node('demo-master-0', {}, [taint('own')])))

    def test_a_gateway_has_its_taint_whatever_it_registered_with(self):
        for name, known in (('demo-gateway-0', {}), ('demo-edge-3', pools(edge={
                'labels': {'kstack.io/role': 'gateway'}, 'taints': [], 'formerLabels': [], 'formerTaints': []}))):
            for had in ([], [PENDING], [taint(MASTER)], [PENDING, taint(CONTROL_PLANE)]):
                change = patch(node(name, {}, had), known)
                self.assertEqual(change['spec']['taints'], [taint('kstack.io/gateway')])
                self.assertEqual(change['metadata']['labels']['kstack.io/role'], 'gateway')
        self.assertIsNone(patch(node('demo-edge-3', {}, [PENDING])), 'its pool is not stored yet')

    def test_a_minion_does_not_keep_taints_of_another_role_that_it_registered_with(self):
        own = [taint('own'), taint('kstack.io/gateway', 'NoExecute')]
        had = [taint('kstack.io/gateway'), taint(MASTER), taint(CONTROL_PLANE), PENDING]
        self.assertEqual(patch(node('demo-minion-0', {}, had + own))['spec']['taints'], own)

    def test_a_node_that_has_the_labels_of_its_role_or_is_of_another_cluster_is_not_changed(self):
        for one in (of('master', 'demo-master-0'), of('gateway', 'demo-gateway-0'), of('minion', 'demo-minion-g2-11'),
                    of('gateway', 'demo-minion-a-b-0'),
                    of('gateway', 'demo2-minion-0'), of('gateway', 'minion-0'), of('gateway', 'demo-gpu-0')):
            self.assertIsNone(patch(one), one)

    def test_a_malformed_node_is_no_node_of_the_cluster(self):
        for value in (None, 1, 'x', [], {}, [None], 'a\nb'):
            for one in ({'metadata': value, 'spec': value}, {'metadata': {'name': value, 'labels': value}, 'spec': value},
                        {'metadata': {'name': 'demo-gpu-0', 'labels': value}, 'spec': {'taints': [value]}},
                        {'metadata': {'name': 'demo-master-0'}, 'spec': {'providerID': value},
                         'status': {'nodeInfo': {'kubeletVersion': value}}},
                        {'metadata': {'name': 'demo-master-0'}, 'status': {'nodeInfo': value}}):
                patch(marks.kept(one), pools(gpu=GPU))


class Servers(unittest.TestCase):
    KNOWN = {'demo-minion-0': records.Record(values.address('10.0.0.12'), SERVER, '')}

    def test_a_node_without_a_providerID_gets_that_of_its_recorded_server(self):
        change = patch(node('demo-minion-0'), recorded=self.KNOWN)
        self.assertEqual(change['spec'], {'providerID': 'openstack:///' + SERVER})
        self.assertEqual(change['metadata']['resourceVersion'], '7')
        unknown = {'demo-minion-0': records.Record(values.address('10.0.0.12'), None, '')}
        for name, recorded in (('demo-minion-1', self.KNOWN), ('demo-minion-0', {}), ('demo-minion-0', unknown)):
            self.assertNotIn('spec', patch(node(name), recorded=recorded))

    def test_a_providerID_is_never_changed_and_one_of_another_server_is_reported(self):
        for provider, said in (('openstack:///' + SERVER, 0), ('openstack://' + SERVER, 1), ('aws:///i-1', 1), ('', 0)):
            one = node('demo-minion-0', providerID=provider)
            if provider:
                self.assertNotIn('spec', patch(one, recorded=self.KNOWN))
            messages = list(marks.strangers([one, node('demo-minion-1', providerID='x')], self.KNOWN))
            self.assertEqual(len(messages), said, provider)


class Requests(unittest.TestCase):
    def test_who_asks_often_delays_no_other(self):
        def request(name, user):
            return {'name': name, 'created': '2026-01-01T00:00:%02dZ' % len(name), 'spec': {'username': user}}
        many = [request('a' * number, 'system:node:demo-minion-0') for number in range(1, 50)]
        other = request('b' * 50, 'system:node:demo-minion-1')
        names = [one['name'] for one in nodes.fair(many + [other])]
        self.assertEqual(names, ['a' * number for number in range(1, 6)] + ['b' * 50])


class Records(unittest.TestCase):
    def test_a_malformed_record_is_none(self):
        data = {'a': '{"address": "10.0.0.1", "since": "x"}', 'b': '{"address": "10.00.0.1"}',
                'c': '[]', 'd': 'x', 'e': None, 'f': '[' * 100000, 'g': '{"address": ["10.0.0.1"]}',
                'h': '{"address": "10.0.0.2", "server": "%s", "since": 7}' % SERVER,
                'i': '{"address": "10.0.0.3", "server": "%s"}' % SERVER.upper()}
        self.assertEqual(records.parse({'data': data}), {
            'a': records.Record(values.address('10.0.0.1'), None, 'x'),
            'h': records.Record(values.address('10.0.0.2'), SERVER, ''),
            'i': records.Record(values.address('10.0.0.3'), None, '')})
        for value in (None, 1, 'x', [], {}, {'data': None}, {'data': [1]}, {'data': {'a': {}}}):
            self.assertEqual(records.parse(value), {})

    def test_the_record_of_a_removed_member_stays_if_its_own_token_gave_it(self):
        known = records.parse({'data': {'demo-minion-0': '{"address": "10.0.0.1", "since": "2026"}',
                                        'demo-minion-1': '{"address": "10.0.0.2"}',
                                        'demo-minion-2': '{"address": "10.0.0.3"}'}})
        self.assertEqual(nodes.void(known, {'demo-minion-2': None}), {'demo-minion-1': None})

    def test_of_too_many_records_the_oldest_of_removed_members_are_deleted(self):
        known = {'demo-minion-%d' % one: records.Record(values.address('10.0.0.1'), None, '2026-%05d' % one)
                 for one in range(nodes.MOST_RECORDS + 2)}
        data = nodes.with_record(known, 'demo-new-0', values.address('10.0.0.9'), {'demo-minion-0': None})
        self.assertEqual([name for name in data if data[name] is None], ['demo-minion-1', 'demo-minion-2'])
        self.assertEqual(json.loads(data['demo-new-0'])['address'], '10.0.0.9')

    def test_the_nodes_are_in_the_network_of_this_master(self):
        local = iproute.read_addresses(
            '1: lo    inet 127.0.0.1/8 scope host lo\n3: eth1    inet 10.0.1.7/32 scope global eth1\n'
            '2: eth0    inet 10.0.1.7/23 brd 10.0.1.255 scope global eth0\n'
            '2: eth0    inet 10.0.0.5/32 scope global eth0\n2: eth0    inet 10.0.1.7/32 scope global eth0\n')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.1.7'), local)), '10.0.0.0/23')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.0.5'), local)), '10.0.0.5/32')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.0.9'), local)), '10.0.0.9/32')
