import random
import unittest

from kstack import exposed, service_events
from objects import any_services, service, spoiled


def decided(services):
    parsed = [exposed.parse(one) for one in services]
    return exposed.exposed(one for one in parsed if one is not None)


def key(one):
    return '%d/%s' % (one.port.number, one.port.protocol)


def summary(good, refused):
    return sorted(
        ['%s/%s %s good' % (one.service.namespace, one.service.name, key(one)) for one in good] +
        ['%s/%s %s %s' % (one.service.namespace, one.service.name, one.what.replace('-', '/'), one.reason)
         for one in refused])


def outcome(one, port):
    """The same rules, implemented again: what happens to a port, without regard to conflicts."""
    metadata, spec = one['metadata'], one['spec']
    label = metadata['labels'].get('kstack.io/gateway')
    if label == 'false' or label is None and (spec['type'] != 'LoadBalancer' or 'loadBalancerClass' in spec):
        return 'not ours'
    if label not in (None, 'true'):
        return 'WrongLabel'
    if spec['type'] == 'ExternalName':
        return 'NotExposable'
    if metadata['annotations'].get('kstack.io/gateway-proxy-protocol', 'v1') not in ('v1', 'v2'):
        return 'WrongAnnotation'
    if any(text not in ('10.0.0.0/8', '::/0') for text in spec.get('loadBalancerSourceRanges', [])):
        return 'WrongSourceRange'
    if port['protocol'] == 'SCTP':
        return 'ProtocolNotSupported'
    if port['port'] in (22, 10250, 31000) or (port['port'], port['protocol']) in ((179, 'TCP'), (4789, 'UDP')):
        return 'PortReserved'
    return 'good'


class Exposed(unittest.TestCase):
    def test_no_port_is_exposed_twice_and_the_oldest_Service_gets_it_and_each_other_port_has_one_reason(self):
        chosen, seen = random.Random(1), set()
        for _ in range(300):
            services, expected, taken = any_services(chosen), [], set()
            for one in sorted(services, key=lambda one: [one['metadata'][field] for field in (
                    'creationTimestamp', 'namespace', 'name')]):
                own, whole = '%(namespace)s/%(name)s' % one['metadata'], set()
                for port in one['spec']['ports']:
                    number = '%(port)d/%(protocol)s' % port
                    end = outcome(one, port)
                    if end == 'good' and number in taken:
                        end = 'PortTaken'
                    if end == 'good':
                        taken.add(number)
                    seen.add(end)
                    if end.startswith('Wrong') or end == 'NotExposable':
                        whole.add('%s service %s' % (own, end))
                    elif end != 'not ours':
                        expected.append('%s %s %s' % (own, number, end))
                expected += whole
            self.assertEqual(summary(*decided(services)), sorted(expected))
            self.assertEqual(decided(services), decided(services[::-1]))
        self.assertEqual(seen, {'NotExposable', 'PortReserved', 'PortTaken', 'ProtocolNotSupported', 'WrongAnnotation',
                                'WrongLabel', 'WrongSourceRange', 'good', 'not ours'})

    def test_a_Service_that_does_not_get_a_port_gets_a_message_with_the_Service_that_has_it(self):
        good, refused = decided([service('late', [80, 81], 2), service('early', [80], 1, 'shop')])
        self.assertEqual([(one.service.name, key(one)) for one in good], [('early', '80/TCP'), ('late', '81/TCP')])
        self.assertEqual([one.message for one in refused],
                         ['Port 80/TCP is not exposed: the older Service shop/early uses it.'])

    def test_a_source_range_is_accepted_in_its_canonical_form(self):
        for text, sources in (('192.0.2.0/24', ['192.0.2.0/24']), (' 192.0.2.0/24 ', ['192.0.2.0/24']),
                              ('0.0.0.0/0', ['0.0.0.0/0']), ('192.0.2.7/24', ['192.0.2.0/24']), ('2001:db8::/32', [])):
            good, _ = decided([service('web', [80], loadBalancerSourceRanges=[text])])
            self.assertEqual([(one.service.limited, list(one.service.sources)) for one in good], [(True, sources)], text)

    def test_other_source_ranges_are_refused(self):
        for text in ('192.0.2.0', '192.0.2.256/24', '192.0.2.00/24', '192.0.2.0/33', '192.0.2.0/24 }', '::/129', '::/ffff::',
                     '192.0.2.0/2 4 }\n    server x', '::1\n    server x/64', '::1 }/64', None, 7, ['192.0.2.0/24']):
            good, refused = decided([service('web', [80], loadBalancerSourceRanges=[text])])
            self.assertEqual((good, [one.reason for one in refused]), ([], ['WrongSourceRange']), text)

    def test_a_malformed_Service_has_one_reason_and_disturbs_no_other(self):
        right = service('right', [{'port': 81, 'protocol': 'TCP', 'name': 'http', 'nodePort': 30000}])
        whole = service('web', [{'port': 80, 'protocol': 'TCP', 'name': 'http', 'nodePort': 30080}, {'port': 82}],
                        labels={'kstack.io/gateway': 'true'}, annotations={'kstack.io/gateway-proxy-protocol': 'v1'},
                        sessionAffinity='ClientIP', loadBalancerSourceRanges=['10.0.0.0/8'], status=['10.0.0.1'])
        for one in spoiled(whole):
            good, refused = decided([right, one])
            self.assertIn('right', [each.service.name for each in good])
            web = [each for each in good if each.service.name != 'right']
            self.assertFalse(web and refused and refused[0].what == 'service', one)
            for each in good:
                self.assertIn(each.port.protocol, ('TCP', 'UDP'))
                self.assertTrue(0 < each.port.number < 65536)
            for each in refused:
                self.assertNotIn('\n', each.message)
                self.assertLess(len(each.message), 400)

    def test_a_field_that_is_not_valid_is_named(self):
        for field, ports in (('port', [{'port': 0}]), ('port', [{'port': 65536}]), ('port', [{'port': '80'}]),
                             ('protocol', [{'port': 80, 'protocol': 'tcp\n'}]), ('name', [{'port': 80, 'name': 'a b'}]),
                             ('nodePort', [{'port': 80, 'nodePort': 70000}])):
            good, refused = decided([service('web', ports)])
            self.assertEqual((good, [(one.reason, one.message) for one in refused]), ([], [(
                'InvalidField', 'The field spec.ports[0].%s is not valid. No port of this Service is exposed.' % field)]))

    def test_a_Service_whose_name_is_not_valid_has_no_Event(self):
        _, refused = decided([service('a b\n', [80])])
        self.assertEqual([(one.service.uid, one.service.name) for one in refused], [('', 'a b?')])

    def test_the_Event_of_a_reason_has_one_name(self):
        _, refused = decided([service('early', [80]), service('late', [80], 1, 'shop')])
        event = service_events.event(refused[0], 'kstack-services', 1767268800)
        self.assertRegex(event['metadata']['name'], r'^late\.[0-9a-f]{8}\.porttaken-80-tcp$')
        self.assertEqual(event['metadata']['namespace'], 'shop')
        self.assertEqual(event['lastTimestamp'], '2026-01-01T12:00:00Z')
        self.assertEqual(event['involvedObject']['uid'], refused[0].service.uid)
        self.assertEqual((event['reason'], event['count'], event['source']),
                         ('PortTaken', 1, {'component': 'kstack-services'}))
