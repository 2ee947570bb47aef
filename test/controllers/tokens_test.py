import base64
import http.client
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import unittest

from kstack import tokens
from server import openssl

SEED, OTHER = 'abcdef.0123456789abcdef', 'fedcba.0123456789abcdef'


def token(name='demo-minion-1', role='minion', address='10.0.0.12', seed=SEED, given=None):
    return 'kstack:%s:%s:%s:%s' % (name, role, address, given or tokens.digest(seed, name, role, address))


def holder(text, seeds=(SEED,)):
    return tokens.holder(text, seeds, 'demo')


class Tokens(unittest.TestCase):
    def test_a_token_says_whose_it_is(self):
        self.assertEqual(holder(token()), ('demo-minion-1', 'minion', '10.0.0.12'))
        self.assertEqual(holder(token(seed=OTHER), (SEED, OTHER)).name, 'demo-minion-1')

    def test_the_token_of_another_member_or_seed_is_none(self):
        given = tokens.digest(SEED, 'demo-minion-1', 'minion', '10.0.0.12')
        for text in (token(name='demo-minion-2', given=given), token(role='master', given=given), token(seed=OTHER),
                     token(address='10.0.0.13', given=given), token(name='other-minion-1'), token(name='demo'),
                     token(address='10.00.0.12'), token() + 'a', token()[:-1], token() + '\n', ' ' + token(), '', None, 7,
                     token().upper(), token(given='0' * 64), 'x' * 100000, SEED):
            self.assertIsNone(holder(text), text)
        self.assertIsNone(holder(token(), ()))

    def test_the_seeds_are_in_a_Secret(self):
        def secret(text):
            return [{'data': {'seeds': base64.b64encode(text.encode()).decode()}}]
        self.assertEqual(tokens.seeds(secret(json.dumps([SEED, OTHER]))), [SEED, OTHER])
        for secrets in ([], [{}], [{'data': None}], secret(''), secret('{}'), secret('["", null, 7, "short"]'),
                        [{'data': {'seeds': '!'}}]):
            self.assertEqual(tokens.seeds(secrets), [])

    def test_a_review_names_the_member_with_its_role_and_address(self):
        status = tokens.review({'spec': {'token': token()}}, [SEED], 'demo')['status']
        self.assertEqual(status['user'], {
            'username': 'kstack:member:demo-minion-1', 'groups': ['kstack:members'],
            'extra': {'kstack.io/address': ['10.0.0.12'], 'kstack.io/role': ['minion']}})
        for request in (None, [], {}, {'spec': None}, {'spec': {'token': None}}, {'spec': {'token': SEED}}):
            self.assertEqual(tokens.review(request, [SEED], 'demo')['status'], {'authenticated': False})


class Serving(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        openssl(folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key', '-out', 'certificate')
        self.certificate = os.path.join(folder, 'certificate')
        self.server = tokens.serve(('127.0.0.1', 0), self.certificate, os.path.join(folder, 'key'),
                                   lambda request: tokens.review(request, [SEED], 'demo'))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, body):
        context = ssl.create_default_context(cafile=self.certificate)
        connection = http.client.HTTPSConnection('127.0.0.1', self.server.server_address[1], context=context, timeout=10)
        connection.request('POST', '/', body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_the_API_server_gets_an_answer_over_TLS(self):
        status, text = self.ask(json.dumps({'spec': {'token': token()}}))
        self.assertTrue(status == 200 and json.loads(text.decode())['status']['authenticated'])
        self.assertEqual(self.ask('no JSON')[0], 400)

    def test_a_client_that_says_nothing_delays_no_other(self):
        silent = socket.create_connection(self.server.server_address)
        self.addCleanup(silent.close)
        self.assertEqual(self.ask('{}')[0], 200)
