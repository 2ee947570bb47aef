import base64
import ipaddress
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from kstack import approver, csr, der, nodes, values
from kstack.approver import APPROVE, DENY, WAIT

NAME = 'demo-minion-1'
SUBJECT = '/O=system:nodes/CN=system:node:' + NAME

FACTS = approver.Facts('demo', values.network('10.0.0.0/24'),
                       [values.address('10.0.0.5'), values.address('10.96.0.1')],
                       [values.network('10.244.0.0/16'), values.network('10.96.0.0/12')])
NODES = {'demo-minion-1': approver.Node('demo-minion-1', False, values.address('10.0.0.12')),
         'demo-minion-2': approver.Node('demo-minion-2', True, values.address('10.0.0.13'))}

folder = None


def setUpModule():
    global folder
    folder = tempfile.mkdtemp()
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key')


def tearDownModule():
    shutil.rmtree(folder)


def openssl(*arguments):
    return subprocess.check_output(('openssl',) + arguments, cwd=folder, stderr=subprocess.DEVNULL)


def extension(names):
    """Alternative names as hexadecimal DER: OpenSSL's configuration then allows any byte in a name."""
    content = b''.join(bytes([tag, len(value)]) + value for tag, value in names)
    header = b'\x30' + (bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)]))
    return (header + content).hex()


def dns(name):
    return 0x82, name.encode()


def ip(text):
    return 0x87, ipaddress.ip_address(text).packed


def request(names=(), subject=SUBJECT, more=''):
    """A request in PEM."""
    lines = ['[req]', 'distinguished_name=name', 'req_extensions=extensions', '[name]', '[extensions]', more]
    if names:
        lines.append('2.5.29.17=DER:' + extension(names))
    elif not more:
        lines = ['[req]', 'distinguished_name=name', '[name]']
    with open(os.path.join(folder, 'configuration'), 'w') as file:
        file.write('\n'.join(lines) + '\n')
    return openssl('req', '-new', '-key', 'key', '-subj', subject, '-config', 'configuration')


def encoded(pem):
    return base64.b64encode(pem).decode()


def serving(pem=None, name=NAME, **more):
    usages = ['digital signature', 'key encipherment', 'server auth']
    return dict({'signerName': approver.SERVING, 'username': 'system:node:' + name, 'groups': ['system:nodes'],
                 'usages': usages, 'request': encoded(pem or request([dns(NAME), ip('10.0.0.12')]))}, **more)


def client(name=NAME, address='10.0.0.12', pem=None, **more):
    return dict({'signerName': approver.CLIENT, 'username': 'kstack:member:' + name, 'groups': ['kstack:members'],
                 'extra': {'kstack.io/address': [address]}, 'usages': ['digital signature', 'client auth'],
                 'request': encoded(pem or request())}, **more)


def decide(spec, age=1000, nodes=NODES, records={}):
    return approver.decide(spec, age, FACTS, nodes, records)


