import json
import unittest

from kstack import gateways, values
from objects import node, spoiled

TAKEN = gateways.Taken({values.address('10.0.0.5'), values.address('192.0.2.5')},
                       ((values.network('10.96.0.0/16'), 'Services'), (values.network('10.244.0.0/16'), 'pods')))
NO_NODE = 'is not an address of a node'
BOTH = [node('demo-gateway-0', '10.0.0.21'), node('demo-gateway-1', '10.0.0.22')]


def given(nodes, pools=(), **recorded):
    """recorded: addresses of members by name, with _ for -"""
    known = {name.replace('_', '-'): values.address(text) for name, text in recorded.items()}
    return gateways.addresses([gateways.parse(one) for one in nodes], 'demo', pools, TAKEN, known)


class Gateways(unittest.TestCase):
    def test_the_floating_IP_comes_first_then_the_shared_address_then_each_Ready_gateway(self):
        nodes = BOTH[::-1] + [node('demo-gateway-2', '10.0.0.23', False)]
        self.assertEqual(given(nodes), (['192.0.2.9', '10.0.0.20', '10.0.0.21', '10.0.0.22'], []))

    def test_no_address_is_left_without_a_gateway_that_is_Ready_and_stays(self):
        for nodes in ([], [node('demo-gateway-0', '10.0.0.21', False)],
                      [node('demo-gateway-0', '10.0.0.21', labels={'kstack.io/leave': 'leave'})]):
            self.assertEqual(given(nodes), ([], []))
        leaving = node('demo-gateway-0', '10.0.0.21')
        leaving['metadata']['deletionTimestamp'] = '2026-01-01T00:00:00Z'
        self.assertEqual(given([leaving]), ([], []))

    def test_a_node_is_a_gateway_by_its_name_whatever_its_labels_say(self):
        claim = {'kstack.io/role': 'gateway', 'node-role.kubernetes.io/gateway': ''}
        for name in ('demo-minion-0', 'demo-gpu-0', 'other-gateway-0', 'gateway-0', 'demo-gateway', 'demo-gateway-0-x',
                     'demo-gateway-00'):
            self.assertEqual(given([node(name, '10.0.0.21', labels=claim)]), ([], []), name)
        self.assertEqual(given([node('demo-gateway-g2-0', '10.0.0.21', shared='')])[0], ['10.0.0.21'])

    def test_the_pools_of_gateways_are_those_of_the_record_that_masters_have(self):
        record = json.dumps({'cluster': 'demo', 'pools': {
            'edge': {'labels': {'kstack.io/role': 'gateway'}}, 'outer': {'role': 'gateway', 'labels': {}},
            'gpu': {'labels': {'kstack.io/role': 'minion'}}, 'odd': None, 'minion': {'role': 'gateway'}}})
        pools, known = gateways.pools_of_gateways(record)
        self.assertEqual(pools & {'edge', 'outer', 'gpu', 'odd'}, {'edge', 'outer'})
        nodes = [node('demo-%s-0' % pool, '10.0.0.3%d' % number, shared='', labels={'kstack.io/role': 'gateway'})
                 for number, pool in enumerate(('edge', 'outer', 'gpu', 'odd', 'minion', 'new'))]
        self.assertEqual(given(nodes, pools)[0], ['10.0.0.30', '10.0.0.31'])
        told = list(gateways.unknown([gateways.parse(one) for one in nodes], 'demo', known))
        self.assertEqual(len(told), 1)
        self.assertIn('node demo-new-0 says it is a gateway', told[0])

    def test_a_record_that_is_none_has_no_pools(self):
        for text in (None, '', 'x', '[]', '{"pools": []}', '{"pools": {"a": 1, "b": {"labels": 7}}}', '[' * 100000, 7):
            self.assertEqual(gateways.pools_of_gateways(text)[0], set())

    def test_a_gateway_cannot_claim_an_address_of_others(self):
        others = [node('demo-minion-0', '10.0.0.31'), node('demo-gateway-1', '10.0.0.22', False)]
        for claim, reason in (('10.0.0.5', "is the API's"), ('192.0.2.5', "is the API's"),
                              ('10.96.0.10', 'is in the range of Services'), ('10.244.3.4', 'is in the range of pods'),
                              ('10.0.0.31', 'is an address of node demo-minion-0'),
                              ('10.0.0.22', 'is an address of node demo-gateway-1'),
                              ('127.0.0.1', NO_NODE), ('169.254.169.254', NO_NODE), ('224.0.0.18', NO_NODE),
                              ('0.0.0.0', NO_NODE), ('0.1.2.3', NO_NODE), ('255.255.255.255', NO_NODE)):
            for found, wrong in (given([node('demo-gateway-0', '10.0.0.21', shared=claim)] + others),
                                 given([node('demo-gateway-0', claim, shared='10.0.0.21')] + others)):
                self.assertEqual(found, ['10.0.0.21'], claim)
                self.assertEqual(len(wrong), 1)
                self.assertIn('gateway demo-gateway-0: address %s is not used: it %s' % (claim, reason), wrong[0])

    def test_a_gateway_that_reports_another_address_than_the_recorded_one_does_not_serve(self):
        for text in ('10.0.0.22', '10.0.0.99', 'x'):
            found, wrong = given([node('demo-gateway-0', text), BOTH[1]], demo_gateway_0='10.0.0.21')
            self.assertEqual(found, ['192.0.2.9', '10.0.0.20', '10.0.0.22'], text)
            self.assertEqual(wrong, ['gateway demo-gateway-0 does not serve: it reports other addresses than the recorded '
                                     '10.0.0.21'])
        both = node('demo-gateway-0', '10.0.0.21')
        both['status']['addresses'].append({'type': 'InternalIP', 'address': '10.0.0.99'})
        self.assertEqual(given([both], demo_gateway_0='10.0.0.21')[0], [])
        self.assertEqual(given(BOTH, demo_gateway_0='10.0.0.21', demo_gateway_1='10.0.0.22'), given(BOTH))

    def test_a_node_cannot_take_the_recorded_address_of_a_gateway_away_from_it(self):
        for thief in ('demo-minion-0', 'demo-gateway-1'):
            nodes = [BOTH[0], node(thief, '10.0.0.21')]
            recorded = {'demo_gateway_0': '10.0.0.21'}
            self.assertEqual(given(nodes, **recorded)[0], ['192.0.2.9', '10.0.0.20', '10.0.0.21'])
            recorded[thief.replace('-', '_')] = '10.0.0.31'
            self.assertEqual(given(nodes, **recorded)[0], ['192.0.2.9', '10.0.0.20', '10.0.0.21'])
        self.assertEqual(given([node('demo-gateway-1', '10.0.0.21')], demo_gateway_0='10.0.0.21')[0][-1], '10.0.0.21',
                         'a member that is gone has no address')

    def test_an_address_has_one_form(self):
        for claim in ('example.com', '1.2.3.4.5', ' 10.0.0.20', '8.8.8.8/0', '10.00.0.5', '010.0.0.20', '10.0.0.20\n',
                      'fd00::1'):
            found, wrong = given([node('demo-gateway-0', '10.0.0.21', shared=claim)])
            self.assertEqual((found, len(wrong)), (['10.0.0.21'], 1), claim)
        both = node('demo-gateway-0', '10.0.0.21', shared='')
        both['status']['addresses'].append({'type': 'InternalIP', 'address': 'fd00::1'})
        self.assertEqual(given([both]), (['10.0.0.21'], []))

    def test_a_gateway_publishes_two_addresses_at_most(self):
        self.assertEqual(given([node('demo-gateway-0', '10.0.0.21', shared='10.0.0.1,10.0.0.2,10.0.0.3')])[0],
                         ['10.0.0.1', '10.0.0.2', '10.0.0.21'])

    def test_a_malformed_node_disturbs_no_other(self):
        for one in spoiled(node('demo-gateway-1', '10.0.0.22')):
            found, wrong = given([BOTH[0], one])
            self.assertEqual(found[:1], ['192.0.2.9'])
            self.assertIn('10.0.0.21', found)
            for text in found:
                self.assertIsNotNone(values.address(text))
            for message in wrong:
                self.assertNotIn('\n', message)
