import unittest

from kstack import leave_request
from kstack.leave_request import LABEL, RESTRICTED_LABEL, parse, takes_pods_of

ODD = (None, 7, True, [], ['drain'], {}, {'a': 1}, 'x' * 100000, 'a\nb', '\x00', -1, 1.5)


def node(name='demo-minion-1', labels=None, annotations=None, **spec):
    return {'metadata': {'name': name, 'uid': 'u', 'labels': labels or {}, 'annotations': annotations or {}}, 'spec': spec}


def labels(own=None, restricted=None):
    given = ((LABEL, own), (RESTRICTED_LABEL, restricted))
    return {key: value for key, value in given if value is not None}


class Requests(unittest.TestCase):
    def action(self, **given):
        found = parse(node(labels=labels(**given)))
        self.assertEqual(found.asks, bool(found.action or found.wrong))
        return found.action or found.wrong

    def test_drain_and_leave_count_in_each_label(self):
        for value in ('drain', 'leave'):
            self.assertEqual(self.action(own=value), value)
            self.assertEqual(self.action(restricted=value), value)
            self.assertEqual(self.action(own=value, restricted=value), value)

    def test_dead_counts_only_in_the_label_that_nodes_cannot_set(self):
        self.assertEqual(self.action(restricted='dead'), 'dead')
        self.assertEqual(self.action(own='dead', restricted='dead'), 'dead')
        for restricted in (None, '', 'drain', 'leave'):
            self.assertRegex(self.action(own='dead', restricted=restricted), '^the label kstack.io/leave may be drain or l')

    def test_a_node_that_leaves_while_it_is_drained_leaves(self):
        self.assertEqual(self.action(own='leave', restricted='drain'), 'leave')
        self.assertEqual(self.action(own='drain', restricted='leave'), 'leave')
        self.assertEqual(self.action(own='leave', restricted='dead'), 'dead')

    def test_another_value_is_wrong_in_each_label(self):
        self.assertEqual(self.action(own='now'), 'the label kstack.io/leave must be drain, leave or dead, but is now')
        self.assertEqual(self.action(own='drain', restricted='now'),
                         'the label %s must be drain, leave or dead, but is now' % RESTRICTED_LABEL)

    def test_without_a_value_there_is_no_request(self):
        for given in ({}, {'own': ''}, {'restricted': ''}):
            self.assertEqual(self.action(**given), '')

    def test_a_timeout_is_seconds_or_the_default(self):
        for value, seconds in (('77', 77), ('0', 0), ('999999', 999999), ('1000000', 300), ('-1', 300), ('1e3', 300),
                               ('5 s', 300), ('', 300)):
            self.assertEqual(parse(node(annotations={leave_request.TIMEOUT: value})).timeout, seconds, value)
        self.assertEqual(parse(node()).timeout, 300)

    def test_force_is_true_and_nothing_else(self):
        for value in ('false', 'True', '1', '', True):
            self.assertFalse(parse(node(annotations={leave_request.FORCE: value})).force)
        self.assertTrue(parse(node(annotations={leave_request.FORCE: 'true'})).force)

    def test_malformed_objects_are_no_request(self):
        for odd in ODD:
            self.assertIsNone(parse(odd))
            self.assertIsNone(parse({'metadata': odd}))
            self.assertIsNone(parse(node(name=odd)))
            one = {'metadata': {'name': 'n', 'uid': odd, 'labels': odd, 'annotations': odd}, 'spec': odd}
            self.assertEqual(parse(one)[:8], ('n', odd if isinstance(odd, str) else '', False, '', '', 300, False, False))
            self.assertFalse(takes_pods_of(parse(node('a')), [parse(node(taints=[odd, {'key': odd}]))]))
            self.assertTrue(parse(node(taints=odd)).repels <= {''})
            for key in (LABEL, RESTRICTED_LABEL):
                found = parse(node(labels={key: odd}))
                self.assertEqual(found.action, '')
                self.assertTrue(len(found.wrong) < 400 and '\n' not in found.wrong)
            marked = {key: odd for key in (leave_request.TIMEOUT, leave_request.FORCE, leave_request.SILENT)}
            self.assertEqual(parse(node(annotations=marked)).timeout, 7 if odd == 7 else 300)


class Places(unittest.TestCase):
    def takes(self, other, own=None):
        return takes_pods_of(parse(own or node()), [parse(own or node()), parse(other)])

    def test_another_node_takes_pods(self):
        self.assertTrue(self.takes(node('b')))
        self.assertFalse(takes_pods_of(parse(node()), [parse(node())]))

    def test_a_node_that_is_cordoned_or_leaves_takes_none(self):
        self.assertFalse(self.takes(node('b', unschedulable=True)))
        for asked in ('drain', 'unknown', ''):
            self.assertFalse(self.takes(node('b', labels(own=asked))))
            self.assertFalse(self.takes(node('b', labels(restricted=asked))))

    def test_a_taint_counts_unless_the_leaving_node_has_it_too(self):
        tainted = node('b', taints=[{'key': 'gpu', 'effect': 'NoSchedule'}])
        self.assertFalse(self.takes(tainted))
        self.assertTrue(self.takes(tainted, node('a', taints=[{'key': 'gpu', 'effect': 'NoExecute'}])))
        self.assertTrue(self.takes(node('b', taints=[{'key': 'gpu', 'effect': 'PreferNoSchedule'}])))
        self.assertTrue(self.takes(node('b', taints=[{'key': 'node.kubernetes.io/not-ready', 'effect': 'NoExecute'}])))


class Answers(unittest.TestCase):
    def test_an_answer_ends_the_request_in_one_patch(self):
        patch = leave_request.answer('failed: why', uncordon=True)
        self.assertEqual(patch['metadata']['labels'], {LABEL: None, RESTRICTED_LABEL: None})
        self.assertEqual(patch['metadata']['annotations'][leave_request.STATE], 'failed: why')
        self.assertEqual(patch['spec'], {'unschedulable': None})
        self.assertEqual(leave_request.answer('drained')['spec'], {})
