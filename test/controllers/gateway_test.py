import unittest

from kstack import endpoints, exposed, gateway, haproxy, iproute, netfilter
from kstack.values import address, network
from objects import endpoints as pods, service, spoiled


def planned(services, given=()):
    good, _ = exposed.exposed(one for one in map(exposed.parse, services) if one is not None)
    found = {(one['metadata']['namespace'], one['metadata']['name']): endpoints.parse(one) for one in given}
    return gateway.plan(good, lambda one: found.get((one.namespace, one.name), endpoints.NONE))


class Haproxy(unittest.TestCase):
    def listeners(self, *arguments):
        return [line for one in planned(*arguments)[0] for line in haproxy.listener(one)]

    def test_the_listener_of_a_Service_follows_its_affinity_and_source_ranges_and_proxy_protocol(self):
        web = service('web', [{'port': 80, 'name': 'http'}], annotations={'kstack.io/gateway-proxy-protocol': 'v2'},
                      sessionAffinity='ClientIP', loadBalancerSourceRanges=['198.51.100.0/24', '192.0.2.0/24', '::/0'])
        given = pods('web', ['10.244.1.2', 'fd00::2'], [{'port': 9090, 'name': 'metrics'}, {'port': 8080, 'name': 'http'}])
        self.assertEqual(self.listeners([web], [given]), [
            '',
            'listen default.web.80',
            '    bind 0.0.0.0:80',
            '    balance source',
            '    hash-type consistent',
            '    acl allowed src 192.0.2.0/24',
            '    acl allowed src 198.51.100.0/24',
            '    tcp-request connection reject if !allowed',
            '    server 10.244.1.2-8080 10.244.1.2:8080 check send-proxy-v2 check-send-proxy'])

    def test_without_an_IPv4_range_among_the_sources_no_client_may_connect(self):
        web = service('web', [80], loadBalancerSourceRanges=['::/0'])
        self.assertIn('    tcp-request connection reject', self.listeners([web], [pods('web', ['10.244.1.2'], [80])]))

    def test_a_line_that_is_newer_than_HAProxy_is_left_out(self):
        template = 'global\n    a\n    b # since 1.6\n    c # since 2.10\n'
        self.assertEqual(haproxy.fixed_part(template, (1, 5)), ['global', '    a'])
        self.assertEqual(haproxy.fixed_part(template, (2, 6)), ['global', '    a', '    b'])
        self.assertEqual(haproxy.fixed_part(template, (2, 10)), ['global', '    a', '    b', '    c'])
        self.assertEqual(haproxy.release_of('HAProxy version 2.6.12-1+deb12u4 2026/10/17'), (2, 6))
        self.assertEqual(haproxy.release_of('HA-Proxy version 1.5.8 2014/10/31'), (1, 5))

    def test_the_name_of_a_configuration_follows_from_its_text(self):
        template = 'global\n    description @@DESCRIPTION@@\n'
        one, text = haproxy.configuration(template, (2, 6), [])
        self.assertEqual(text, 'global\n    description %s\n' % one)
        self.assertRegex(one, '^kstack-[0-9a-f]{16}$')
        self.assertNotEqual(one, haproxy.configuration(template, (2, 6), planned([service('web', [80])])[0])[0])

    def test_the_ports_of_other_programs_are_found(self):
        listed = '''State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 0      4096         0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=1,fd=3))
LISTEN 0      4096         0.0.0.0:80        0.0.0.0:*    users:(("haproxy",pid=2,fd=3))
LISTEN 0      4096            [::]:2379         [::]:*
LISTEN 0      4096
'''
        self.assertEqual(gateway.busy_ports(listed), {22, 2379})

    def test_a_port_that_another_program_uses_has_an_Event(self):
        refused = gateway.in_use(planned([service('web', [2379])])[0][0], 'demo-gateway-0')
        self.assertEqual((refused.reason, refused.what, refused.message), (
            'PortInUse', '2379-TCP-demo-gateway-0',
            'Port 2379/TCP is not exposed on gateway demo-gateway-0: another program uses the port there.'))


