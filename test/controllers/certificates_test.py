import base64
import datetime
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest

from kstack import certificates, der, nodes, x509

folder = None


def setUpModule():
    global folder
    folder = tempfile.mkdtemp()
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key')


def tearDownModule():
    shutil.rmtree(folder)


def openssl(*arguments, **more):
    return subprocess.check_output(('openssl',) + arguments, cwd=folder, stderr=subprocess.DEVNULL, **more)


def certificate(days=365, subject='/O=system:nodes/CN=system:node:demo-minion-1'):
    return openssl('req', '-x509', '-key', 'key', '-subj', subject, '-days', str(days)).decode()


def end_of(pem):
    """As OpenSSL reads it."""
    shown = openssl('x509', '-noout', '-enddate', input=pem.encode()).decode().strip()
    return datetime.datetime.strptime(shown, 'notAfter=%b %d %H:%M:%S %Y GMT').strftime('%Y-%m-%dT%H:%M:%SZ')


def request(pem, signer='kubernetes.io/kubelet-serving', created='2026-01-01T00:00:00Z'):
    return {'metadata': {'name': 'a', 'creationTimestamp': created}, 'spec': {'signerName': signer},
            'status': {'certificate': base64.b64encode(pem.encode()).decode()}}


def signed(node, end, created='2026-01-01T00:00:00Z', kind='kubelet-serving'):
    return certificates.Issued(kind, node, created, end)


class Reading(unittest.TestCase):
    def test_the_end_of_a_certificate_is_the_one_that_OpenSSL_reads_before_and_after_2050(self):
        for days in (1, 60, 365, 3653, 12000):
            pem = certificate(days)
            self.assertEqual(certificates.shown(x509.read(pem).end), end_of(pem))

    def test_of_any_subject_the_end_is_read(self):
        pem = certificate(30, '/C=DE/OU=a b/CN=our own CA')
        self.assertEqual(certificates.shown(x509.read(pem).end), end_of(pem))

    def test_bytes_that_are_changed_are_malformed_or_read_as_what_they_are(self):
        chosen = random.Random(3)
        whole = openssl('x509', '-outform', 'DER', input=certificate().encode())
        for _ in range(5000):
            data = bytearray(whole)
            for _ in range(chosen.randrange(1, 4)):
                data[chosen.randrange(len(data))] = chosen.randrange(256)
            data = bytes(data[:chosen.choice((len(data), chosen.randrange(len(data)))) or len(data)])
            try:
                x509.common_names(x509.parse(data))
            except der.Malformed:
                pass

    def test_every_certificate_in_the_folder_of_a_master_has_an_end_but_that_of_the_operator(self):
        place = tempfile.mkdtemp(dir=folder)
        for name, text in (('apiserver.crt', certificate(90)), ('etcd-ca.crt', certificate(3653)), ('empty.crt', ''),
                           ('operator.crt', certificate(365)), ('apiserver.key', 'secret'), ('apiserver.crt.new', '')):
            with open(os.path.join(place, name), 'w') as file:
                file.write(text)
        ends, mistakes = certificates.of_folder(place)
        self.assertEqual(sorted(ends), ['apiserver', 'etcd-ca'])
        self.assertEqual(len(mistakes), 1)
        self.assertIn('empty.crt', mistakes[0])


