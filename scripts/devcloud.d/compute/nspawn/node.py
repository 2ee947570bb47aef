"""One node: a folder instances_path/UUID, and a container.

    node.json    name, image and size, written by spawn()
    up/ work/    changes of the node to its image's tree; root/ is both, mounted
    bind/        folders of the node on the machine's file system
    console.log  output of its first process, of all boots
    pid          PID and start time of its nspawn
"""
import json
import os
import shutil
import signal
import subprocess
import time

import nova.conf
from nova import exception
from nova.virt.nspawn import cgroup, image, network
from nova.virt.nspawn.system import kill, mounted, read, run, start_time, stat_fields, unmount

CONF = nova.conf.CONF
# Signals for systemd as the first process (systemd(1), SIGNALS).
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5
# Folders for overlayfs, which cannot be on overlayfs such as a node's root, and for etcd, which syncs often.
BINDS = ('var/lib/containerd', 'var/lib/kubelet', 'var/lib/etcd')

# The shell joins the node's cgroups, writes its PID, which exec keeps, and runs nspawn in the node's network namespace.
# (With nspawn's option for that, the node would have the wrong /sys.)
START = '''
set -e
pid=$1 namespace=$2; shift 2
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done
shift
echo "$$ $(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)" >"$pid.new"; mv "$pid.new" "$pid"
exec nsenter --net="$namespace" "$@"
'''


class Node:
    def __init__(self, uuid):
        self.uuid = uuid
        self.folder = os.path.join(CONF.instances_path, uuid)
        self.root = self.path('root')

    @staticmethod
    def all():
        return [Node(name) for name in os.listdir(CONF.instances_path)
                if os.path.exists(os.path.join(CONF.instances_path, name, 'node.json'))]

    def path(self, *names):
        return os.path.join(self.folder, *names)

    @property
    def facts(self):
        with open(self.path('node.json')) as file:
            return json.load(file)

    def create(self, facts):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.path('node.json'), 'w') as file:
            json.dump(facts, file)
        with open(self.path('console.log'), 'ab'):
            pass

    # Processes

    def supervisor(self):
        """PID of the node's nspawn, 0 if the node is off."""
        pid, _space, started = read(self.path('pid')).partition(' ')
        return int(pid) if pid and started and start_time(pid) == started else 0

    def init(self):
        """PID of the node's first process, 0 if the node is off."""
        supervisor = self.supervisor()
        if not supervisor:
            return 0
        children = read(f'/proc/{supervisor}/task/{supervisor}/children').split()
        if not children:  # a kernel without that file
            children = [pid for pid in os.listdir('/proc') if pid.isdigit()
                        and stat_fields(pid)[1:2] == [str(supervisor)]]
        return int(children[0]) if children else 0

    # Life

    def mount(self, context=None):
        for name in ('up', 'work', 'root'):
            os.makedirs(self.path(name), exist_ok=True)
        if not mounted(self.root):
            below = image.tree(context, self.facts['image'])
            run('mount', '-t', 'overlay', 'overlay', self.root, '-o',
                f'lowerdir={below},upperdir={self.path("up")},workdir={self.path("work")}')
        return self.root

    def start(self):
        cgroup.kill_all(self.uuid)
        self.mount()
        facts = self.facts
        cgroup.create(self.uuid, facts['memory_mb'])
        command = [
            'systemd-nspawn', '--boot', '--quiet', f'--directory={self.root}', f'--machine={facts["name"]}',
            f'--hostname={facts["hostname"]}', f'--uuid={self.uuid}', '--register=no', '--keep-unit',
            '--capability=all', '--drop-capability=CAP_SYS_TIME',  # the clock is this machine's
            '--system-call-filter=@known', '--link-journal=no', '--resolv-conf=off', '--timezone=off',
            '--console=read-only',  # a terminal for output only; with a pipe, the boot prints nothing
            '--setenv=product_name=OpenStack Nova',  # cloud-init reads it from here in a container
            *self._binds(),
        ]
        environment = {'PATH': os.environ['PATH'], 'SYSTEMD_NSPAWN_API_VFS_WRITABLE': '1'}
        if cgroup.V2:  # nspawn would otherwise guess from the image's systemd
            environment['SYSTEMD_NSPAWN_UNIFIED_HIERARCHY'] = '1'
        if os.path.exists(self.path('pid')):
            os.unlink(self.path('pid'))
        with open(self.path('console.log'), 'ab') as console:
            subprocess.run(['setsid', '--fork', 'bash', '-c', START, 'node', self.path('pid'),
                            f'/run/netns/{network.namespace(self.uuid)}', *cgroup.paths(self.uuid), '--', *command],
                           stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                           env=environment)
        for _ in range(100):
            if self.init():
                return
            if os.path.exists(self.path('pid')) and not self.supervisor():
                break
            time.sleep(0.1)
        raise exception.InstancePowerOnFailure(reason='nspawn did not start: ' + read(self.path('console.log'))[-500:])

    def _binds(self):
        for name in BINDS:
            target, source = os.path.join(self.root, name), self.path('bind', name)
            if os.path.isdir(target):
                if not os.path.exists(source):
                    os.makedirs(os.path.dirname(source), exist_ok=True)
                    run('cp', '--archive', target, source)  # with the image's content, owner and mode
                yield f'--bind={source}:/{name}'
            elif name != 'var/lib/etcd':
                os.makedirs(source, exist_ok=True)
                yield f'--bind={source}:/{name}'
        if os.path.exists('/dev/kmsg'):
            yield '--bind=/dev/kmsg'  # kubelet reads it

    def stop(self, timeout):
        """Powers the node off; kills it after the timeout in seconds, immediately if it is 0."""
        init = self.init()
        if init and timeout:
            kill(init, POWER_OFF)
            until = time.time() + timeout
            while self.supervisor() and time.time() < until:
                time.sleep(0.2)
        for pid in (self.init(), self.supervisor()):
            if pid:
                kill(pid, signal.SIGKILL)
        cgroup.kill_all(self.uuid)

    def reboot(self):
        """nspawn itself starts the node again; returns false if it has not within a minute."""
        before = self.init()
        if not before:
            return False
        kill(before, REBOOT)
        until = time.time() + 60
        while self.supervisor() and time.time() < until:
            if self.init() not in (0, before):
                return True
            time.sleep(0.2)
        return False

    def remove(self, with_disks=True):
        network.remove(self.uuid)
        unmount(self.root)
        cgroup.remove(self.uuid)
        if with_disks:
            shutil.rmtree(self.folder, ignore_errors=True)