class Kernel(unittest.TestCase):
    def dns(self, addresses, **more):
        return planned([service('dns', [{'port': 53, 'protocol': 'UDP'}], **more)],
                       [pods('dns', addresses, [{'port': 1053, 'protocol': 'UDP'}])])[1]

    def test_each_endpoint_of_a_UDP_port_gets_an_equal_share_and_only_of_the_allowed_sources(self):
        udp = self.dns(['10.244.0.2', '10.244.2.4', '10.244.1.3'], loadBalancerSourceRanges=['192.0.2.0/24'])
        start = '-A KSTACK-GATEWAY -s 192.0.2.0/24 -p udp -m udp --dport 53'
        self.assertEqual(list(netfilter.forwarding(udp[0])), [
            start + ' -m statistic --mode random --probability 0.333333333333 -j DNAT --to-destination 10.244.0.2:1053',
            start + ' -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.3:1053',
            start + ' -j DNAT --to-destination 10.244.2.4:1053'])
        self.assertEqual(netfilter.flows_text(netfilter.flows(udp)),
                         '53 10.244.0.2 1053\n53 10.244.1.3 1053\n53 10.244.2.4 1053\n')

    def test_without_an_IPv4_range_among_the_sources_no_packet_is_forwarded(self):
        self.assertEqual(list(netfilter.forwarding(self.dns(['10.244.0.2'], loadBalancerSourceRanges=['::/0'])[0])), [])

    def test_TCP_is_accepted_and_what_goes_out_has_the_address_of_the_gateway(self):
        tcp, udp = planned([service('web', [80]), service('none', [81])], [pods('web', ['10.244.1.2'], [8080])])
        self.assertEqual(netfilter.rules(tcp, udp, ['10.0.0.21']), '''*nat
:KSTACK-GATEWAY - [0:0]
:KSTACK-GATEWAY-OUT - [0:0]
-A KSTACK-GATEWAY -p tcp -m tcp --dport 80 -j ACCEPT
-A KSTACK-GATEWAY -p tcp -m tcp --dport 81 -j ACCEPT
-A KSTACK-GATEWAY-OUT -p udp -m conntrack --ctstate DNAT --ctorigdst 10.0.0.21 -j MASQUERADE
COMMIT
*filter
:KSTACK-GATEWAY - [0:0]
-A KSTACK-GATEWAY -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
''')

    def test_from_outside_only_SSH_and_exposed_ports_are_reachable(self):
        services = [service('web', [80]), service('none', [81]), service('other', [9100]),
                    service('dns', [{'port': 53, 'protocol': 'UDP'}])]
        tcp, udp = planned(services, [pods('web', ['10.244.1.2'], [8080])])
        written = netfilter.rules(tcp[:2], udp, ['10.0.0.21'], ['10.244.0.0/16', '10.0.0.11'], tcp[2:])
        self.assertEqual(written.partition('*filter\n')[2], ''':KSTACK-GATEWAY - [0:0]
-A KSTACK-GATEWAY -p tcp -m tcp --dport 80 -j ACCEPT
-A KSTACK-GATEWAY -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j RETURN
-A KSTACK-GATEWAY -p tcp -m tcp --dport 22 -j RETURN
-A KSTACK-GATEWAY -p tcp -m tcp --dport 81 -j RETURN
-A KSTACK-GATEWAY -p tcp -m tcp --dport 9100 -j RETURN
-A KSTACK-GATEWAY -p udp -m udp --dport 53 -j RETURN
-A KSTACK-GATEWAY -p udp -m udp --dport 68 -j RETURN
-A KSTACK-GATEWAY -s 10.244.0.0/16 -j RETURN
-A KSTACK-GATEWAY -s 10.0.0.11 -j RETURN
-A KSTACK-GATEWAY -p tcp -j REJECT --reject-with tcp-reset
-A KSTACK-GATEWAY -p udp -j REJECT --reject-with icmp-port-unreachable
COMMIT
''')

    def test_the_range_of_nodes_is_that_of_the_interface_and_without_one_nothing_is_rejected(self):
        own, pods_range = address('10.0.0.21'), network('10.244.0.0/16')
        listed = '2: eth0    inet 10.0.0.21/24 brd 10.0.0.255 scope global eth0\n'
        self.assertEqual(gateway.ranges(own, pods_range, iproute.read_addresses(listed)),
                         (network('10.0.0.0/24'), pods_range))
        for other in (listed.replace('/24', '/32'), listed.replace('.21/', '.22/'), ''):
            self.assertIsNone(gateway.ranges(own, pods_range, iproute.read_addresses(other)))
        self.assertEqual(gateway.sources(None, [{own}]), ())

    def test_inside_are_the_pods_and_the_nodes_with_an_address_in_the_range_of_nodes(self):
        def node(*found):
            return {'status': {'addresses': [{'type': 'InternalIP', 'address': one} for one in found]}}
        nodes = [node('10.0.0.12'), node('10.0.0.011', '10.0.0.11'), node('192.0.2.1')]
        for one in spoiled(node('10.0.0.12')):
            self.assertLessEqual(gateway.addresses_of(one), {address('10.0.0.12')})
        cluster = network('10.0.0.0/24'), network('10.244.0.0/16')
        self.assertEqual(gateway.sources(cluster, map(gateway.addresses_of, nodes)),
                         (cluster[1], address('10.0.0.11'), address('10.0.0.12')))

    def test_flows_to_pods_that_are_gone_are_forgotten_and_those_from_before_a_port_was_exposed(self):
        before = netfilter.flows_of('53 10.244.0.2 1053\n53 10.244.0.3 1053\n\nx\n53 10.244.00.4 1053\n0 10.0.0.1 1\n')
        self.assertEqual(before, {(53, '10.244.0.2', 1053), (53, '10.244.0.3', 1053)})
        now = {(53, '10.244.0.3', 1053), (54, '10.244.0.2', 1053)}
        self.assertEqual(netfilter.stale(before, now), [(53, '10.244.0.2'), (54, None)])
        self.assertEqual(netfilter.stale(now, now), [])

    def test_a_jump_is_first_if_no_rule_of_kube_proxy_is_before_it(self):
        ours, theirs = '-A INPUT -d 10.0.0.20/32 -j KSTACK-GATEWAY\n', '-A INPUT -m comment -j KUBE-FIREWALL\n'
        for listed, first in ((ours + theirs, True), ('-P INPUT ACCEPT\n' + ours, True), (theirs + ours, False),
                              (theirs, False), ('', False)):
            self.assertEqual(netfilter.jump_is_first(listed, 'INPUT', '-d 10.0.0.20/32 -j KSTACK-GATEWAY'), first)