class Signed(unittest.TestCase):
    def test_what_is_signed_for_a_kubelet_is_known_by_its_subject(self):
        pem = certificate()
        self.assertEqual(certificates.issued(request(pem)), signed('demo-minion-1', end_of(pem)))
        client = certificates.issued(request(pem, 'kubernetes.io/kube-apiserver-client-kubelet'))
        self.assertEqual(client.kind, 'kubelet-client')
        self.assertEqual(nodes.kept_request(request(pem))['issued'], signed('demo-minion-1', end_of(pem)))

    def test_what_is_signed_for_others_or_not_signed_is_nothing(self):
        for one in (request(certificate(), 'kubernetes.io/kube-apiserver-client'), request(certificate(subject='/CN=a')),
                    request(certificate(subject='/CN=system:node:a/CN=system:node:b')), request(''), request('A' * 100000),
                    {'metadata': {'name': 'a'}}):
            self.assertIsNone(certificates.issued(one))

    def test_any_JSON_in_a_request_is_nothing(self):
        for value in (None, 1, 'x', [], {}, [None], {'a': None}, 'x' * 100000, 'a\nb'):
            for one in (dict(request(''), spec=value), dict(request(''), status=value),
                        dict(request(''), status={'certificate': value}),
                        dict(request(''), spec={'signerName': value})):
                self.assertIsNone(certificates.issued(one))


class Publishing(unittest.TestCase):
    NODES = {'demo-master-0', 'demo-minion-1'}

    def change(self, present, own=None, lately=()):
        return certificates.change(present, 'demo-master-0', {'ca': 'T1'} if own is None else own, lately, self.NODES)

    def test_a_master_publishes_its_own_ends_once_and_removes_those_of_files_that_are_gone(self):
        self.assertEqual(self.change(None), {'ca.demo-master-0': 'T1'})
        self.assertEqual(self.change({'ca.demo-master-0': 'T1'}), {})
        present = {'ca.demo-master-0': 'T0', 'old.demo-master-0': 'T0', 'kubelet-client.demo-master-0': 'T2'}
        self.assertEqual(self.change(present), {'ca.demo-master-0': 'T1', 'old.demo-master-0': None})

    def test_of_several_certificates_of_a_kubelet_the_last_one_counts(self):
        lately = [signed('demo-minion-1', 'T3', '2026-01-01T00:30:00Z'), signed('demo-minion-1', 'T2')]
        present = {'ca.demo-master-0': 'T1', 'kubelet-serving.demo-minion-1': 'T9'}
        self.assertEqual(self.change(present, lately=lately), {'kubelet-serving.demo-minion-1': 'T3'})

    def test_nodes_that_are_gone_have_no_record_and_get_none(self):
        present = {'ca.demo-master-0': 'T1', 'ca.demo-master-9': 'T1', 'kubelet-client.demo-minion-7': 'T1', 'no key': 'T1'}
        self.assertEqual(self.change(present, lately=[signed('demo-minion-7', 'T2')]),
                         {key: None for key in present if key != 'ca.demo-master-0'})

    def test_any_JSON_in_the_ConfigMap_is_replaced(self):
        for value in (None, 1, 'x', [], {}, [None], {'ca.demo-master-0': 7}, {'ca.demo-master-0': None}):
            self.assertEqual(self.change(value), {'ca.demo-master-0': 'T1'})

    def test_only_what_has_changed_is_written(self):
        class Fixed(object):
            def __init__(self, kept):
                self.kept = kept

            def all(self):
                return self.kept

        class Api(object):
            def __init__(self):
                self.data, self.patches = {}, []

            def get(self, _):
                return {'data': self.data}

            def patch(self, where, change):
                self.patches.append((where, change))
                self.data.update(change['data'])

        place = tempfile.mkdtemp(dir=folder)
        with open(os.path.join(place, 'apiserver.crt'), 'w') as file:
            file.write(certificate(90))
        api = Api()
        known = [nodes.approver.node({'metadata': {'name': 'demo-master-0'}})]
        ends = certificates.Ends(api, 'demo-master-0', Fixed([{'issued': None}]), Fixed(known), place)
        ends.act()
        ends.act()
        self.assertEqual(len(api.patches), 1)
        self.assertEqual(api.patches[0][0], '/api/v1/namespaces/kube-system/configmaps/kstack-certificates')
        self.assertEqual(list(api.data), ['apiserver.demo-master-0'])
        self.assertTrue(re.match(r'20[0-9]{2}-', api.data['apiserver.demo-master-0']))
