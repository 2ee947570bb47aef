import ipaddress
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from kstack import cni, iproute, pod_ranges, routes
from kstack.log import Repeated
from kstack.programs import ProgramError

address, network = ipaddress.IPv4Address, ipaddress.IPv4Network

FACTS = pod_ranges.Facts('demo-minion-0', network('10.244.0.0/16'), 24, network('10.0.0.0/24'),
                         {address('10.0.0.12'), address('127.0.0.1')}, address('10.0.0.5'))


def node(name, addresses, pods, created='2026-01-01T00:00:00Z', uid=None):
    """A Node object; addresses is one InternalIP or a list of them."""
    return {
        'metadata': {'name': name, 'uid': uid or name, 'creationTimestamp': created},
        'spec': {'podCIDR': pods},
        'status': {'addresses': [{'type': 'Hostname', 'address': name}] + [
            {'type': 'InternalIP', 'address': one}
            for one in (addresses if isinstance(addresses, list) else [addresses])]},
    }


OWN = node('demo-minion-0', '10.0.0.12', '10.244.1.0/24')
OTHER = node('demo-minion-1', '10.0.0.13', '10.244.2.0/24')


def decide(*objects, **recorded):
    """recorded: addresses of members by name, with _ for -"""
    known = {name.replace('_', '-'): address(text) for name, text in recorded.items()}
    return pod_ranges.decide([pod_ranges.read(one) for one in objects], FACTS, known)


def shown(decision):
    return {str(range_): str(via) for range_, via in decision.routes.items()}


NASTY = [None, True, 7, 1e300, '', 'x' * 9000, '10.0.0.13\n10.0.0.14', '10.0.0.13 10.244.9.0/24', [], {}, [[]],
         {'a': None}, '10.00.0.13', '010.0.0.13', '10.0.0.5', '10.0.0.12', '10.0.0.13', '10.0.0.0', '10.0.0.255',
         '10.1.0.13', '::1', '10.244.2.0/24', '10.244.2.1/24', '10.244.2.0/25', '10.244.0.0/16', '0.0.0.0/0',
         '10.0.0.5/32', '10.244.02.0/24', '10.245.0.0/24', '10.244.1.0/24', 'demo-minion-0', '2026-01-01T00:00:00Z',
         '\x00', '\ud800']


def any_value(chosen, depth=2):
    if depth and chosen.random() < 0.3:
        keys = ('metadata', 'name', 'uid', 'spec', 'podCIDR', 'status', 'addresses', 'type', 'address')
        return {chosen.choice(keys): any_value(chosen, depth - 1) for _ in range(3)}
    if depth and chosen.random() < 0.2:
        return [any_value(chosen, depth - 1) for _ in range(2)]
    return chosen.choice(NASTY)


def malformed(chosen):
    """A Node object with anything in it, younger than OWN and OTHER as the API server writes its age."""
    if chosen.random() < 0.2:
        return any_value(chosen)
    one = node('demo-minion-%d' % chosen.randrange(2, 9), '10.0.0.%d' % chosen.randrange(256),
               '10.244.%d.0/24' % chosen.randrange(256), '2026-02-01T00:00:00Z')
    for _ in range(chosen.randrange(1, 4)):
        section, key = chosen.choice((('metadata', 'name'), ('metadata', 'uid'), ('spec', 'podCIDR'),
                                      ('status', 'addresses'), ('status', 'addresses'), ('spec', 'podCIDR')))
        value = any_value(chosen)
        if key == 'addresses' and chosen.random() < 0.8:
            value = [{'type': 'InternalIP', 'address': any_value(chosen)}]
        if not (key == 'name' and value == FACTS.name):
            one[section][key] = value
    return one