class Serving(unittest.TestCase):
    def test_a_node_gets_a_certificate_for_its_name_and_address(self):
        self.assertEqual(decide(serving()).action, APPROVE)

    def test_a_node_gets_no_other_names(self):
        own = [dns(NAME), ip('10.0.0.12')]
        for names in ([dns('demo-minion-2'), ip('10.0.0.12')], [dns('demo-minion-10'), ip('10.0.0.12')],
                      [dns('demo-minion'), ip('10.0.0.12')], own + [dns('kubernetes')], own + [dns(NAME)],
                      [dns('*'), ip('10.0.0.12')], [dns(NAME + '\n'), ip('10.0.0.12')],
                      [dns(NAME + '\0'), ip('10.0.0.12')],
                      [dns(NAME.upper()), ip('10.0.0.12')], [ip('10.0.0.12')], [dns(NAME)],
                      own + [(0x81, b'a@' + NAME.encode())], own + [(0x86, b'spiffe://' + NAME.encode())],
                      own + [(0xa4, b'')]):
            self.assertEqual(decide(serving(request(names))).action, DENY, names)

    def test_a_node_gets_no_other_address(self):
        for address in ('10.0.0.13', '10.0.0.5', '10.96.0.1', '10.96.0.10', '10.244.1.1', '127.0.0.1', '192.0.2.1'):
            spec = serving(request([dns(NAME), ip(address)]))
            nodes = dict(NODES, **{NAME: approver.Node(NAME, True, values.address(address))})
            self.assertEqual(decide(spec, nodes=nodes).action, DENY, address)
        self.assertEqual(decide(serving(request([dns(NAME), ip('10.0.0.12'), ip('10.0.0.14')]))).action, DENY)
        self.assertEqual(decide(serving(request([dns(NAME), ip('fd00::1')]))).action, DENY)

    def test_an_address_of_the_API_in_another_form_is_no_address(self):
        for text in ('10.00.0.5', '10.0.0.05', '010.0.0.5', '10.0.0.5 ', '0x0a.0.0.5'):
            one = {'metadata': {'name': NAME}, 'status': {'addresses': [{'type': 'InternalIP', 'address': text}]}}
            nodes = dict(NODES, **{NAME: approver.node(one)})
            spec = serving(request([dns(NAME), ip('10.0.0.5')]))
            self.assertEqual(decide(spec, nodes=nodes).action, DENY, text)
            self.assertIsNone(nodes[NAME].address)

    def test_the_address_that_Heat_gave_counts_and_not_the_one_that_a_node_reports(self):
        records = {NAME: values.address('10.0.0.14')}
        self.assertEqual(decide(serving(), records=records).action, DENY)
        self.assertEqual(decide(serving(request([dns(NAME), ip('10.0.0.14')])), records=records).action, APPROVE)

    def test_the_recorded_address_of_another_member_is_refused(self):
        records = {'demo-minion-2': values.address('10.0.0.12')}
        self.assertEqual(decide(serving(), records=records).action, DENY)

    def test_a_node_that_reports_the_address_of_another_keeps_no_certificate_from_it(self):
        nodes = dict(NODES, **{'demo-minion-2': approver.Node('demo-minion-2', True, values.address('10.0.0.12'))})
        self.assertEqual(decide(serving(), nodes=nodes).action, DENY)
        records = {'demo-minion-2': values.address('10.0.0.13')}
        self.assertEqual(decide(serving(), nodes=nodes, records=records).action, APPROVE)
        self.assertEqual(decide(client(), nodes=nodes, records=records).action, APPROVE)

    def test_an_address_that_another_node_has_may_become_free(self):
        spec = serving(request([dns(NAME), ip('10.0.0.13')]))
        self.assertEqual([decide(spec, age=age).action for age in (0, 299, 301)], [WAIT, WAIT, DENY])
        self.assertEqual(decide(client(address='10.0.0.13'), age=0).action, WAIT)
        records = {NAME: values.address('10.0.0.14')}
        self.assertEqual(decide(serving(), age=0, records=records).action, WAIT)

    def test_what_can_never_be_approved_is_denied_at_once(self):
        for names in ([dns(NAME), ip('10.0.0.5')], [dns('kubernetes'), ip('10.0.0.12')]):
            self.assertEqual(decide(serving(request(names)), age=0).action, DENY)

    def test_an_address_that_is_not_reported_yet_is_waited_for_and_then_refused(self):
        nodes = {NAME: approver.Node(NAME, False, None)}
        self.assertEqual(decide(serving(), age=0, nodes=nodes).action, WAIT)
        self.assertEqual(decide(serving(), age=301, nodes=nodes).action, DENY)

    def test_who_is_no_node_of_the_cluster_gets_nothing(self):
        for change in ({'username': 'system:node:demo-minion-2'}, {'username': 'system:admin'}, {'groups': []},
                       {'groups': None}, {'username': None}, {'usages': None}, {'usages': ['client auth']},
                       {'usages': ['server auth', 'client auth']}):
            self.assertEqual(decide(dict(serving(), **change)).action, DENY, change)
        for name in ('kubernetes', 'demo-minion', 'other-minion-0', 'localhost', 'demo-minion-0.example'):
            spec = serving(request([dns(name), ip('10.0.0.12')], '/O=system:nodes/CN=system:node:' + name), name)
            self.assertEqual(decide(spec).action, DENY, name)

    def test_the_subject_is_that_of_the_node_alone(self):
        own = 'CN=system:node:' + NAME
        for subject in ('/O=system:masters/' + own, '/O=system:nodes/O=system:masters/' + own, '/' + own,
                        '/O=system:nodes/CN=system:node:demo-minion-2', '/O=system:nodes/' + own + '/CN=admin',
                        '/O=system:nodes/OU=a/' + own):
            pem = request([dns(NAME), ip('10.0.0.12')], subject)
            self.assertEqual(decide(serving(pem)).action, DENY, subject)

    def test_other_extensions_are_refused(self):
        pem = request([dns(NAME), ip('10.0.0.12')], more='basicConstraints=CA:TRUE')
        self.assertEqual(decide(serving(pem)).action, DENY)


