"""A node's network namespace and its ports.

Each port is a veth pair: eth0, eth1 ... in the node, and a tap with Neutron's name outside. Nova adds the tap to
the network's bridge; the linuxbridge agent does the rest (VXLAN, security groups) and notifies Neutron, which
notifies Nova.
"""
import os

from nova.virt.nspawn.system import run


def namespace(uuid):
    return f'node-{uuid}'


def _exists(uuid):
    return os.path.exists(f'/run/netns/{namespace(uuid)}')


def plug(uuid, vif):
    name, tap = namespace(uuid), vif['devname']
    if not _exists(uuid):
        run('ip', 'netns', 'add', name)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    if not os.path.exists(f'/sys/class/net/{tap}'):
        mtu = str(vif['network'].get_meta('mtu') or 1500)
        peer = 'new' + tap[3:]
        device = f'eth{_count(uuid)}'
        run('ip', 'link', 'add', tap, 'mtu', mtu, 'type', 'veth', 'peer', 'name', peer, 'netns', name)
        run('ip', '-n', name, 'link', 'set', peer, 'name', device, 'address', vif['address'], 'mtu', mtu)
    bridge = vif['network'].get('bridge')
    if not os.path.exists(f'/sys/class/net/{bridge}'):
        # The agent may create it at the same time.
        run('ip', 'link', 'add', bridge, 'type', 'bridge', check_exit_code=False)
        run('ip', 'link', 'set', bridge, 'up')
    run('ip', 'link', 'set', tap, 'master', bridge, 'up')


def _count(uuid):
    return len(run('ip', '-n', namespace(uuid), '-o', 'link', 'show', 'type', 'veth').splitlines())


def unplug(vif):
    run('ip', 'link', 'delete', vif['devname'], check_exit_code=False)


def remove(uuid):
    """With the namespace, the kernel deletes the links in it and their peers."""
    if _exists(uuid):
        run('ip', 'netns', 'delete', namespace(uuid), check_exit_code=False)