class Decisions(unittest.TestCase):
    def test_a_node_has_a_route_to_the_pods_of_every_other_node_and_its_own_range(self):
        decision = decide(node('demo-master-0', '10.0.0.11', '10.244.0.0/24'), OWN, OTHER)
        self.assertEqual(str(decision.own), '10.244.1.0/24')
        self.assertEqual(shown(decision), {'10.244.0.0/24': '10.0.0.11', '10.244.2.0/24': '10.0.0.13'})
        self.assertEqual(decision.mistakes, [])

    def test_a_node_without_a_range_or_address_has_none_yet(self):
        decision = decide(OWN, node('demo-minion-1', [], None), node('demo-minion-2', '10.0.0.14', ''))
        self.assertEqual((shown(decision), decision.mistakes), ({}, []))

    def test_a_malformed_range_has_no_route(self):
        for pods in ('10.244.2.0/25', '10.244.0.0/16', '10.244.2.1/24', '10.244.02.0/24', '10.245.2.0/24', '0.0.0.0/0',
                     '10.0.0.0/24', '10.0.0.5/32', '10.244.2.0/24\n', '10.244.2.0/24 10.0.0.5', ['10.244.2.0/24'], 7):
            decision = decide(OWN, OTHER, node('demo-minion-2', '10.0.0.14', pods))
            self.assertEqual(shown(decision), {'10.244.2.0/24': '10.0.0.13'}, pods)
            self.assertEqual(len(decision.mistakes), 1, pods)
            self.assertIn('demo-minion-2', decision.mistakes[0])

    def test_a_malformed_address_has_no_route(self):
        for given in ('10.0.0.5', '10.0.0.12', '10.0.0.13', '127.0.0.1', '10.0.1.14', '10.00.0.14', '10.0.0.014', '10.0.0.0',
                      '10.0.0.255', '10.0.0.14 10.244.9.0/24', '10.0.0.14\ndemo-minion-0 10.0.0.12 10.244.9.0/24', '::1',
                      ['10.0.0.14', '10.0.0.15'], [], [None], [{}], 'fd00::1'):
            decision = decide(OWN, OTHER, node('demo-minion-2', given, '10.244.3.0/24', '2026-02-01T00:00:00Z'))
            self.assertEqual(shown(decision), {'10.244.2.0/24': '10.0.0.13'}, given)
            self.assertEqual(len(decision.mistakes), 1, given)
            self.assertIn('demo-minion-2', decision.mistakes[0])
            self.assertIn(network('10.244.3.0/24'), decision.ranges, 'its present route is not stale')

    def test_a_range_belongs_to_the_older_node(self):
        thief = node('a-thief', '10.0.0.14', '10.244.2.0/24', '2026-02-01T00:00:00Z', '0')
        for objects in ((OWN, OTHER, thief), (thief, OTHER, OWN)):
            decision = decide(*objects)
            self.assertEqual(shown(decision), {'10.244.2.0/24': '10.0.0.13'})
            self.assertEqual(decision.mistakes,
                             ['node a-thief: pod range 10.244.2.0/24 belongs to node demo-minion-1, which is older'])

    def test_of_two_nodes_of_one_second_the_lower_uid_has_the_range(self):
        one, two = (node('demo-minion-%d' % index, '10.0.0.2%d' % index, '10.244.7.0/24', uid=str(9 - index))
                    for index in (3, 4))
        self.assertEqual(shown(decide(OWN, one, two)), {'10.244.7.0/24': '10.0.0.24'})

    def test_a_node_that_reports_another_address_than_the_recorded_one_takes_no_route(self):
        older = '2025-01-01T00:00:00Z'
        for recorded in ({'demo_minion_2': '10.0.0.14'}, {'demo_minion_1': '10.0.0.13'},
                         {'demo_minion_1': '10.0.0.13', 'demo_minion_2': '10.0.0.14'}):
            decision = decide(OWN, OTHER, node('demo-minion-2', '10.0.0.13', '10.244.3.0/24', older), **recorded)
            self.assertEqual(shown(decision), {'10.244.2.0/24': '10.0.0.13'}, recorded)
            self.assertEqual(len(decision.mistakes), 1)
            self.assertIn('node demo-minion-2: InternalIP 10.0.0.13 is ', decision.mistakes[0])
            self.assertIn(network('10.244.3.0/24'), decision.ranges, 'its present route is not stale')

    def test_a_node_without_a_record_has_the_address_that_it_reports(self):
        self.assertEqual(shown(decide(OWN, OTHER, demo_minion_9='10.0.0.13')), {'10.244.2.0/24': '10.0.0.13'})
        self.assertEqual(shown(decide(OWN, OTHER, demo_minion_1='10.0.0.13')), {'10.244.2.0/24': '10.0.0.13'})

    def test_a_creation_time_that_is_malformed_counts_as_the_youngest(self):
        thief = node('a-thief', '10.0.0.14', '10.244.2.0/24', '0000')
        self.assertEqual(shown(decide(OWN, OTHER, thief)), {'10.244.2.0/24': '10.0.0.13'})

    def test_an_older_node_with_a_malformed_address_keeps_its_range(self):
        decision = decide(OWN, node('demo-minion-1', 'x', '10.244.2.0/24'),
                          node('a-thief', '10.0.0.14', '10.244.2.0/24', '2026-02-01T00:00:00Z'))
        self.assertEqual(shown(decision), {})
        self.assertIn(network('10.244.2.0/24'), decision.ranges)

    def test_the_range_of_this_node_comes_from_its_own_object_alone(self):
        for name in ('demo-minion-0 ', 'demo-minion-0\n', 'Demo-minion-0', 'demo-minion-00', ['demo-minion-0'], None):
            self.assertIsNone(decide(OTHER, node(name, '10.0.0.14', '10.244.9.0/24')).own)
        self.assertIsNone(decide(dict(OWN, spec={'podCIDR': '10.244.1.0/24\n'})).own)

    def test_this_node_does_not_take_the_range_of_an_older_one(self):
        older = node('demo-minion-1', '10.0.0.13', '10.244.1.0/24', '2025-01-01T00:00:00Z')
        decision = decide(OWN, older)
        self.assertIsNone(decision.own)
        self.assertEqual(len(decision.mistakes), 1)

    def test_heartbeats_do_not_count(self):
        beating = json.loads(json.dumps(OTHER))
        beating['status']['conditions'] = [{'type': 'Ready', 'lastHeartbeatTime': 'now'}]
        beating['metadata']['resourceVersion'] = '9'
        self.assertEqual(pod_ranges.read(beating), pod_ranges.read(OTHER))

    def test_random_malformed_nodes_take_nothing_and_disturb_no_other(self):
        chosen = random.Random(11)
        for _ in range(3000):
            objects = [OWN, OTHER] + [malformed(chosen) for _ in range(chosen.randrange(1, 6))]
            chosen.shuffle(objects)
            decision = decide(*objects)
            self.assertEqual(str(decision.own), '10.244.1.0/24')
            self.assertEqual(shown(decision)['10.244.2.0/24'], '10.0.0.13')
            self.assertNotIn(decision.own, decision.routes)
            vias = list(decision.routes.values())
            self.assertEqual(len(set(vias)), len(vias))
            for range_, via in decision.routes.items():
                self.assertEqual(range_.prefixlen, 24)
                self.assertTrue(str(range_).startswith('10.244.'))
                self.assertIn(via, FACTS.subnet)
                self.assertNotIn(str(via), ('10.0.0.5', '10.0.0.12', '10.0.0.0', '10.0.0.255'))
            for message in decision.mistakes:
                self.assertTrue(message.isprintable() and len(message) < 400)

    def test_any_json_is_read(self):
        chosen = random.Random(12)
        for value in NASTY + [any_value(chosen, 4) for _ in range(2000)]:
            pod_ranges.decide([pod_ranges.read(value)], FACTS, {})
            cni.range_in(value)


