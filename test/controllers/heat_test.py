import ipaddress
import os
import unittest
from unittest import mock

from kstack import heat
from kstack.heat import Credentials, Heat, HeatError
from server import Server

WRONG = (None, 0, True, '', 'x\ny', [], [None], {}, {'token': 7}, {'token': {'catalog': [7, {'type': 'orchestration'}]}},
         {'token': {'catalog': [{'type': 'orchestration', 'endpoints': [7, {'interface': 'public', 'url': 7}]}]}})
FIELDS = {'auth_url': 'https://k/v3', 'user_id': 'u', 'password': 'p', 'project_id': 'q', 'region_name': 'r'}


def catalog(*endpoints):
    return {'token': {'catalog': [{'type': 'compute', 'endpoints': [{'interface': 'public', 'url': 'https://compute'}]},
                                  {'type': 'orchestration', 'endpoints': list(endpoints)}]}}


def public(region, url, interface='public'):
    return {'interface': interface, 'region': region, 'region_id': region, 'url': url}


class Values(unittest.TestCase):
    def test_the_URL_of_Keystone_may_have_a_version(self):
        for ending in ('', '/', '/v3', '/v3/', '/v2.0', '/v2.0/'):
            self.assertEqual(heat.token_url('https://k:5000/identity' + ending), 'https://k:5000/identity/v3/auth/tokens')

    def test_the_endpoint_is_the_public_one_of_the_region_or_the_first(self):
        answer = catalog(public('a', 'https://a'), public('b', 'https://internal', 'internal'), public('b', 'https://b/'))
        self.assertEqual(heat.endpoint(answer, 'b'), 'https://b')
        self.assertEqual(heat.endpoint(answer, 'c'), 'https://a')
        self.assertEqual(heat.endpoint(answer, ''), 'https://a')
        self.assertEqual(heat.endpoint(catalog(), 'a'), '')

    def test_malformed_answers_have_no_endpoint(self):
        for wrong in WRONG:
            self.assertEqual(heat.endpoint(wrong, 'a'), '')

    def test_credentials_are_complete_or_none(self):
        self.assertEqual(heat.credentials(FIELDS), Credentials('https://k/v3', 'u', 'p', 'q', 'r'))
        deployed = {'deploy_' + name: value for name, value in FIELDS.items()}
        self.assertEqual(heat.credentials(deployed, 'deploy_').region, 'r')
        for name in ('auth_url', 'user_id', 'password', 'project_id'):
            for wrong in (None, '', 7, {}):
                self.assertIsNone(heat.credentials(dict(FIELDS, **{name: wrong})))
        self.assertEqual(heat.credentials(dict(FIELDS, region_name=None)).region, '')

    def test_a_target_is_a_URL_of_http_or_https(self):
        self.assertEqual(heat.target('https://heat.example:8004/v1/p'), ('https', 'heat.example', 8004, '/v1/p'))
        self.assertEqual(heat.target('http://[fd00::1]/x'), ('http', 'fd00::1', None, '/x'))
        for wrong in ('', 'file:///etc/shadow', 'ftp://x/', 'https://', 'https://u:p@x/', 'https://x:99999/', 'https://x/ y',
                      'https://x/\r\nHost: y', 'heat.example', 'https://[x/', 'https://x/' + 'a' * 3000):
            self.assertIsNone(heat.target(wrong), wrong)

    def test_user_data_tells_whether_http_is_used(self):
        self.assertFalse(heat.allows_http('', ''))
        self.assertFalse(heat.allows_http('ROLE=minion\n', 'https://heat/\nhttp://token\n'))
        self.assertTrue(heat.allows_http('ROLE=minion\n', 'http://heat/\ntoken\n'))
        self.assertTrue(heat.allows_http('HEAT_INSECURE_HTTP=true\n', 'https://heat/\n'))
        self.assertFalse(heat.allows_http("HEAT_INSECURE_HTTP='false'\n", 'http://heat/\n'))

    def test_a_certificate_names_an_address(self):
        names = (('DNS', '10.0.0.2'), ('IP Address', '<invalid>'), ('IP Address', '10.0.0.1'),
                 ('IP Address', 'FD00:0:0:0:0:0:0:1'))
        certificate = {'subjectAltName': names}
        self.assertTrue(heat.names_address(certificate, ipaddress.ip_address('10.0.0.1')))
        self.assertTrue(heat.names_address(certificate, ipaddress.ip_address('fd00::1')))
        self.assertFalse(heat.names_address(certificate, ipaddress.ip_address('10.0.0.2')))
        self.assertFalse(heat.names_address({}, ipaddress.ip_address('10.0.0.2')))


