"""
When certificates expire, for `kstack certificates`: each master publishes the ends of its own, and all of them those of the
certificates that the cluster signs for kubelets. No value is secret.
"""
import base64
import binascii
import collections
import glob
import os

from . import approver, values, x509
from .api import path
from .der import Malformed
from .log import Repeated
from .loop import Loop

FOLDER = '/etc/kubernetes/pki'

WHERE = path('api', 'v1', 'namespaces', 'kube-system', 'configmaps', 'kstack-certificates')

KUBELET = {approver.CLIENT: 'kubelet-client', approver.SERVING: 'kubelet-serving'}

# The operator's certificate is renewed by kstack; the first master keeps the one that it signed.
NOT_OF_MASTERS = 'operator'

# kind: kubelet-client or kubelet-serving; created: when it was requested
Issued = collections.namedtuple('Issued', 'kind node created end')


def shown(end):
    return end.strftime('%Y-%m-%dT%H:%M:%SZ')


def of_folder(folder):
    """The ends of the certificates in a folder by name, and what cannot be read."""
    ends, mistakes = {}, []
    for file in sorted(glob.glob(os.path.join(folder, '*.crt'))):
        name = os.path.basename(file)[:-len('.crt')]
        if name == NOT_OF_MASTERS:
            continue
        try:
            with open(file, encoding='ascii') as opened:
                ends[name] = shown(x509.read(opened.read(x509.LARGEST)).end)
        except (OSError, ValueError) as error:
            mistakes.append('%s: %s' % (file, error))
    return ends, mistakes


def issued(one):
    """What the cluster has signed for a kubelet upon a request (CertificateSigningRequest), or None."""
    kind = KUBELET.get(values.text(values.mapping(one.get('spec')).get('signerName')))
    encoded = values.text(values.mapping(one.get('status')).get('certificate'))
    if kind is None or not encoded or len(encoded) > 2 * x509.LARGEST:
        return None
    try:
        certificate = x509.read(base64.b64decode(encoded, validate=True).decode('ascii'))
        names = x509.common_names(certificate)
    except (binascii.Error, UnicodeDecodeError, Malformed):
        return None
    if len(names) != 1 or not names[0].startswith(approver.NODE):
        return None
    node = names[0][len(approver.NODE):]
    return Issued(kind, node, values.text(one['metadata'].get('creationTimestamp')), shown(certificate.end))


def change(present, master, own, signed, nodes):
    """
    The merge patch for the data of the ConfigMap: a value by `NAME.NODE`. Those of nodes that are gone are removed, also
    if their keys are malformed.

    present  its data: any JSON
    master   this node's name
    own      the ends of this master's certificates by name
    signed   what the cluster has signed lately
    nodes    the names of the cluster's nodes
    """
    present = values.mapping(present)
    wanted = {name + '.' + master: end for name, end in own.items()}
    for one in sorted(signed, key=lambda one: one.created):
        if one.node in nodes:
            wanted[one.kind + '.' + one.node] = one.end
    for key in present:
        name, _, node = key.partition('.')
        gone = name not in own and name not in KUBELET.values() if node == master else node not in nodes
        if gone and key not in wanted:
            wanted[key] = None
    return {key: end for key, end in wanted.items() if present.get(key) != end}


class Ends(object):
    """
    Publishes them.

    requests  mirror of the requests; kept objects have what was signed in 'issued'
    nodes     mirror of the nodes; kept objects have a name
    """
    def __init__(self, api, master, requests, nodes, folder=FOLDER):
        self.api = api
        self.master = master
        self.requests = requests
        self.nodes = nodes
        self.folder = folder
        self.mistakes = Repeated()
        # The API keeps what was signed for an hour.
        self.loop = Loop(self.act, period=60)

    def run(self):
        for mirror in (self.requests, self.nodes):
            mirror.complete.wait()
        self.loop.run()

    def act(self):
        own, mistakes = of_folder(self.folder)
        self.mistakes.now(mistakes)
        signed = [one['issued'] for one in self.requests.all() if one['issued'] is not None]
        data = change(self.api.get(WHERE).get('data'), self.master, own, signed, {node.name for node in self.nodes.all()})
        if data:
            self.api.patch(WHERE, {'data': data})
