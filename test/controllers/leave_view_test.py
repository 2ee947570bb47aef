import unittest

from kstack.leave_view import LAST, others, own

ODD = (None, 7, True, 'x\ny', [], [7], {}, {'a': None})


def node(name, role='minion', ready='True', asks=False, last=False):
    labels = {'kstack.io/role': role}
    if asks:
        labels['kstack.io/leave'] = 'leave'
    return {'metadata': {'name': name, 'labels': labels, 'annotations': {LAST: 'true'} if last else {}},
            'status': {'conditions': [{'type': 'Ready', 'status': ready}]}}


class View(unittest.TestCase):
    def test_the_own_node_gives_three_lines_whatever_is_in_it(self):
        annotations = {'kstack.io/leave-silent': 'true', 'kstack.io/leave-state': 'failed: a\nb'}
        self.assertEqual(own({'metadata': {'labels': {'kstack.io/leave': 'leave'}, 'annotations': annotations}}),
                         ['leave', 'true', 'failed: a b'])
        for odd in ODD:
            for one in (odd, {'metadata': odd}, {'metadata': {'labels': odd, 'annotations': odd}}):
                self.assertEqual(own(one), ['', '', ''])
            self.assertNotIn('\n', ''.join(own({'metadata': {'labels': {'kstack.io/leave': odd}}})))

    def test_others_of_the_role_stay_unless_they_leave(self):
        listed = {'items': [node('demo-master-%d' % number, 'master', asks=number == 1) for number in range(4)]}
        listed['items'][3]['status']['conditions'][0]['status'] = 'Unknown'
        self.assertEqual(others(listed, 'demo-master-0', 'master')[:2], [2, 1])
        self.assertEqual(others(listed, 'demo-minion-0', 'minion')[:2], [0, 0])

    def test_the_last_master_waits_for_members_that_run_or_leave_but_for_no_other_last_one(self):
        for one, waits in (
                (node('demo-minion-0'), 1), (node('demo-gpu-g2-3'), 1), (node('demo-minion-0', ready='Unknown'), 0),
                (node('demo-minion-0', ready='Unknown', asks=True), 1), (node('demo-master-1', 'master', last=True), 0),
                (node('demo-minion-0', last=True), 1), (node('other-minion-0'), 0), (node('demo-master-0'), 0)):
            self.assertEqual(others({'items': [one]}, 'demo-master-0', 'master')[2], waits, one)

    def test_a_malformed_node_is_passed_over(self):
        for odd in ODD:
            for one in (odd, {'metadata': odd}, {'metadata': {'name': odd}},
                        {'metadata': {'name': 'demo-minion-0', 'labels': odd, 'annotations': odd}, 'status': odd},
                        {'metadata': {'name': 'demo-minion-0'}, 'status': {'conditions': odd}},
                        node('demo-minion-0', role=odd, ready=odd)):
                self.assertEqual(others({'items': [one, node('demo-master-1', 'master')]}, 'demo-master-0', 'master'),
                                 [1, 1, 1], one)
            self.assertEqual(others(odd, 'demo-master-0', 'master'), [0, 0, 0])
