"""
A client of Keystone and Heat with the credentials that Heat gave to a server or a deployment. Heat's protocol is not
documented: docs/adr/0002-heat-agent.md. Nothing goes over plain http unless the caller allows it, and no redirect is
followed, because it could lead there.
"""
import collections
import http.client
import ipaddress
import json
import re
import ssl
import time
import urllib.parse

from . import values
from .api import describe

# Seconds that a token is used. Tokens are valid for an hour or more on most clouds; others answer 401.
LIFETIME = 3000

# Bytes of an answer: a catalog of endpoints or the metadata of a server.
MOST = 8 << 20

Credentials = collections.namedtuple('Credentials', 'auth_url user_id password project_id region')

Target = collections.namedtuple('Target', 'scheme host port path')


class HeatError(Exception):
    """Keystone, Heat, or the way to them refuses. status is 0 if there was no answer."""
    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


def credentials(given, prefix=''):
    """Credentials from the fields of a mapping, or None if one is missing or is no text."""
    given = values.mapping(given)
    fields = [given.get(prefix + name) for name in ('auth_url', 'user_id', 'password', 'project_id')]
    if not all(isinstance(one, str) and one for one in fields):
        return None
    return Credentials(*fields + [values.text(given.get(prefix + 'region_name'))])


def token_url(auth_url):
    """Where Keystone issues tokens. A cloud gives the URL with or without the version, which may be an old one."""
    for ending in ('/', '/v3', '/v2.0'):
        if auth_url.endswith(ending):
            auth_url = auth_url[:-len(ending)]
    return auth_url + '/v3/auth/tokens'


def endpoint(answer, region):
    """Heat's public endpoint in Keystone's answer: that of the region, or the first. '' if there is none."""
    found = [one for service in values.items(values.mapping(values.mapping(answer).get('token')).get('catalog'))
             if values.mapping(service).get('type') == 'orchestration'
             for one in map(values.mapping, values.items(service.get('endpoints')))
             if one.get('interface') == 'public']
    of_region = [one for one in found if region in (one.get('region_id'), one.get('region'))]
    for one in of_region + found:
        return values.text(one.get('url')).rstrip('/')
    return ''


def target(url):
    """The parts of an http or https URL, or None for any other text."""
    if not re.fullmatch(r'[!-~]{1,2000}', url):
        return None
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ('http', 'https') or not parts.hostname or '@' in parts.netloc:
        return None
    return Target(parts.scheme, parts.hostname, port, parts.path or '/')


def allows_http(node_env, ready):
    """
    Whether user-data says that this cloud is used over plain http.

    node_env  text of node.env: HEAT_INSECURE_HTTP says it, if it is there
    ready     text of signals/ready, whose first line is the URL that Heat gave for the node's signal: else that says it
    """
    for line in reversed(node_env.splitlines()):
        found = re.fullmatch(r'HEAT_INSECURE_HTTP=["\']?([a-z]*)["\']?', line.strip())
        if found:
            return found.group(1) == 'true'
    return ready.startswith('http://')


class Heat(object):
    """
    Heat, as one user.

    allowed  tells whether plain http may be used; asked before each request
    timeout  seconds that an answer may take
    """
    def __init__(self, user, allowed, timeout=30, now=time.monotonic):
        self.user = user
        self.allowed = allowed
        self.timeout = timeout
        self.now = now
        self.token = None
        self.url = ''
        self.contexts = {}
        self.until = 0

    def metadata(self, stack, resource):
        """The metadata of a server."""
        return self.ask('GET', stack, resource, 'metadata')

    def signal(self, stack, resource, body):
        """Signals a deployment. body is bytes of JSON."""
        self.ask('POST', stack, resource, 'signal', body)

    def ask(self, method, stack, resource, what, body=None):
        """stack is NAME/ID. Raises HeatError; after a 401 the next request logs in again."""
        if self.token is None or self.now() >= self.until:
            self.login()
        where = '%s/stacks/%s/resources/%s/%s' % (
            self.url, urllib.parse.quote(stack), urllib.parse.quote(resource, safe=''), what)
        try:
            return self.request(method, where, body, {'X-Auth-Token': self.token})[0]
        except HeatError as error:
            if error.status == 401:
                self.token = None
            raise

    def context(self, named):
        """
        Verifies with the CAs of the system; to read them takes longer than a request. Python 3.4 does not compare
        addresses with those of a certificate: connect does.
        """
        if named not in self.contexts:
            made = self.contexts[named] = ssl.create_default_context()
            made.check_hostname = named
        return self.contexts[named]

    def login(self):
        self.token = None
        self.contexts.clear()  # the CAs of the system may have changed
        where = token_url(self.user.auth_url)
        answer, headers = self.request('POST', where, json.dumps({'auth': {
            'identity': {'methods': ['password'],
                         'password': {'user': {'id': self.user.user_id, 'password': self.user.password}}},
            'scope': {'project': {'id': self.user.project_id}},
        }}).encode(), {})
        token, url = headers.get('X-Subject-Token') or '', endpoint(answer, self.user.region)
        if not re.fullmatch(r'[!-~]+', token) or not url:
            raise HeatError('%s: no token, or no endpoint of type orchestration in the catalog' % shown(where))
        self.token, self.url, self.until = token, url, self.now() + LIFETIME

    def request(self, method, url, body, headers):
        """The answer as a value, and its headers. Raises HeatError for all but 2xx."""
        to = target(url)
        if to is None:
            raise HeatError('%s: not a URL of http or https' % shown(url))
        if to.scheme == 'http' and not self.allowed():
            raise HeatError('%s: refused, because it is not https: credentials would pass in plain text. '
                            'HEAT_INSECURE_HTTP=true in /etc/kstack/node.env allows it' % shown(url))
        headers = dict(headers, **{'Accept': 'application/json', 'Content-Type': 'application/json'})
        connection = None
        try:
            connection = connect(to, self.timeout, self.context)
            connection.request(method, to.path, body, headers)
            answer = connection.getresponse()
            text = answer.read(MOST + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HeatError('%s: %s' % (shown(url), values.printable(describe(error))))
        finally:
            if connection is not None:
                connection.close()
        if answer.status // 100 != 2:
            raise HeatError('%s: status %d' % (shown(url), answer.status), answer.status)
        try:
            if len(text) > MOST:
                raise ValueError('too long')
            return (json.loads(text.decode()) if text else None), answer.headers
        except (ValueError, RuntimeError) as error:
            raise HeatError('%s: the answer is no JSON: %s' % (shown(url), values.printable(error)))


def connect(to, timeout, context):
    """A connection to a target. context(named) gives a context that verifies names, or leaves that to the caller."""
    if to.scheme == 'http':
        return http.client.HTTPConnection(to.host, to.port, timeout=timeout)
    address = parsed_address(to.host)
    connection = http.client.HTTPSConnection(to.host, to.port, timeout=timeout, context=context(address is None))
    connection.connect()
    if address is not None and not names_address(connection.sock.getpeercert(), address):
        connection.close()
        raise ValueError('its certificate is not for the address %s' % address)
    return connection


def parsed_address(text):
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def names_address(certificate, address):
    """Whether a certificate, as getpeercert gives it, is for an address."""
    return any(kind == 'IP Address' and parsed_address(value) == address
               for kind, value in certificate.get('subjectAltName', ()))


def shown(url):
    return values.printable(url, 300)
