"""The clients of this node's programs: each acts as itself, with the rights of that name and no more."""
from .api import Api

PKI = '/etc/kubernetes/pki/'


def of_master(program):
    """
    The API server on this master, as a program of masters. Step 20-pki issues the certificate, and a manifest of the
    program's name in assemble/manifests grants its rights.
    """
    return Api('127.0.0.1:6443', PKI + 'ca.crt', PKI + program + '.crt', PKI + program + '.key')


def of_node(settings):
    """The API at its address, as the kubelet of this node."""
    return Api(str(settings.address('API_ADDRESS')) + ':6443', PKI + 'ca.crt',
               '/var/lib/kubelet/pki/kubelet-client-current.pem')