class Pods(unittest.TestCase):
    def test_malformed_Endpoints_have_one_message_and_their_other_pods_are_used(self):
        for one in spoiled(pods('web', ['10.244.1.2', '10.244.1.3'], [{'port': 8080, 'name': 'http', 'protocol': 'TCP'}])):
            found = endpoints.parse(one)
            self.assertNotIn('\n', found.wrong)
            self.assertLess(len(found.wrong), 100)
            for ip, target in endpoints.targets(found, exposed.Port(80, 'TCP', 'http')):
                self.assertIsNotNone(address(ip))
                self.assertTrue(0 < target < 65536)
        one = pods('web', ['10.244.1.2 check\n    server x', '10.244.1.3', '127.0.0.1', '169.254.169.254'], [8080])
        found = endpoints.parse(one)
        self.assertEqual(endpoints.targets(found, exposed.Port(80, 'TCP', '')), (('10.244.1.3', 8080),))
        self.assertIn('address 10.244.1.2 check?', found.wrong)

    def test_only_pods_of_the_same_port_name_and_protocol_are_targets(self):
        found = endpoints.parse(pods('web', ['10.244.1.2'], [
            {'port': 1, 'name': 'a'}, {'port': 2, 'name': 'b'}, {'port': 3, 'name': 'a', 'protocol': 'UDP'}]))
        self.assertEqual(endpoints.targets(found, exposed.Port(80, 'TCP', 'a')), (('10.244.1.2', 1),))
        self.assertEqual(endpoints.targets(found, exposed.Port(80, 'UDP', 'a')), (('10.244.1.2', 3),))

    def test_mistakes_are_told_of_Services_that_are_exposed(self):
        good, refused = exposed.exposed(map(exposed.parse, [service('web', [80]), service('a b', [81])]))
        told = gateway.mistakes(good, refused, lambda one: endpoints.Endpoints((), 'port x'))
        self.assertEqual(told, [
            'Endpoints default/web: not valid and left out: port x',
            'Service default/a b: The field metadata is not valid. No port of this Service is exposed.'])