class Renewal(unittest.TestCase):
    """A kubelet asks for its next client certificate with the one that it has."""
    def renewal(self, name=NAME, pem=None, **more):
        subject = '/O=system:nodes/CN=system:node:' + name
        return dict({'signerName': approver.CLIENT, 'username': 'system:node:' + name, 'groups': ['system:nodes'],
                     'usages': ['digital signature', 'client auth'],
                     'request': encoded(pem or request(subject=subject))}, **more)

    def test_a_node_of_the_cluster_gets_its_next_certificate_whether_it_is_Ready_or_not(self):
        for name in NODES:
            self.assertTrue(approver.concerns(self.renewal(name)))
            verdict = decide(self.renewal(name))
            self.assertEqual((verdict.action, verdict.address, verdict.joined), (APPROVE, None, None))

    def test_a_node_that_was_removed_gets_no_further_certificate(self):
        verdicts = [decide(self.renewal(), age=age, nodes={}, records={NAME: values.address('10.0.0.12')})
                    for age in (0, 299, 301)]
        self.assertEqual([one.action for one in verdicts], [WAIT, WAIT, DENY])
        self.assertEqual(verdicts[2].reason, 'node %s does not exist: it was removed' % NAME)

    def test_a_node_renews_its_own_client_certificate_and_nothing_else(self):
        for change in ({'username': 'system:node:demo-minion-2'}, {'username': 'system:node:other-minion-1'},
                       {'username': 'system:node:'}, {'groups': ['system:masters']}, {'usages': ['server auth']},
                       {'request': encoded(request(subject='/O=system:masters/CN=system:node:' + NAME))},
                       {'request': encoded(request([dns(NAME)]))}):
            self.assertEqual(decide(dict(self.renewal(), **change)).action, DENY, change)


class Shared(unittest.TestCase):
    """Members of a cluster that was created with kstack 0.3 or earlier have one token."""
    def first(self, name=NAME, **more):
        subject = '/O=system:nodes/CN=system:node:' + name
        return dict({'signerName': approver.CLIENT, 'username': 'system:bootstrap:abcdef',
                     'groups': ['system:bootstrappers', approver.SHARED_GROUP],
                     'usages': ['digital signature', 'client auth'], 'request': encoded(request(subject=subject))}, **more)

    def test_a_member_that_is_not_Ready_joins_with_it_and_what_was_recorded_of_its_predecessor_is_void(self):
        for known in (NODES, {}):
            verdict = decide(self.first(), nodes=known)
            self.assertEqual((verdict.action, verdict.address, verdict.joined), (APPROVE, None, NAME))

    def test_nobody_becomes_a_node_that_is_Ready_or_of_no_member_with_it(self):
        self.assertEqual([decide(self.first('demo-minion-2'), age=age).action for age in (0, 301)], [WAIT, DENY])
        for name in ('demo-minion', 'other-minion-1', 'localhost', NAME + '/CN=system:node:demo-minion-3'):
            self.assertEqual(decide(self.first(name)).action, DENY, name)
        for change in ({'request': encoded(request([dns(NAME)]))}, {'usages': ['client auth', 'server auth']},
                       {'request': encoded(request(subject='/O=system:masters/CN=admin'))}, {'request': None}):
            self.assertEqual(decide(dict(self.first(), **change)).action, DENY, change)

    def test_other_bootstrap_tokens_are_not_decided(self):
        self.assertTrue(approver.concerns(self.first()))
        for groups in ([], None, ['system:bootstrappers'], ['system:bootstrappers:kstack-masters']):
            self.assertFalse(approver.concerns(self.first(groups=groups)))