class Requests(unittest.TestCase):
    """Keystone and Heat as functions: what is asked, and when."""
    def user(self, auth_url='https://keystone/v3', answers=None, allowed=lambda: False, url='https://heat/v1/p'):
        self.asked, self.time = [], 0
        test = self

        class Fake(Heat):
            def request(self, method, url_, body, headers):
                to = heat.target(url_)
                if to.scheme == 'http' and not self.allowed():
                    return Heat.request(self, method, url_, body, headers)
                test.asked.append((method, url_, headers.get('X-Auth-Token')))
                if url_.endswith('/auth/tokens'):
                    return catalog(public('r', url)), {'X-Subject-Token': 'token-%d' % len(test.asked)}
                answer = (answers or (lambda: {}))()
                if isinstance(answer, Exception):
                    raise answer
                return answer, {}
        return Fake(Credentials(auth_url, 'u', 'p', 'q', 'r'), allowed, now=lambda: test.time)

    def test_a_token_is_used_for_50_minutes(self):
        client = self.user()
        for self.time in (0, 1000, 2999, 3000):
            client.metadata('demo/id-1', 'server')
        where = 'https://heat/v1/p/stacks/demo/id-1/resources/server/metadata'
        login = ('POST', 'https://keystone/v3/auth/tokens', None)
        self.assertEqual(self.asked, [login] + 3 * [('GET', where, 'token-1')] + [login, ('GET', where, 'token-5')])

    def test_after_a_401_the_next_request_logs_in_again(self):
        replies = iter([HeatError('no', 401), HeatError('busy', 503), {}])
        client = self.user(answers=lambda: next(replies))
        for _ in range(2):
            with self.assertRaises(HeatError):
                client.metadata('demo/id-1', 'server')
        client.metadata('demo/id-1', 'server')
        self.assertEqual([token for _, _, token in self.asked], [None, 'token-1', None, 'token-3', 'token-3'])

    def test_http_is_refused_before_credentials_are_sent(self):
        for client, sent in ((self.user('http://keystone/v3'), 0), (self.user(url='http://heat'), 1)):
            with self.assertRaises(HeatError) as raised:
                client.metadata('demo/id-1', 'server')
            self.assertRegex(str(raised.exception), 'refused, because it is not https.*HEAT_INSECURE_HTTP=true')
            self.assertNotIn('\n', str(raised.exception))
        self.assertEqual(len(self.asked), 1)
        self.user('http://keystone/v3', allowed=lambda: True, url='http://heat').metadata('demo/id-1', 'server')
        self.assertEqual(len(self.asked), 2)

    def test_names_are_quoted(self):
        client = self.user()
        client.signal('demo/id-1', '../x?y', b'{}')
        self.assertEqual(self.asked[-1][1], 'https://heat/v1/p/stacks/demo/id-1/resources/..%2Fx%3Fy/signal')

    def test_a_certificate_of_an_unknown_CA_is_refused(self):
        server = Server(lambda *_: (201, {}))
        self.addCleanup(server.close)
        for host in (server.address, server.address.replace('127.0.0.1', 'localhost')):
            client = Heat(Credentials('https://%s/v3' % host, 'u', 'p', 'q', 'r'), lambda: True, timeout=2)
            with self.assertRaises(HeatError) as raised:
                client.metadata('demo/id-1', 'server')
            self.assertIn('CERTIFICATE_VERIFY_FAILED', str(raised.exception))
        self.assertEqual(server.asked, [])

    def test_a_certificate_is_for_the_name_or_address_that_is_asked(self):
        server = Server(lambda *_: (201, {}), name='localhost')
        by_address = Server(lambda *_: (201, {}), name='keystone,IP:127.0.0.1')
        for one, host, fits in ((server, 'localhost', True), (server, '127.0.0.1', False),
                                (by_address, '127.0.0.1', True), (by_address, 'localhost', False)):
            with mock.patch.dict(os.environ, {'SSL_CERT_FILE': one.file('certificate')}):
                port = one.address.split(':')[1]
                with self.assertRaises(HeatError) as raised:
                    Heat(Credentials('https://%s:%s' % (host, port), 'u', 'p', 'q', 'r'), lambda: False, timeout=2).login()
                self.assertEqual('no token' in str(raised.exception), fits, raised.exception)
                self.assertEqual(one.asked, [('POST', '/v3/auth/tokens')] if fits else [])
                one.asked.clear()
        for one in (server, by_address):
            one.close()

    def test_a_message_has_no_secret(self):
        client = Heat(Credentials('https://127.0.0.1:9/v3', 'u', 'the-password', 'q', 'r'), lambda: True, timeout=2)
        with self.assertRaises(HeatError) as raised:
            client.metadata('demo/id-1', 'server')
        self.assertEqual(str(raised.exception), 'https://127.0.0.1:9/v3/auth/tokens: Connection refused')

    def test_malformed_answers_of_Keystone_are_refused(self):
        for wrong in WRONG:
            for token in ('t', '', 'a b', None):
                client = self.user()
                client.request = lambda *_, **__: (wrong, {'X-Subject-Token': token})
                with self.assertRaises(HeatError):
                    client.login()
