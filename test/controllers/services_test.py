import json
import threading
import time
import unittest

from kstack import gateways, service_events, services, statuses, values
from kstack.api import Api, ApiError
from kstack.settings import Settings
from objects import node, service, spoiled
from server import Server
from store import Store

TAKEN = gateways.Taken({values.address('10.0.0.5')}, ())
BOTH = [node('demo-gateway-0', '10.0.0.21'), node('demo-gateway-1', '10.0.0.22')]
NOON = 1767268800


class Statuses(unittest.TestCase):
    def wanted(self, one, addresses, served=True):
        kept = statuses.keep(one)
        return kept and statuses.wanted(kept, {(kept.namespace, kept.name)} if served else set(), addresses)

    def test_a_Service_with_an_exposed_port_gets_the_addresses_of_the_gateways_once(self):
        web = service('web', [80])
        self.assertEqual(self.wanted(web, ['10.0.0.21']), ['10.0.0.21'])
        self.assertIsNone(self.wanted(statuses.with_addresses(web, ['10.0.0.21']), ['10.0.0.21']))

    def test_a_Service_without_an_exposed_port_or_a_gateway_has_no_address(self):
        web = service('web', [80], status=['10.0.0.21'])
        self.assertEqual(self.wanted(web, ['10.0.0.21'], served=False), [])
        self.assertEqual(self.wanted(web, []), [])
        self.assertEqual(statuses.with_addresses(web, [])['status'], {'loadBalancer': {}})

    def test_the_status_of_other_types_is_not_changed(self):
        self.assertIsNone(self.wanted(service('web', [80], type='ClusterIP'), ['10.0.0.21']))
        labelled = service('web', [80], type='NodePort', labels={'kstack.io/gateway': 'true'})
        self.assertIsNone(self.wanted(labelled, ['10.0.0.21']))

    def test_the_status_of_other_implementations_is_kept_and_a_Service_that_is_no_longer_exposed_loses_our_addresses(self):
        no = {'kstack.io/gateway': 'false'}
        addresses = ['10.0.0.20', '10.0.0.21']
        theirs = service('theirs', [80], loadBalancerClass='example.com/x', status=['203.0.113.1'])
        self.assertIsNone(self.wanted(theirs, addresses, served=False))
        self.assertIsNone(self.wanted(service('never', [80], labels=no, status=['203.0.113.2']), addresses, served=False))
        self.assertEqual(self.wanted(service('no-longer', [80], labels=no, status=addresses), addresses, served=False), [])

    def test_other_parts_of_the_status_are_kept(self):
        web = dict(service('web', [80]), status={'conditions': [1], 'loadBalancer': {'ingress': []}})
        self.assertEqual(statuses.with_addresses(web, ['10.0.0.21'])['status'],
                         {'conditions': [1], 'loadBalancer': {'ingress': [{'ip': '10.0.0.21'}]}})

    def test_what_is_kept_of_a_malformed_Service_wants_nothing_unusual(self):
        for one in spoiled(service('web', [80], status=['10.0.0.21'])):
            self.assertIn(self.wanted(one, ['10.0.0.22']), (None, ['10.0.0.22']))


class Facts(unittest.TestCase):
    def test_the_addresses_that_no_gateway_gets_are_those_of_the_settings(self):
        taken = services.taken_addresses(Settings({
            'API_ADDRESS': '10.0.0.5', 'API_PUBLIC_ADDRESS': '', 'CLUSTER_DNS': '10.96.0.10', 'SERVICE_CIDR': '10.96.0.0/16',
            'POD_CIDR': '10.244.0.0/16'}))
        self.assertEqual(taken.api, {values.address('10.0.0.5'), values.address('10.96.0.10')})
        self.assertEqual([str(one) for one, _ in taken.ranges], ['10.96.0.0/16', '10.244.0.0/16'])