class Client(unittest.TestCase):
    def test_a_member_gets_its_own_certificate_with_its_token(self):
        verdict = decide(client())
        self.assertEqual((verdict.action, str(verdict.address)), (APPROVE, '10.0.0.12'))
        self.assertEqual(decide(client(), nodes={}).action, APPROVE)

    def test_a_token_is_for_its_own_member_alone(self):
        other = client('demo-minion-2', '10.0.0.13')
        self.assertEqual(decide(other).action, DENY)
        self.assertEqual(decide(client(pem=request(subject='/O=system:masters/CN=admin'))).action, DENY)

    def test_a_member_that_is_Ready_is_not_replaced(self):
        nodes = {NAME: approver.Node(NAME, True, values.address('10.0.0.12'))}
        self.assertEqual(decide(client(), age=0, nodes=nodes).action, WAIT)
        self.assertEqual(decide(client(), age=301, nodes=nodes).action, DENY)

    def test_a_client_has_no_alternative_names(self):
        self.assertEqual(decide(client(pem=request([dns(NAME)]))).action, DENY)

    def test_the_address_of_another_is_refused(self):
        self.assertEqual(decide(client(address='10.0.0.13')).action, DENY)
        self.assertEqual(decide(client(address='10.0.0.5')).action, DENY)
        for extra in (None, {}, {'kstack.io/address': None}, {'kstack.io/address': ['10.0.0.12', '10.0.0.14']}):
            self.assertEqual(decide(client(extra=extra)).action, DENY, extra)

    def test_requests_of_others_are_not_decided(self):
        self.assertFalse(approver.concerns({'signerName': approver.CLIENT, 'username': 'system:bootstrap:abcdef'}))
        self.assertFalse(approver.concerns({'signerName': approver.CLIENT, 'username': None}))
        self.assertFalse(approver.concerns({'signerName': 'kubernetes.io/kube-apiserver-client', 'username': 'jane'}))
        self.assertTrue(approver.concerns(client()) and approver.concerns(serving()))


class Requests(unittest.TestCase):
    def kept(self, spec, **status):
        return nodes.kept_request({'metadata': {'name': 'a'}, 'spec': spec, 'status': status})['spec']

    def test_only_requests_that_are_to_be_decided_are_kept_and_no_more_of_them_than_is_read(self):
        self.assertEqual(decide(self.kept(serving())).action, APPROVE)
        self.assertEqual(decide(self.kept(client())).action, APPROVE)
        self.assertEqual(decide(self.kept(serving(request='A' * 1000000))).action, DENY)
        self.assertLess(len(str(self.kept(serving(request='A' * 1000000)))), 20000)
        self.assertIsNone(self.kept(serving(), conditions=[{'type': 'Approved'}]))
        self.assertIsNone(self.kept(serving(signerName='kubernetes.io/kube-apiserver-client')))

    def test_a_request_is_one_block_and_nothing_else(self):
        pem = request([dns(NAME)])
        for text in (pem + pem, b'x' + pem, pem.replace(b'CERTIFICATE REQUEST', b'CERTIFICATE'), pem[:200], b''):
            with self.assertRaises(der.Malformed):
                csr.read(encoded(text))
        for value in (None, 7, 'no base64', 'A' * 100000):
            with self.assertRaises(der.Malformed):
                csr.read(value)

    def test_bytes_that_are_changed_are_malformed_or_read_as_what_they_are(self):
        chosen = random.Random(11)
        whole = subprocess.check_output(('openssl', 'req', '-outform', 'DER'), input=request([dns(NAME), ip('10.0.0.12')]))
        for _ in range(5000):
            data = bytearray(whole)
            for _ in range(chosen.randrange(1, 4)):
                data[chosen.randrange(len(data))] = chosen.randrange(256)
            data = bytes(data[:chosen.choice((len(data), chosen.randrange(len(data)))) or len(data)])
            try:
                csr.parse(data)
            except der.Malformed:
                pass

    def test_what_OpenSSL_reads_is_what_is_read(self):
        chosen = random.Random(5)
        for _ in range(20):
            names = ['n%d' % chosen.randrange(10 ** chosen.randrange(1, 20)) for _ in range(chosen.randrange(1, 30))]
            pem = request([], more='subjectAltName=' + ','.join('DNS:' + name for name in names))
            self.assertEqual(csr.read(encoded(pem)).names, names)

    def test_any_JSON_in_a_request_is_decided(self):
        for value in (None, 1, 'x', [], {}, [None], {'a': None}, 'x' * 100000, 'a\nb'):
            for key in serving():
                if key != 'signerName':
                    self.assertIn(decide(dict(serving(), **{key: value})).action, (DENY, APPROVE, WAIT))
                    for user in ('system:node:' + NAME, 'system:bootstrap:abcdef'):
                        approver.concerns(dict(client(username=user), **{key: value}))
                        decide(dict(client(username=user), **{key: value}))
                    self.assertIn(decide(dict(client(), **{key: 'kstack:member:' if key == 'username' else value})).action,
                                  (DENY, APPROVE, WAIT))
            approver.node({'metadata': {'name': value}, 'status': value})
            approver.node({'metadata': {'name': value}, 'status': {'conditions': value, 'addresses': [value]}})
