import unittest
from unittest import mock

from kstack import firewall, guard

SERVICES = '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'


class Chains(object):
    """A table nat, as far as rules are listed, inserted at the beginning, and deleted."""
    def __init__(self):
        self.rules = {'PREROUTING': [], 'OUTPUT': []}

    def attempt(self, *command):
        action, chain = command[4:6]
        rule = ' '.join(['-A', chain] + list(command[7 if action == '-I' else 6:]))
        if action == '-S':
            return 0, '\n'.join(['-P %s ACCEPT' % chain] + self.rules[chain]) + '\n'
        if action == '-I':
            self.rules[chain].insert(0, rule)
        elif rule in self.rules[chain]:
            self.rules[chain].remove(rule)
        else:
            return 1, 'no such rule'
        return 0, ''


class Guard(unittest.TestCase):
    def setUp(self):
        self.chains = Chains()
        patch = mock.patch.object(firewall, 'attempt', self.chains.attempt)
        patch.start()
        self.addCleanup(patch.stop)
        self.wanted = guard.rules('10.0.0.11', '10.0.0.5')

    def test_packets_for_the_control_plane_are_accepted_before_the_rules_of_kube_proxy(self):
        self.chains.rules['PREROUTING'] = [SERVICES]
        self.assertTrue(guard.apply(self.wanted))
        for chain in ('PREROUTING', 'OUTPUT'):
            found = self.chains.rules[chain]
            self.assertIn('-A %s -d 10.0.0.5/32 -p tcp -m tcp --dport 6443 -j ACCEPT' % chain, found[:2])
            self.assertIn('-A %s -d 10.0.0.11/32 -p tcp -m multiport --dports 2379,2380,6443,10250 -j ACCEPT' % chain,
                          found[:2])
        self.assertEqual(self.chains.rules['PREROUTING'][2:], [SERVICES])

    def test_rules_that_kube_proxy_has_put_first_are_behind_again_after_the_next_look(self):
        guard.apply(self.wanted)
        self.chains.rules['PREROUTING'].insert(0, SERVICES)
        guard.apply(self.wanted)
        self.assertEqual(self.chains.rules['PREROUTING'].index(SERVICES), 2)
        self.assertEqual(len(self.chains.rules['PREROUTING']), 3)

    def test_rules_that_are_in_place_are_left_alone(self):
        guard.apply(self.wanted)
        before = {chain: list(rules) for chain, rules in self.chains.rules.items()}
        with mock.patch.object(self.chains, 'rules', self.chains.rules):
            guard.apply(self.wanted)
        self.assertEqual(self.chains.rules, before)

    def test_a_rule_that_cannot_be_set_is_said(self):
        said = []
        with mock.patch.object(firewall, 'attempt', return_value=(1, 'no table nat')), \
                mock.patch.object(firewall, 'say', said.append):
            self.assertFalse(guard.apply(self.wanted))
        self.assertEqual(set(said), {'iptables: no table nat'})
