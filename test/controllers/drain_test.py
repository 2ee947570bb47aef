import unittest

from api_test import WithServer
from kstack import drain
from kstack.api import ApiError


class Pods(unittest.TestCase):
    def test_pods_of_daemon_sets_static_and_ended_ones_are_not_moved(self):
        def pod(kind=None, phase='Running', annotations=None):
            owners = [{'kind': kind}] if kind else []
            return {'metadata': {'namespace': 'a', 'name': 'b', 'ownerReferences': owners, 'annotations': annotations or {}},
                    'status': {'phase': phase}}
        for one in (pod(), pod('ReplicaSet'), pod(phase='Pending')):
            self.assertEqual(drain.movable(one), 'a/b')
        for one in (pod('DaemonSet'), pod('Node'), pod(phase='Succeeded'), pod(phase='Failed'),
                    pod(annotations={'kubernetes.io/config.mirror': 'x'})):
            self.assertIsNone(drain.movable(one))

    def test_malformed_pods_are_named_in_one_short_line(self):
        for odd in (None, 7, [], 'x', {}, 'x' * 100000, 'a\nb'):
            for pod in (odd, {'metadata': odd}, {'metadata': {'name': odd, 'ownerReferences': odd, 'annotations': odd},
                                                 'status': odd}, {'metadata': {'ownerReferences': [odd]}}):
                named = drain.movable(pod)
                self.assertTrue(len(named) < 500 and '\n' not in named)

    def test_the_reasons_are_those_of_kubectl_once_each(self):
        budget = "Cannot evict pod as it would violate the pod's disruption budget."
        printed = ''.join('error when evicting pods/"%s" -n "default" (will retry after 5s): %s\n' % (name, budget)
                          for name in 'ab') + 'error: unable to drain node "n", aborting command...\n\n'
        self.assertEqual(drain.reasons(printed), budget)
        self.assertEqual(drain.reasons('a\nUnable to connect\n\n'), 'Unable to connect')
        self.assertEqual(drain.reasons(''), '')
        self.assertLess(len(drain.reasons('x\x1b' * 100000)), 510)


class DeadNodes(WithServer):
    def pod(self, name):
        return {'metadata': {'namespace': 'default', 'name': name, 'uid': 'u-' + name}}

    def delete(self, status, reason=''):
        deleted = []

        def answers(method, where, body):
            if method == 'GET':
                odd = [{}, None, 7, {'metadata': None}, {'metadata': {'name': '../x'}}]
                return 200, {'metadata': {}, 'items': [self.pod('a')] + odd + [self.pod('b')]}
            deleted.append((where, body['gracePeriodSeconds'], body['preconditions']['uid']))
            return status, {'reason': reason}
        drain.delete_pods(self.serve(answers), 'demo-minion-1')
        self.assertEqual(self.server.asked[0][1].split('?')[1].split('&')[0], 'fieldSelector=spec.nodeName%3Ddemo-minion-1')
        self.assertEqual(deleted, [('/api/v1/namespaces/default/pods/a', 0, 'u-a'),
                                   ('/api/v1/namespaces/default/pods/b', 0, 'u-b')])

    def test_all_pods_are_deleted_at_once(self):
        self.delete(200)

    def test_a_pod_that_has_ended_meanwhile_or_is_another_one_does_not_matter(self):
        self.delete(404, 'NotFound')
        self.delete(409, 'Conflict')

    def test_another_refusal_is_an_error(self):
        with self.assertRaises(ApiError):
            self.delete(403)
