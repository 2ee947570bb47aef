"""
A client of the Kubernetes API: requests with a deadline, and watches that end within seconds when the API server is gone.
Standard library only. Thread-safe: each thread has a connection of its own.
"""
import http.client
import json
import os
import socket
import ssl
import threading
import time
import urllib.parse

from . import json_text

MERGE = 'application/merge-patch+json'

# A name in the certificate of every API server, which no node gets a certificate for.
SERVER_NAME = 'kubernetes.default.svc'

# A connection lives no longer, so that a renewed certificate is soon used.
CONNECTION_SECONDS = 300


class ApiError(Exception):
    """The API, or the way to it, refuses a request. status is 0 if there was no answer."""
    def __init__(self, status, message, reason=''):
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def not_found(self):
        return self.status == 404 and self.reason == 'NotFound'

    @property
    def conflict(self):
        return self.status == 409

    @property
    def forbidden(self):
        return self.status == 403

    @property
    def gone(self):
        """The resource version of a list or watch is too old."""
        return self.status == 410


def path(*parts):
    """A path of the API from parts that may hold any text."""
    return '/' + '/'.join(urllib.parse.quote(part, safe='.') for part in parts)


class Api(object):
    """
    The API at a host, as the owner of a certificate.

    server       host and port, such as 127.0.0.1:6443
    ca           file with the certificate of the CA
    certificate  file with the client's certificate, and its key unless key is given
    timeout      seconds that a request may take
    """
    def __init__(self, server, ca, certificate, key=None, timeout=10):
        self.server = server
        self.ca = ca
        self.certificate = certificate
        self.key = key
        self.timeout = timeout
        self.local = threading.local()

    def get(self, where, query=None):
        return self.request('GET', where, query)

    def create(self, where, value):
        return self.request('POST', where, None, value)

    def replace(self, where, value):
        return self.request('PUT', where, None, value)

    def patch(self, where, value, kind=MERGE):
        return self.request('PATCH', where, None, value, kind)

    def delete(self, where, value=None):
        return self.request('DELETE', where, None, value)

    def list(self, where, query=None, page=200):
        """
        Yields the resource version of the list, then its objects, a page at a time: with thousands of objects a node
        has not the memory for all of them.
        """
        query = dict(query or {}, limit=str(page))
        while True:
            answer = self.get(where, query)
            metadata = answer.get('metadata') or {}
            if 'continue' not in query:
                yield metadata.get('resourceVersion', '')
            for one in answer.get('items') or []:
                yield one
            if not metadata.get('continue'):
                return
            query['continue'] = metadata['continue']

    def request(self, method, where, query=None, value=None, kind='application/json'):
        """The answer as a value. Raises ApiError."""
        body = None if value is None else json.dumps(value).encode()
        headers = {'Accept': 'application/json'}
        if body is not None:
            headers['Content-Type'] = kind
        if query:
            where += '?' + urllib.parse.urlencode(query)
        for last in (False, True):
            connection, fresh = self.connection()
            try:
                connection.request(method, where, body, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.drop()
                # The server may have closed a connection that was idle; a new one shows.
                if fresh or last or not safe_again(method, error):
                    raise ApiError(0, 'the API at %s does not answer: %s' % (self.server, describe(error)))
                continue
            return self.read(method, where, answer, text)

    def read(self, method, where, answer, text):
        if answer.status // 100 == 2:
            try:
                return json_text.parse(text.decode()) if text else {}
            except ValueError:
                self.drop()
                raise ApiError(0, 'the API at %s sends no JSON' % self.server)
        if answer.status == 401:
            self.drop()  # perhaps the certificate of this connection has expired
        raise refusal(method, where, answer.status, text)

    def connection(self):
        """This thread's connection, and whether it is new."""
        held = getattr(self.local, 'held', None)
        if held is not None and time.monotonic() < self.local.until:
            return held, False
        self.drop()
        self.local.held = self.connect(self.timeout)
        self.local.until = time.monotonic() + CONNECTION_SECONDS
        return self.local.held, True

    def drop(self):
        held = getattr(self.local, 'held', None)
        self.local.held = None
        if held is not None:
            held.close()

    def connect(self, timeout):
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.load_cert_chain(self.certificate, self.key)
            connection = Connection(self.server, context, timeout)
            connection.connect()
            return connection
        except (OSError, ssl.CertificateError) as error:  # before Python 3.7, the latter is a ValueError
            raise ApiError(0, 'the API at %s does not answer: %s' % (self.server, describe(error)))

    def watch(self, where, version, query=None, seconds=300):
        """
        Yields (type, object) for each change after a resource version, until the API server ends the watch. Raises
        ApiError; one that is `gone` asks for a new list.
        """
        query = dict(query or {}, watch='true', allowWatchBookmarks='true', resourceVersion=version,
                     timeoutSeconds=str(seconds))
        where += '?' + urllib.parse.urlencode(query)
        connection = self.connect(self.timeout)
        try:
            connection.request('GET', where, headers={'Accept': 'application/json'})
            answer = connection.getresponse()
            if answer.status != 200:
                raise refusal('GET', where, answer.status, answer.read())
            connection.sock.settimeout(seconds + 30)
            for line in answer:
                change = json_text.parse(line.decode())
                if change.get('type') == 'ERROR':
                    status = change.get('object') or {}
                    raise ApiError(status.get('code', 500), status.get('message', 'the watch ended'),
                                   status.get('reason', ''))
                yield change.get('type'), change.get('object')
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(0, 'a watch of the API at %s ended: %s' % (self.server, describe(error)))
        finally:
            connection.close()


class Connection(http.client.HTTPConnection):
    """
    TLS to an API server. It is known by its name: its address may be 127.0.0.1 or one that moves, and Python 3.4 does not
    compare addresses with those of a certificate.
    """
    def __init__(self, server, context, timeout):
        host, port = server.rsplit(':', 1)
        super().__init__(host, int(port), timeout=timeout)
        self.context = context

    def connect(self):
        super().connect()
        try:
            self.notice_loss()
            self.sock = self.context.wrap_socket(self.sock, server_hostname=SERVER_NAME)
        except (OSError, ssl.CertificateError):
            self.sock.close()
            raise

    def notice_loss(self):
        """A read ends about 15 seconds after the other side is gone, also in a watch without changes."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 3), (socket.TCP_KEEPCNT, 3)):
            self.sock.setsockopt(socket.IPPROTO_TCP, option, value)


def safe_again(method, error):
    """Whether a request that failed on an old connection may be sent again."""
    return method in ('GET', 'PUT', 'PATCH', 'DELETE') or isinstance(error, http.client.BadStatusLine)


def refusal(method, where, status, text):
    try:
        answer = json_text.parse(text.decode())
        message, reason = answer.get('message', ''), answer.get('reason', '')
    except (ValueError, AttributeError):
        message, reason = '', ''
    return ApiError(status, message or '%s %s: status %d' % (method, where.split('?')[0], status), reason)


def describe(error):
    return os.strerror(error.errno) if isinstance(error, OSError) and isinstance(error.errno, int) and \
        error.errno > 0 and not isinstance(error, ssl.SSLError) else str(error) or type(error).__name__
