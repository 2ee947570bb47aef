import json
import unittest

from kstack import iproute, marks, nodes, values

ROLES = ['gateway', 'master', 'minion']
PENDING = {'key': 'kstack.io/pending', 'effect': 'NoSchedule'}
GPU = {'labels': {'a': 'b', 'c': 'd'}, 'taints': ['x=y:NoSchedule', 'z:NoExecute'], 'formerLabels': ['old'],
       'formerTaints': ['f=1:NoSchedule', 'x=other:NoSchedule']}


def pools(**known):
    return marks.pools(json.dumps({'cluster': 'demo', 'pools': known}))


def node(name, labels={}, taints=()):
    return marks.kept({'metadata': {'name': name, 'resourceVersion': '7', 'labels': labels},
                       'spec': {'taints': list(taints)}})


def patch(one, known={}, cluster='demo'):
    return marks.patch(one, cluster, known, ROLES)


def of(role, name):
    return node(name, {'kstack.io/role': role, 'node-role.kubernetes.io/' + role: '', 'a': 'b'})


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
        self.assertEqual(patch(of('gateway', 'demo-minion-1'))['metadata']['labels'], {
            'kstack.io/role': 'minion', 'node-role.kubernetes.io/minion': '', 'node-role.kubernetes.io/gateway': None})
        self.assertEqual(patch(node('demo-master-0'))['metadata']['labels'], {
            'kstack.io/role': 'master', 'node-role.kubernetes.io/master': ''})

    def test_a_node_that_has_the_labels_of_its_role_or_is_of_another_cluster_is_not_changed(self):
        for one in (of('master', 'demo-master-0'), of('minion', 'demo-minion-g2-11'), of('gateway', 'demo-minion-a-b-0'),
                    of('gateway', 'demo2-minion-0'), of('gateway', 'minion-0'), of('gateway', 'demo-gpu-0')):
            self.assertIsNone(patch(one), one)

    def test_a_malformed_node_is_no_node_of_the_cluster(self):
        for value in (None, 1, 'x', [], {}, [None], 'a\nb'):
            for one in ({'metadata': value, 'spec': value}, {'metadata': {'name': value, 'labels': value}, 'spec': value},
                        {'metadata': {'name': 'demo-gpu-0', 'labels': value}, 'spec': {'taints': [value]}}):
                patch(marks.kept(one), pools(gpu=GPU))


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
                'c': '[]', 'd': 'x', 'e': None}
        self.assertEqual(nodes.records([{'data': data}]), {'a': values.address('10.0.0.1')})
        self.assertEqual(nodes.records([]), {})

    def test_the_nodes_are_in_the_network_of_this_master(self):
        local = iproute.read_addresses(
            '1: lo    inet 127.0.0.1/8 scope host lo\n3: eth1    inet 10.0.1.7/32 scope global eth1\n'
            '2: eth0    inet 10.0.1.7/23 brd 10.0.1.255 scope global eth0\n'
            '2: eth0    inet 10.0.0.5/32 scope global eth0\n2: eth0    inet 10.0.1.7/32 scope global eth0\n')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.1.7'), local)), '10.0.0.0/23')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.0.5'), local)), '10.0.0.5/32')
        self.assertEqual(str(nodes.subnet_of(values.address('10.0.0.9'), local)), '10.0.0.9/32')