class Reading(unittest.TestCase):
    def test_addresses_are_those_of_ip(self):
        text = ('1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n'
                '2: ens3    inet 10.0.0.12/24 brd 10.0.0.255 scope global ens3\\       valid_lft forever\n'
                '2: ens3    inet 10.0.0.5/32 scope global ens3\\       valid_lft forever\n'
                '3: tun0    inet 10.8.0.1 peer 10.8.0.2/32 scope global tun0\n'
                '2: ens3    inet6 fe80::1/64 scope link\nrubbish\n\n4: x    inet y\n')
        self.assertEqual([(one.device, str(one.address), str(one.range)) for one in iproute.read_addresses(text)], [
            ('lo', '127.0.0.1', '127.0.0.0/8'), ('ens3', '10.0.0.12', '10.0.0.0/24'), ('ens3', '10.0.0.5', '10.0.0.5/32'),
            ('tun0', '10.8.0.1', '10.8.0.1/32')])

    def test_routes_are_those_of_ip(self):
        text = ('default via 10.0.0.1 dev ens3 \n10.244.2.0/24 via 10.0.0.13 dev ens3 \n'
                '10.0.0.5 via 10.0.0.13 dev ens3 \n10.244.1.0/24 dev cni0  proto kernel  scope link  src 10.244.1.1 \n'
                'unreachable 10.244.9.0/24 \n\nrubbish via')
        self.assertEqual([tuple(str(part) for part in route) for route in iproute.read_routes(text)], [
            ('10.244.2.0/24', '10.0.0.13', 'ens3'), ('10.0.0.5/32', '10.0.0.13', 'ens3'),
            ('10.244.1.0/24', 'None', 'cni0')])


