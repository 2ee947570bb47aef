"""
kstack-tokens: tells the API server on this master whose join token it was given (webhook token authentication).

A token is for one member: Heat makes it from a seed, which masters know too, and from the member's name, role and address.
Whoever has it can ask for the certificate of that member and for nothing else.
"""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import re
import socketserver
import ssl
import sys
import threading

from . import members, values
from .clients import PKI, of_master
from .log import say
from .mirror import Mirror
from .settings import Settings

SECRETS = '/api/v1/namespaces/kube-system/secrets'
PORT = 10261
LARGEST = 65536

Holder = collections.namedtuple('Holder', 'name role address')


def digest(seed, name, role, address):
    """As heat/member.yaml has it. The seed at both ends: nothing can be appended to a known digest."""
    return hashlib.sha256(':'.join([seed, name, role, address, seed]).encode()).hexdigest()


def holder(token, seeds, cluster):
    """Whose token this is, or None."""
    found = re.fullmatch(r'kstack:([^:]+):([a-z][-a-z0-9]*):([^:]+):([0-9a-f]{64})', token) \
        if isinstance(token, str) and len(token) < 1000 else None
    if found is None:
        return None
    name, role, address, given = found.groups()
    if members.member(cluster, name) is None or values.address(address) is None:
        return None
    right = [seed for seed in seeds if hmac.compare_digest(digest(seed, name, role, address), given)]
    return Holder(name, role, address) if right else None


def seeds(secrets):
    """The seeds in the Secret kstack-join-seeds: one, and two while it is rotated."""
    try:
        found = json.loads(base64.b64decode(secrets[0]['data']['seeds'], validate=True).decode())
    except (IndexError, KeyError, TypeError, ValueError):
        return []
    return [one for one in values.items(found) if isinstance(one, str) and len(one) >= 16]


def review(request, known, cluster):
    """The answer to a TokenReview."""
    found = holder(values.mapping(values.mapping(request).get('spec')).get('token'), known, cluster)
    status = {'authenticated': False} if found is None else {'authenticated': True, 'user': {
        'username': 'kstack:member:' + found.name, 'groups': ['kstack:members'],
        'extra': {'kstack.io/address': [found.address], 'kstack.io/role': [found.role]}}}
    return {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'status': status}


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread for each connection, up to a limit: whoever reaches the API has it ask here about any token."""
    daemon_threads = True
    allow_reuse_address = True
    slots = threading.BoundedSemaphore(100)

    def process_request(self, request, client_address):
        self.slots.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()


def handler(answer):
    """A request handler that gives the API server answers to its reviews."""
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10
        protocol_version = 'HTTP/1.1'  # a connection for many reviews

        def do_POST(self):
            length = values.number(self.headers.get('Content-Length'), 0, LARGEST)
            try:
                request = json.loads(self.rfile.read(length or 0).decode())
            except ValueError:
                return self.send_error(400)
            text = json.dumps(answer(request)).encode()
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass  # a request holds a token

    return Handler


def serve(address, certificate, key, answer):
    """An HTTPS server. The handshake is in the thread of a connection, so that no client delays another."""
    server = Server(address, handler(answer))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def main():
    settings = Settings()
    cluster = members.cluster_of(settings.text('NODE_NAME'), settings.text('ROLE'))
    if cluster is None:
        sys.exit('NODE_NAME is not the name of a node with the role in ROLE')
    secrets = Mirror(of_master('kstack-tokens'), SECRETS, {'fieldSelector': 'metadata.name=kstack-join-seeds'}).start()
    say('verifies the join tokens of members of %s' % cluster)
    serve(('127.0.0.1', PORT), PKI + 'kstack-tokens.crt', PKI + 'kstack-tokens.key',
          lambda request: review(request, seeds(secrets.all()), cluster)).serve_forever()
