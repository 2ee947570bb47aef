"""A node's cgroups: one in every hierarchy, since nspawn creates its groups below the one that it is started in.

Tested with v1 in systemd's hybrid layout; the branches for a host with v2 only are not tested.
"""
import os
import signal
import time

from oslo_log import log as logging

import nova.conf
from nova.virt.nspawn.system import kill, read

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)
ROOT = '/sys/fs/cgroup'
V2 = os.path.exists(f'{ROOT}/cgroup.controllers')
MAX_PROCESSES = 8192
CONTROLLERS = ('cpuset', 'cpu', 'io', 'memory', 'pids')


def _hierarchies():
    if V2:
        return [ROOT]
    return [f'{ROOT}/{name}' for name in os.listdir(ROOT)
            if os.path.isdir(f'{ROOT}/{name}') and not os.path.islink(f'{ROOT}/{name}')]


def paths(uuid):
    return [f'{top}/{CONF.devcloud.cgroup}/{uuid}' for top in _hierarchies()]


def create(uuid, memory_mb):
    for path in paths(uuid):
        parent = os.path.dirname(path)
        for group in (parent, path):
            if not os.path.isdir(group):
                os.mkdir(group)
                _prepare(group)
        if V2:
            _delegate(os.path.dirname(parent))
            _delegate(parent)
    if V2:
        limits = {'memory.max': memory_mb << 20, 'pids.max': MAX_PROCESSES}
    else:
        limits = {'memory.limit_in_bytes': memory_mb << 20, 'pids.max': MAX_PROCESSES}
    for path in paths(uuid):
        for name, value in limits.items():
            if os.path.exists(f'{path}/{name}'):
                _set(f'{path}/{name}', value)


def _prepare(group):
    """A cpuset (v1) accepts processes only after its CPUs and memory nodes are set."""
    for name in ('cpuset.cpus', 'cpuset.mems'):
        if not V2 and os.path.exists(f'{group}/{name}'):
            _set(f'{group}/{name}', read(f'{os.path.dirname(group)}/{name}'))


def _delegate(group):
    for controller in CONTROLLERS:
        if controller in read(f'{group}/cgroup.controllers').split():
            _set(f'{group}/cgroup.subtree_control', f'+{controller}')


def _set(path, value):
    try:
        with open(path, 'w') as file:
            file.write(str(value))
    except OSError as error:
        LOG.warning('%s: %s', path, error)


def kill_all(uuid):
    """Kills the remaining processes of a node: they do not end when their nspawn is killed."""
    for _ in range(50):
        pids = {int(pid) for path in paths(uuid) for top, _dirs, _files in os.walk(path)
                for pid in read(f'{top}/cgroup.procs').split()} - {0}
        if not pids:
            return
        for pid in pids:
            kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def remove(uuid):
    for path in paths(uuid):
        for _ in range(20):
            for top, _dirs, _files in os.walk(path, topdown=False):
                try:
                    os.rmdir(top)
                except OSError:
                    pass
            if not os.path.isdir(path):
                break
            time.sleep(0.1)