class Acting(unittest.TestCase):
    """On a node whose commands are fake: `done` has those that change something."""
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, 'net.d/10-routed.conflist')
        self.nodes = [OWN, OTHER]
        self.ours = self.others = ''
        self.first = self.bridge = ''
        self.refused = ''
        self.said = []
        patch = mock.patch.object(iproute, 'run', self.command)
        patch.start()
        self.addCleanup(patch.stop)
        given = routes.Given('demo-minion-0', address('10.0.0.12'), address('10.0.0.5'), network('10.244.0.0/16'), 24,
                             self.file, os.path.join(self.folder, 'leases'))
        self.recorded = {}
        self.routes = routes.Routes(given, lambda: [pod_ranges.read(one) for one in self.nodes], lambda: self.recorded,
                                    Repeated(self.said.append))

    def command(self, *arguments, **_):
        text = ' '.join(arguments)
        answers = {
            'ip -o -4 addr show': self.first + '2: ens3    inet 10.0.0.12/24 scope global ens3\n' + self.bridge,
            'ip -o link show dev ens3': '2: ens3: <BROADCAST,UP> mtu 1450 qdisc noop state UP mode DEFAULT\n',
            'ip -o -4 route show protocol 77': self.ours,
            'ip -o -4 route show': self.ours + self.others,
        }
        if text in answers:
            return 0, answers[text]
        if ' -C ' in text:
            return 1, ''
        if self.refused and self.refused in text:
            raise ProgramError(text + ': refused')
        self.done.append(text)
        return 0, ''

    def act(self):
        self.done = []
        self.routes.act()
        return [line for line in self.done if not line.startswith('iptables')]

    def written(self):
        with open(self.file) as opened:
            return json.load(opened)

    def test_the_first_look_masquerades_configures_and_routes(self):
        did = self.act()
        self.assertEqual(did, ['ip -4 route add 10.244.2.0/24 via 10.0.0.13 dev ens3 protocol 77'])
        self.assertEqual(self.done[0],
                         'iptables -w -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE')
        bridge = self.written()['plugins'][0]
        self.assertEqual((bridge['type'], bridge['mtu']), ('bridge', 1450))
        self.assertEqual(bridge['ipam']['ranges'], [[{'subnet': '10.244.1.0/24'}]])
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ['10-routed.conflist'])

    def test_what_is_right_is_not_changed(self):
        self.act()
        self.ours = '10.244.2.0/24 via 10.0.0.13 dev ens3 \n'
        self.bridge = '5: cni0    inet 10.244.1.1/24 scope global cni0\n'
        before = os.stat(self.file).st_ino
        self.assertEqual(self.act(), [])
        self.assertEqual(os.stat(self.file).st_ino, before)
        self.assertEqual(self.said, [])

    def test_the_bridge_is_deleted_only_if_the_range_has_changed(self):
        self.act()
        self.bridge = '5: cni0    inet 10.244.1.1/24 scope global cni0\n'
        os.remove(self.file)
        self.assertNotIn('ip link delete cni0', self.act())
        cni.write(self.file, dict(cni.configuration(network('10.244.1.0/24'), 9000)))
        self.assertNotIn('ip link delete cni0', self.act())
        self.nodes = [node('demo-minion-0', '10.0.0.12', '10.244.7.0/24')]
        os.mkdir(os.path.join(self.folder, 'leases'))
        self.assertIn('ip link delete cni0', self.act())
        self.assertEqual(str(cni.range_in(self.written())), '10.244.7.0/24')
        self.assertFalse(os.path.exists(os.path.join(self.folder, 'leases')))

    def test_the_configuration_stays_while_this_node_has_no_range(self):
        self.act()
        for own in ([], [node('demo-minion-0', '10.0.0.12', None)], [node('demo-minion-0', '10.0.0.12', '10.244.1.9/24')]):
            self.nodes = own
            self.assertNotIn('ip link delete cni0', self.act())
            self.assertEqual(str(cni.range_in(self.written())), '10.244.1.0/24')

    def test_the_range_in_use_here_is_never_routed_to_another(self):
        self.act()
        self.nodes = [OWN, node('demo-minion-1', '10.0.0.13', '10.244.1.0/24', '2025-01-01T00:00:00Z')]
        self.assertEqual(self.act(), [])
        self.assertEqual(str(cni.range_in(self.written())), '10.244.1.0/24')
        self.assertEqual(len(self.said), 2)

    def test_a_route_to_this_nodes_range_is_deleted(self):
        self.nodes = [OWN]
        self.ours = '10.244.1.0/24 via 10.0.0.13 dev ens3 \n'
        self.assertEqual(self.act(), ['ip -4 route delete 10.244.1.0/24 via 10.0.0.13 dev ens3 protocol 77'])

    def test_the_routes_of_nodes_that_are_gone_are_deleted(self):
        self.ours = ('10.244.2.0/24 via 10.0.0.13 dev ens3 \n10.244.20.0/24 via 10.0.0.14 dev ens3 \n'
                     '10.0.0.5 via 10.0.0.66 dev ens3 \n')
        self.others = '10.244.9.0/24 via 10.0.0.9 dev ens3 proto static \ndefault via 10.0.0.1 dev ens3 \n'
        self.assertEqual(self.act(), ['ip -4 route delete 10.244.20.0/24 via 10.0.0.14 dev ens3 protocol 77',
                                      'ip -4 route delete 10.0.0.5/32 via 10.0.0.66 dev ens3 protocol 77'])

    def test_the_route_of_a_node_that_becomes_malformed_stays(self):
        self.ours = '10.244.2.0/24 via 10.0.0.13 dev ens3 \n'
        for changed in (node('demo-minion-1', 'rubbish', '10.244.2.0/24'), node('demo-minion-1', '10.0.0.13', 'rubbish'),
                        node('demo-minion-1', ['10.0.0.13', '10.0.0.14'], '10.244.2.0/24')):
            self.nodes = [OWN, changed]
            self.assertEqual(self.act(), [])
        self.nodes = [OWN, OTHER, node('a-thief', '10.0.0.13', '10.244.2.0/24', '2026-02-01T00:00:00Z')]
        self.assertEqual(self.act(), [])

    def test_a_node_whose_address_changes_gets_its_route_replaced(self):
        self.ours = '10.244.2.0/24 via 10.0.0.99 dev ens3 \n'
        self.assertEqual(self.act(), ['ip -4 route replace 10.244.2.0/24 via 10.0.0.13 dev ens3 protocol 77'])

    def test_a_node_that_leaves_its_recorded_address_keeps_its_route_and_gets_no_other(self):
        self.ours = '10.244.2.0/24 via 10.0.0.13 dev ens3 \n'
        self.recorded = {'demo-minion-1': address('10.0.0.13')}
        self.nodes = [OWN, node('demo-minion-1', '10.0.0.99', '10.244.2.0/24')]
        for _ in range(2):
            self.assertEqual(self.act(), [])
        self.assertEqual(self.said, ['node demo-minion-1: InternalIP 10.0.0.99 is not its recorded address 10.0.0.13'])

    def test_a_route_of_somebody_else_is_not_replaced(self):
        self.others = '10.244.2.0/24 via 10.0.0.9 dev ens3 proto static \n'
        self.assertEqual(self.act(), [])
        self.assertEqual(len(self.said), 1)

    def test_a_command_that_fails_disturbs_no_other_and_is_said_once(self):
        self.nodes = [OWN, OTHER, node('demo-minion-2', '10.0.0.14', '10.244.3.0/24')]
        self.refused = '10.244.2.0/24'
        for _ in range(2):
            self.assertEqual(self.act(), ['ip -4 route add 10.244.3.0/24 via 10.0.0.14 dev ens3 protocol 77'])
        self.assertEqual(len(self.said), 1)
        self.refused = 'iptables'
        self.assertEqual(len(self.act()), 2)

    def test_an_address_that_an_interface_has_also_alone_counts_with_its_range(self):
        self.first = '4: lo0    inet 10.0.0.12/32 scope global lo0\n'
        self.assertEqual(self.act(), ['ip -4 route add 10.244.2.0/24 via 10.0.0.13 dev ens3 protocol 77'])
        self.assertEqual(self.said, [])

    def test_without_its_address_a_node_changes_nothing(self):
        self.nodes = []
        with mock.patch.object(iproute, 'addresses', lambda: []):
            self.assertEqual(self.act(), [])
        self.assertIn('10.0.0.12', self.said[0])


