import json
import os
import tempfile
import unittest

from kstack.etcd_members import Member
from kstack.etcd_state import SMALL, Database, may_disarm, obstacle, parse_alarms, parse_database, turn, wasteful
from kstack.etcd_upkeep import Upkeep, write_to
from kstack.programs import ProgramError

QUOTA = 8 << 30
A, B, C = (Member(number, 'm%d' % number, 'https://10.0.0.%d:2379' % number, False) for number in (1, 2, 3))
ODD = (None, True, -1, 1.5, 'x' * 10000, 'a\nb', [], {}, 2 ** 64)


def printed(size=SMALL, used=SMALL, leader=1, revision=7):
    return json.dumps([{'Endpoint': 'https://10.0.0.1:2379', 'Status': {
        'header': {'cluster_id': 1, 'member_id': 1, 'revision': revision}, 'version': '3.4.23', 'dbSize': size,
        'dbSizeInUse': used, 'leader': leader, 'raftIndex': 4}}])


class State(unittest.TestCase):
    def test_sizes_and_alarms_are_read_from_etcdctl(self):
        self.assertEqual(parse_database(printed(4096, 1024, 9, 5)), Database(4096, 1024, 5, 9))
        self.assertEqual(parse_alarms('{"header": {}}'), [])
        self.assertEqual(parse_alarms('{"alarms": [{"memberID": 1, "alarm": 1}, {"memberID": 2, "alarm": 2}]}'),
                         [(1, 'NOSPACE'), (2, 'CORRUPT')])

    def test_an_alarm_that_is_not_known_is_an_alarm(self):
        for odd in ODD:
            self.assertEqual(len(parse_alarms(json.dumps({'alarms': [{'memberID': 1, 'alarm': odd}]}))), 1)

    def test_what_cannot_be_read_is_an_error(self):
        for text in ('', 'x', 'null', '{}', '[]', '[null]', '[{"Status": 7}]', '[{"Status": {}}]'):
            with self.assertRaises(ValueError):
                parse_database(text)
        for odd in ODD:
            for field in ('size', 'used', 'revision', 'leader'):
                with self.assertRaises(ValueError):
                    parse_database(printed(**{field: odd}))
            with self.assertRaises(ValueError):
                parse_alarms(json.dumps({'alarms': [{'memberID': odd, 'alarm': 1}]}))
        for text in ('', '[]', '7', 'null', '{"alarms": 7}', '{"alarms": {}}', '{"alarms": [7]}'):
            with self.assertRaises(ValueError):
                parse_alarms(text)

    def test_at_any_time_it_is_the_turn_of_at_most_one_master_and_each_has_one(self):
        members = [C, A, B]
        turns = [[one.id for one in members if turn(members, one, second)] for second in range(0, 3600, 10)]
        self.assertTrue(all(len(one) <= 1 for one in turns))
        self.assertEqual(set(sum(turns, [])), {1, 2, 3})
        self.assertTrue(all(any(turn([A], A, start + into) for into in range(600)) for start in range(0, 3600, 600)))

    def test_nothing_is_defragmented_while_a_member_is_down_joining_or_without_the_leader(self):
        fine = Database(1, 1, 1, 1)
        self.assertEqual(obstacle([A, B], {1: fine, 2: fine}), '')
        self.assertEqual(obstacle([A, B], {1: fine}), 'member m2 does not answer')
        self.assertEqual(obstacle([A, Member(9, '', '', True)], {1: fine}), 'member 9 is joining')
        self.assertEqual(obstacle([A, Member(9, 'm9', 'https://x', True)], {1: fine, 9: fine}), 'member m9 is joining')
        for other in (0, 2):
            self.assertIn('leader', obstacle([A, B], {1: fine, 2: fine._replace(leader=other)}))
        self.assertIn('leader', obstacle([A], {1: fine._replace(leader=0)}))

    def test_a_file_is_defragmented_if_half_of_it_is_free_and_it_is_large_or_if_etcd_is_full(self):
        self.assertTrue(wasteful(Database(SMALL, SMALL // 2 - 1, 1, 1), False))
        self.assertFalse(wasteful(Database(SMALL, SMALL // 2, 1, 1), False))
        self.assertFalse(wasteful(Database(SMALL - 1, 0, 1, 1), False))
        self.assertTrue(wasteful(Database(SMALL, SMALL // 2, 1, 1), True))
        self.assertFalse(wasteful(Database(SMALL, SMALL, 1, 1), True))

    def test_an_alarm_ends_when_all_members_have_space_and_nothing_else_is_wrong(self):
        small, large = Database(QUOTA // 2, 1, 1, 1), Database(QUOTA * 9 // 10, 1, 1, 1)
        self.assertTrue(may_disarm([(1, 'NOSPACE')], {1: small, 2: small}, QUOTA))
        self.assertFalse(may_disarm([(1, 'NOSPACE')], {1: small, 2: large}, QUOTA))
        self.assertFalse(may_disarm([(1, 'NOSPACE'), (2, 'CORRUPT')], {1: small}, QUOTA))
        self.assertFalse(may_disarm([], {1: small}, QUOTA))


class FakeEtcd(object):
    """Members by their address, as etcdctl prints them."""
    def __init__(self, *members):
        self.listed = list(members)
        self.sizes = {one.address: [SMALL, SMALL] for one in members}
        self.named = []  # alarms
        self.done = []
        self.published = []

    def etcdctl(self, endpoint, _, *arguments):
        words = [one for one in arguments if not one.startswith('--')]
        address = self.listed[0].address if '127.0.0.1' in endpoint else endpoint
        if words == ['alarm', 'list']:
            return json.dumps({'alarms': [{'memberID': 1, 'alarm': one} for one in self.named]})
        if address not in self.sizes:
            raise ProgramError('context deadline exceeded')
        if words == ['endpoint', 'status']:
            return printed(*self.sizes[address])
        self.done.append(' '.join(words if '127.0.0.1' in endpoint else words + [endpoint]))
        if words[0] == 'compact':
            for pair in self.sizes.values():
                pair[1] //= 4
        elif words[0] == 'defrag':
            self.sizes[address][0] = self.sizes[address][1]
        elif words == ['alarm', 'disarm']:
            self.named = []
        return ''

    def moved(self, member, to):
        self.done.append('move the leader from %s to %s' % (member.name, to.name))

    def upkeep(self, seconds=0):
        Upkeep('m1', QUOTA, self.published.append, self.etcdctl, lambda: self.listed, self.moved, lambda: seconds).run()


class Run(unittest.TestCase):
    def test_a_member_whose_file_is_mostly_free_is_defragmented_in_its_turn_after_another_has_the_lead(self):
        etcd = FakeEtcd(A, B, C)
        etcd.sizes[A.address] = [SMALL * 4, SMALL]
        etcd.upkeep(600)
        self.assertEqual(etcd.done, [])
        etcd.upkeep(1800)
        self.assertEqual(etcd.done, ['move the leader from m1 to m2', 'defrag https://10.0.0.1:2379'])
        self.assertEqual(etcd.published[-1], {'time': 1800, 'size': SMALL, 'used': SMALL, 'quota': QUOTA, 'alarms': []})

    def test_a_file_in_use_is_left_alone(self):
        etcd = FakeEtcd(A)
        etcd.upkeep()
        self.assertEqual(etcd.done, [])

    def test_no_member_is_defragmented_while_another_is_down(self):
        etcd = FakeEtcd(A, B, C)
        etcd.sizes[A.address] = [SMALL * 4, SMALL]
        del etcd.sizes[C.address]
        etcd.upkeep()
        self.assertEqual(etcd.done, [])

    def test_a_full_etcd_is_compacted_defragmented_and_writes_again(self):
        etcd = FakeEtcd(A)
        etcd.sizes[A.address] = [QUOTA, QUOTA]
        etcd.named = [1]
        etcd.upkeep()
        self.assertEqual(etcd.published[0]['alarms'], [{'member': 'm1', 'alarm': 'NOSPACE'}])
        self.assertEqual(etcd.done, ['compact 7', 'defrag https://10.0.0.1:2379', 'alarm disarm'])
        self.assertEqual(etcd.published[-1]['alarms'], [])

    def test_the_alarm_of_a_full_etcd_stays_until_all_members_have_space(self):
        etcd = FakeEtcd(A, B)
        etcd.sizes = {A.address: [QUOTA, QUOTA], B.address: [QUOTA, QUOTA]}
        etcd.named = [1]
        etcd.upkeep()
        self.assertEqual(etcd.done[-1], 'defrag https://10.0.0.1:2379')
        self.assertEqual(etcd.published[-1]['alarms'], [{'member': 'm1', 'alarm': 'NOSPACE'}])

    def test_a_corrupt_member_is_reported_and_nothing_is_disarmed(self):
        etcd = FakeEtcd(A)
        etcd.named = [1, 2]
        etcd.upkeep()
        self.assertNotIn('alarm disarm', etcd.done)
        self.assertIn({'member': 'm1', 'alarm': 'CORRUPT'}, etcd.published[-1]['alarms'])

    def test_a_master_without_a_member_says_so(self):
        with self.assertRaises(ProgramError):
            FakeEtcd(B).upkeep()

    def test_a_state_that_cannot_be_written_ends_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, 'a', 'etcd.json')
            write_to(file)({'size': 1})
            with open(file) as read:
                self.assertEqual(json.load(read), {'size': 1})
            write_to(os.path.join(file, 'below', 'a', 'file'))({'size': 1})