class Events(unittest.TestCase):
    def event(self, message='taken', when=NOON):
        return {'metadata': {'namespace': 'shop', 'name': 'late'}, 'message': message, 'count': 1,
                'lastTimestamp': time.strftime(service_events.TIME, time.gmtime(when))}

    def plan(self, new, old, now):
        return service_events.plan([new], {('shop', 'late'): old} if old else {}, now)

    def test_an_Event_is_created_once_and_written_again_after_ten_minutes_or_with_another_message(self):
        first, later = self.event(), self.event(when=NOON + 601)
        self.assertEqual(self.plan(first, None, NOON), ([first], []))
        self.assertEqual(self.plan(first, first, NOON + 600), ([], []))
        self.assertEqual(self.plan(later, first, NOON + 601), ([], [dict(later, count=2)]))
        other = self.event('another')
        self.assertEqual(self.plan(other, first, NOON), ([], [dict(other, count=2)]))

    def test_an_Event_that_says_no_valid_time_or_count_is_written_again(self):
        for bad in ('20x', None, '9999-01-01T00:00:00Z', 'zzz', {}):
            _, replace = self.plan(self.event(), dict(self.event(), lastTimestamp=bad, count=bad), NOON)
            self.assertEqual(replace, [self.event()])


class WithApi(unittest.TestCase):
    def setUp(self):
        self.store = Store()
        self.server = Server(self.store.answers)
        self.addCleanup(self.server.close)
        self.addCleanup(self.store.close)
        self.api = Api(self.server.address, self.server.file('certificate'), self.server.file('certificate'),
                       self.server.file('key'), timeout=5)
        for one in BOTH:
            self.store.put('nodes', one)
        self.holds = True
        self.time = NOON
        self.looked = threading.Event()

    def start(self, *given):
        for one in given:
            self.store.put('services', one)
        self.services = services.Services(self.api, 'demo', TAKEN, self.look, lambda: self.time)
        self.services.loop.period = 0.1
        threading.Thread(target=self.services.run, daemon=True).start()

    def look(self):
        self.looked.set()
        return self.holds

    def until(self, condition):
        end = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), end, self.store.written)
            time.sleep(0.02)

    def ingress(self, name):
        return statuses.ingress(self.store.get('services', name, 'default'))

    def test_only_the_master_that_holds_the_API_address_writes_and_each_object_once(self):
        self.holds = False
        self.start(service('web', [80]), service('late', [80], 1))
        self.assertTrue(self.looked.wait(20))
        self.looked.clear()
        self.assertTrue(self.looked.wait(20))
        self.assertEqual(self.store.written, [])
        self.holds = True
        self.until(lambda: len(self.store.written) == 2)
        self.assertEqual([one[1].split('.')[-1] for one in self.store.written], ['porttaken-80-tcp', 'services/web/status'])
        self.assertEqual(self.ingress('web'), ('192.0.2.9', '10.0.0.20', '10.0.0.21', '10.0.0.22'))
        self.assertEqual(self.ingress('late'), ())
        self.store.put('services', service('more', [81, 22], 2))
        self.until(lambda: len(self.store.written) == 4)
        self.store.put('services', service('more-yet', [82], 3))
        self.until(lambda: len(self.store.written) == 5)
        self.services.due = 0
        time.sleep(0.5)
        self.assertEqual([one[1].split('.')[-1] for one in self.store.written[2:]],
                         ['portreserved-22-tcp', 'services/more/status', 'services/more-yet/status'])

    def test_a_status_keeps_what_else_the_Service_has(self):
        web = service('web', [80], annotations={'a': 'b'}, selector={'app': 'web'})
        self.start(web)
        self.until(lambda: self.ingress('web'))
        found = self.store.get('services', 'web', 'default')
        self.assertEqual((found['metadata']['annotations'], found['spec']), ({'a': 'b'}, web['spec']))

    def test_an_Event_is_repeated_after_ten_minutes_while_its_reason_lasts(self):
        self.start(service('web', [80, 22]))
        name = lambda: next(iter(self.store.objects['events'].values()), {})  # noqa: E731
        self.until(lambda: name().get('count') == 1)
        self.time += 601
        self.services.due = 0
        self.until(lambda: name().get('count') == 2)
        self.assertEqual(name()['lastTimestamp'], '2026-01-01T12:10:01Z')
        self.assertEqual(name()['firstTimestamp'], '2026-01-01T12:00:00Z')

    def test_the_Events_are_not_read_while_none_is_due(self):
        self.start(service('web', [80, 22]))
        self.until(lambda: self.ingress('web'))
        self.services.due = 0
        self.until(lambda: self.services.due > 0)
        reads = [where for method, where in self.server.asked if method == 'GET' and where.startswith('/api/v1/events')]
        self.assertEqual(len(reads), 1)
        self.assertIn('fieldSelector=source%3Dkstack-services', reads[0])

    def test_an_additional_pool_of_gateways_is_one_by_the_record_of_kstack(self):
        self.store.put('nodes', node('demo-edge-0', '10.0.0.41'))
        self.store.put('nodes', node('demo-gpu-0', '10.0.0.42', labels={'kstack.io/role': 'gateway'}))
        record = {'cluster': 'demo', 'pools': {'edge': {'labels': {'kstack.io/role': 'gateway'}}}}
        self.store.put('configmaps', {'metadata': {'namespace': 'kube-system', 'name': 'kstack-pools'},
                                      'data': {'pools.json': json.dumps(record)}})
        self.start(service('web', [80]))
        self.until(lambda: self.ingress('web') == ('192.0.2.9', '10.0.0.20', '10.0.0.41', '10.0.0.21', '10.0.0.22'))

    def test_a_gateway_whose_recorded_address_is_another_leaves_the_status(self):
        self.store.put('configmaps', {'metadata': {'namespace': 'kube-system', 'name': 'kstack-members'},
                                      'data': {'demo-gateway-0': '{"address": "10.0.0.29"}'}})
        self.start(service('web', [80]))
        self.until(lambda: self.ingress('web') == ('192.0.2.9', '10.0.0.20', '10.0.0.22'))

    def test_a_gateway_that_is_removed_leaves_the_status(self):
        self.start(service('web', [80]))
        self.until(lambda: len(self.ingress('web')) == 4)
        self.store.put('nodes', node('demo-gateway-1', '10.0.0.22', labels={'kstack.io/leave': 'leave'}))
        self.until(lambda: self.ingress('web') == ('192.0.2.9', '10.0.0.20', '10.0.0.21'))
        self.store.remove('nodes', '', 'demo-gateway-0')
        self.until(lambda: self.ingress('web') == ())

    def test_a_Service_that_cannot_be_written_keeps_no_other_from_its_status(self):
        answers = self.store.answers

        def refusing(method, where, body):
            if where.endswith('/first/status') or where.endswith('/shop/events'):
                return 403, {'message': 'no', 'reason': 'Forbidden'}
            return answers(method, where, body)
        self.server.server.RequestHandlerClass.answers = staticmethod(refusing)
        self.start(service('first', [80]), service('second', [81], 1), service('third', [22], 2, 'shop'))
        self.until(lambda: self.ingress('second'))
        self.assertEqual(self.ingress('first'), ())

    def test_a_later_change_of_a_Service_is_not_overwritten(self):
        self.store.put('services', service('web', [80]))
        it = services.Services(self.api, 'demo', TAKEN, lambda: True)
        kept = statuses.keep(service('web', [80]))
        self.store.put('services', service('web', [80], status=['203.0.113.1']))
        it.write_status(kept, ['10.0.0.21'])
        self.assertEqual(self.ingress('web'), ('203.0.113.1',))
        it.write_status(statuses.keep(service('gone', [80])), ['10.0.0.21'])
        self.assertEqual(self.store.written, [])

    def test_an_incomplete_answer_of_the_API_changes_nothing(self):
        it = services.Services(self.api, 'demo', TAKEN, lambda: True)
        self.store.available = False
        with self.assertRaises(ApiError):
            it.act()
        self.assertEqual(it.due, 0)