class Commands(unittest.TestCase):
    def test_a_program_that_fails_or_is_missing_is_named(self):
        for arguments, words in ((('false',), 'false'), (('kstack-no-such-program',), 'kstack-no-such-program')):
            with self.assertRaisesRegex(ProgramError, words):
                iproute.run(*arguments)
        self.assertEqual(iproute.run('false', codes=(0, 1))[0], 1)

    def test_a_program_that_does_not_end_is_killed(self):
        with mock.patch.object(iproute, 'SECONDS', 1), self.assertRaises(ProgramError) as raised:
            iproute.run('sleep', '60')
        self.assertEqual(str(raised.exception), 'sleep 60: no end after 1 s')


def no_namespace():
    """Why this process cannot make a network namespace; '' if it can."""
    if os.geteuid() != 0:
        return 'only root has network namespaces'
    made = subprocess.Popen(('unshare', '--net', 'true'), stderr=subprocess.PIPE)
    return made.communicate()[1].decode().strip()


@unittest.skipIf(no_namespace(), no_namespace())
class Kernel(unittest.TestCase):
    def test_routes_follow_the_API_in_the_kernel_of_a_network_namespace(self):
        here = os.path.dirname(os.path.abspath(__file__))
        printed = subprocess.check_output(['unshare', '--net', sys.executable, os.path.join(here, 'routed_node.py')],
                                          timeout=90)
        self.assertEqual(json.loads(printed.decode().splitlines()[-1]), {
            'joined': ['10.244.2.0/24 via 10.0.0.13 dev ens3', '10.244.3.0/24 via 10.0.0.14 dev ens3'],
            'deleted by hand': ['10.244.2.0/24 via 10.0.0.13 dev ens3', '10.244.3.0/24 via 10.0.0.14 dev ens3'],
            'moved': ['10.244.2.0/24 via 10.0.0.15 dev ens3', '10.244.3.0/24 via 10.0.0.14 dev ens3'],
            'lied': ['10.244.2.0/24 via 10.0.0.15 dev ens3', '10.244.3.0/24 via 10.0.0.14 dev ens3'],
            'left': ['10.244.2.0/24 via 10.0.0.15 dev ens3'],
            'bridge': ['10.244.1.0/24', 1450],
            'masquerade': 1,
            'others': True,
        })
