"""The CNI configuration of the pod network "routed": the pods of this node on a bridge."""
import json
import os
import shutil

from . import values

BRIDGE = 'cni0'
FILE = '/etc/cni/net.d/10-routed.conflist'
LEASES = '/var/lib/cni/networks/routed'  # of the plugin host-local: addresses that pods have


def configuration(own, mtu):
    """The configuration as JSON for pods with addresses of a range."""
    return {
        'cniVersion': '0.3.1',
        'name': 'routed',
        'plugins': [
            {
                'type': 'bridge', 'bridge': BRIDGE, 'isGateway': True, 'hairpinMode': True, 'mtu': mtu,
                'ipam': {
                    'type': 'host-local',
                    'ranges': [[{'subnet': str(own)}]],
                    'routes': [{'dst': '0.0.0.0/0'}],
                },
            },
            {'type': 'portmap', 'capabilities': {'portMappings': True}},
        ],
    }


def range_in(written):
    """The range in a configuration, or None; never raises."""
    for plugin in values.items(values.mapping(written).get('plugins')):
        for ranges in values.items(values.mapping(values.mapping(plugin).get('ipam')).get('ranges')):
            for one in values.items(ranges):
                return values.network(values.mapping(one).get('subnet'))
    return None


def read(file):
    """The configuration in a file; None if there is none, or if it is no JSON."""
    try:
        with open(file, encoding='utf-8') as opened:
            return json.load(opened)
    except (OSError, ValueError):
        return None


def write(file, configured):
    """At once, so that nobody reads half of it. libcni does not read files that end in .new."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file + '.new', 'w', encoding='utf-8') as opened:
        json.dump(configured, opened, indent=2, sort_keys=True)
        opened.write('\n')
        opened.flush()
        os.fsync(opened.fileno())
    os.chmod(file + '.new', 0o600)
    os.rename(file + '.new', file)


def forget_leases(folder):
    shutil.rmtree(folder, ignore_errors=True)
