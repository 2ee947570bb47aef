import json
import unittest

from kstack.etcd_members import Member, leads, obstacle, own, parse, voters

LAST = 2 ** 64 - 1


def listed(*members):
    return json.dumps({'header': {}, 'members': list(members)})


class Members(unittest.TestCase):
    def test_members_are_read_from_etcdctl(self):
        self.assertEqual(parse(listed(
            {'ID': LAST, 'name': 'm0', 'peerURLs': ['https://a:2380'], 'clientURLs': ['https://a:2379', 'https://b:2379']},
            {'ID': 1, 'name': 'm1', 'clientURLs': ['https://b:2379'], 'isLearner': True},
            {'ID': 2, 'peerURLs': ['https://c:2380']},
        )), [Member(LAST, 'm0', 'https://a:2379', False), Member(1, 'm1', 'https://b:2379', True), Member(2, '', '', False)])

    def test_what_cannot_be_read_is_an_error_and_no_shorter_list(self):
        for odd in (None, 7, 'x', [], {}, {'ID': None}, {'ID': 0}, {'ID': LAST + 1}, {'ID': True}, {'ID': 'x' * 10000},
                    {'ID': 1, 'isLearner': 'false'}):
            with self.assertRaises(ValueError):
                parse(listed({'ID': 1, 'name': 'a'}, odd))
        for printed in ('', 'x', 'null', '[]', '{}', '{"members": {}}', '{"members": null}'):
            with self.assertRaises(ValueError):
                parse(printed)

    def test_fields_of_a_wrong_type_are_empty(self):
        for odd in (None, 7, {}, [7], ['http://a:2379']):
            self.assertEqual(parse(listed({'ID': 1, 'name': odd, 'clientURLs': odd})), [Member(1, '', '', False)])

    def test_a_master_has_the_member_of_its_name(self):
        members = [Member(1, 'a', '', False), Member(2, 'b', '', False), Member(3, '', '', True)]
        self.assertEqual(own(members, 'b').id, 2)
        self.assertIsNone(own(members, 'c'))
        with self.assertRaises(ValueError):
            own(members + [Member(4, 'b', '', False)], 'b')


class Quorum(unittest.TestCase):
    def test_a_voter_is_removed_if_more_than_half_of_the_others_are_healthy(self):
        for others, healthy, kept in ((1, 1, True), (1, 0, False), (2, 2, True), (2, 1, False), (3, 2, True), (4, 2, False),
                                      (4, 3, True)):
            members = [Member(number, '', '', False) for number in range(others)]
            self.assertEqual(obstacle(members, members[:healthy]) == '', kept, (others, healthy))
        self.assertEqual(obstacle([1, 2], [1]),
                         'etcd would lose its quorum: 1 of the other 2 members are healthy, at least 2 must be')
        self.assertEqual(obstacle([], []), 'it is the last etcd member')

    def test_learners_have_no_vote(self):
        members = [Member(1, 'a', '', False), Member(2, 'b', '', False), Member(3, 'c', '', True)]
        self.assertEqual(voters(members, members[0]), [members[1]])

    def test_the_leader_is_the_member_that_says_so(self):
        def status(member, leader):
            return json.dumps([{'Endpoint': 'x', 'Status': {'header': {'member_id': member}, 'leader': leader}}])
        self.assertTrue(leads(status(LAST, LAST)))
        self.assertFalse(leads(status(LAST - 1, LAST)))
        for printed in ('', 'x', 'null', '7', '[]', '[null]', '[{"Status": []}]', '[{"Status": {"header": 1}}]', '[{}]',
                        status(None, None), status('a', 'a'), status(True, True)):
            self.assertFalse(leads(printed), printed)
