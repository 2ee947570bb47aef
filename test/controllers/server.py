"""A server that answers like an API server, with TLS and a client's certificate, on a port of loopback."""
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading


def openssl(folder, *arguments):
    subprocess.check_call(('openssl',) + arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def text_of(value):
    return (value if isinstance(value, str) else json.dumps(value)).encode()


class Server(object):
    """
    answers(method, path, body) gives (status, value), or (status, values) for a watch: a list or an iterator, a line each.
    A value may be JSON as text.
    """
    def __init__(self, answers, name='kubernetes.default.svc', port=0):
        self.folder = tempfile.mkdtemp()
        self.asked = []
        openssl(self.folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:' + name, '-keyout', 'key', '-out', 'certificate')
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            answers = None

            def handle_one(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = json.loads(self.rfile.read(length).decode()) if length else None
                asked.append((self.command, self.path))
                status, value = self.answers(self.command, self.path, body)
                if isinstance(value, (dict, str)):
                    return self.whole(status, text_of(value))
                self.send_response(status)
                self.send_header('Transfer-Encoding', 'chunked')
                self.end_headers()
                for one in value:
                    line = text_of(one) + b'\n'
                    self.wfile.write(b'%x\r\n%s\r\n' % (len(line), line))
                    self.wfile.flush()
                self.wfile.write(b'0\r\n\r\n')

            def whole(self, status, text):
                self.send_response(status)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        Handler.answers = staticmethod(answers)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file('certificate'), self.file('key'))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return '127.0.0.1:%d' % self.server.server_address[1]

    def file(self, name):
        return os.path.join(self.folder, name)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder)
