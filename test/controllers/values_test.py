import ipaddress
import random
import unittest

from kstack import members, values


class Values(unittest.TestCase):
    def test_an_address_has_one_form(self):
        self.assertEqual(values.address('10.0.0.162'), ipaddress.IPv4Address('10.0.0.162'))
        for text in ('10.00.0.162', '010.0.0.1', '10.0.0.256', '10.0.0', '10.0.0.1 ', '10.0.0.1\n', '0x0a.0.0.1',
                     '167772322', 'fd00::1', '', None, 167772322, ['10.0.0.1'], '１０.0.0.1'):
            self.assertIsNone(values.address(text), text)

    def test_a_range_has_one_form(self):
        self.assertEqual(values.network('10.244.1.0/24').prefixlen, 24)
        for text in ('10.244.1.1/24', '10.244.1.0', '10.244.1.0/024', '10.244.1.0/255.255.255.0', '10.244.01.0/24',
                     '10.244.1.0/33', '10.244.1.0/24 10.0.0.1', None, {}):
            self.assertIsNone(values.network(text), text)

    def test_a_range_contains_another(self):
        outer = values.network('10.244.0.0/16')
        self.assertTrue(values.contains(outer, values.network('10.244.255.0/24')))
        self.assertTrue(values.contains(outer, outer))
        self.assertFalse(values.contains(outer, values.network('10.245.0.0/24')))
        self.assertFalse(values.contains(outer, values.network('10.0.0.0/8')))

    def test_what_is_a_value_is_its_own_text(self):
        chosen = random.Random(7)
        for _ in range(2000):
            text = ''.join(chosen.choice('0123456789./ a') for _ in range(chosen.randrange(20)))
            for parse in (values.address, values.network):
                value = parse(text)
                self.assertIn(str(value), (text, 'None'))

    def test_a_number_is_whole_and_in_range(self):
        self.assertEqual(values.number(80, 1, 65535), 80)
        self.assertEqual(values.number('80', 1, 65535), 80)
        for value in (0, 65536, '080', '+80', ' 80', '8e1', 80.0, True, None, '', '9' * 30):
            self.assertIsNone(values.number(value, 1, 65535), value)

    def test_a_UUID_is_in_lower_case(self):
        good = '6e7d30b6-0d0c-4a53-8d4c-0f1f6f1c9a11'
        self.assertEqual(values.uuid(good), good)
        for value in (good.upper(), good + '\n', good[:-1], good.replace('-', ''), 'i-00000001', '', None, 7, [good]):
            self.assertIsNone(values.uuid(value), value)

    def test_a_message_is_one_short_line(self):
        self.assertEqual(values.printable('a\nb\x1b[2J'), 'a?b?[2J')
        self.assertEqual(len(values.printable('x' * 1000)), 203)


class Members(unittest.TestCase):
    def test_a_member_has_the_name_that_Heat_gives(self):
        found = members.member('demo', 'demo-minion-12')
        self.assertEqual((found.pool, found.generation, found.index), ('minion', 1, 12))
        found = members.member('demo', 'demo-master-g2-0')
        self.assertEqual((found.pool, found.generation, found.index), ('master', 2, 0))
        self.assertEqual(members.member('a-b', 'a-b-gpu-0').pool, 'gpu')

    def test_other_names_are_no_members(self):
        for name in ('demo', 'demo-minion', 'demo-minion-01', 'demo-minion-g1-0', 'demo-minion-g02-0', 'other-minion-0',
                     'demo-minion-0\n', 'demo-minion-0.example', 'demo--0', 'demo-Minion-0', 'demo-a-b-0', '', None):
            self.assertIsNone(members.member('demo', name), name)

    def test_the_cluster_of_a_node_follows_from_its_name_and_pool(self):
        self.assertEqual(members.cluster_of('a-b-master-g3-0', 'master'), 'a-b')
        self.assertIsNone(members.cluster_of('a-b-minion-0', 'master'))
