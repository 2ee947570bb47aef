"""
Keeps Services from taking the ports of the control plane on this master. kube-proxy redirects the addresses among a
Service's externalIPs, whoever they belong to: that of the API, or of a master. A packet that is accepted before its rules
is not redirected.
"""
import time

from . import firewall
from .settings import Settings

# The API server; and on the address of the node also etcd, for clients and for other members, and the kubelet.
API_PORT = 6443
NODE_PORTS = (2379, 2380, 6443, 10250)

# The seconds between two looks: kube-proxy puts its rules first when it starts, or when they were deleted.
PERIOD = 5


def rules(node, api):
    """The rules, as iptables prints them."""
    ports = ','.join(str(port) for port in NODE_PORTS)
    return [
        ['-d', '%s/32' % api, '-p', 'tcp', '-m', 'tcp', '--dport', str(API_PORT), '-j', 'ACCEPT'],
        ['-d', '%s/32' % node, '-p', 'tcp', '-m', 'multiport', '--dports', ports, '-j', 'ACCEPT'],
    ]


def apply(wanted):
    """Whether all rules are in place: for packets from elsewhere, and for those of this node."""
    placed = [firewall.put_first('nat', chain, rule) for rule in wanted for chain in ('PREROUTING', 'OUTPUT')]
    return all(placed)


def main():
    settings = Settings()
    wanted = rules(settings.address('NODE_IP'), settings.address('API_ADDRESS'))
    while True:
        apply(wanted)
        time.sleep(PERIOD)
