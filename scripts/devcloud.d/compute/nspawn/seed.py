"""Files that are written to a node before it starts.

The config drive, as files where cloud-init finds them; and changes for a container, since the image is for virtual
machines. Drop-ins are written only for units that the image has.
"""
import os
import shutil

from nova.api.metadata import base as instance_metadata
from nova.virt.nspawn.system import write

CONFIG_DRIVE = 'var/lib/cloud/seed/config_drive'
UNITS = 'etc/systemd/system'
UNIT_FOLDERS = (UNITS, 'usr/lib/systemd/system', 'lib/systemd/system')

# A container shares these settings with the machine, and kubelet changes them, so the node gets copies.
PRIVATE_SETTINGS = ('vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops',
                    'kernel/keys/root_maxkeys', 'kernel/keys/root_maxbytes')

PREPARE = f'''#!/bin/sh
# Written by the development cloud: this node is a container.

# The node gets copies of kernel settings that belong to the whole machine.
for name in {' '.join(PRIVATE_SETTINGS)}; do
	[ -e /proc/sys/$name ] || continue
	mkdir -p /run/devcloud/${{name%/*}}
	cat /proc/sys/$name >/run/devcloud/$name
	mount --bind /run/devcloud/$name /proc/sys/$name
done

# nspawn mounts the controllers of cgroup v1 read-only, but runc and kubelet create groups in them.
for controller in blkio cpu cpuacct cpu,cpuacct cpuset devices freezer memory pids net_cls net_prio net_cls,net_prio hugetlb perf_event; do
	[ ! -d /sys/fs/cgroup/$controller ] || mount -o remount,rw,bind /sys/fs/cgroup/$controller || true
done
'''

PREPARE_UNIT = '''[Unit]
Description=Prepare this node as a container
DefaultDependencies=no
Before=systemd-sysctl.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /etc/devcloud-prepare

[Install]
WantedBy=sysinit.target
'''

# A container cannot lower its OOM score or change the machine's connection tracking.
DROP_INS = {
    'containerd.service': '[Service]\nOOMScoreAdjust=0\n',
    'kubelet.service': '[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--oom-score-adj=0\n',
    'kube-proxy.service': '[Service]\nEnvironment="KUBE_PROXY_EXTRA_ARGS=--conntrack-max-per-core=0 --conntrack-min=0'
                          ' --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s'
                          ' --oom-score-adj=0"\n',
}


def config_drive(root, instance, files, admin_password, network_info):
    extra = {'admin_pass': admin_password} if admin_password else {}
    metadata = instance_metadata.InstanceMetadata(instance, content=files, network_info=network_info, extra_md=extra)
    folder = os.path.join(root, CONFIG_DRIVE)
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in metadata.metadata_for_config_drive():
        if path.startswith('openstack/') and ('/latest/' in path or '/content/' in path):
            target = os.path.join(folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, 'wb') as file:
                file.write(data.encode() if isinstance(data, str) else data)
    os.chmod(folder, 0o700)


def container(root):
    write(f'{root}/etc/fstab', '# A container: the development cloud mounts its file systems.\n')
    resolv = f'{root}/etc/resolv.conf'
    if os.path.isfile(resolv) and not os.path.islink(resolv):
        os.unlink(resolv)  # of the build host
    write(f'{root}/etc/devcloud-prepare', PREPARE, 0o755)
    write(f'{root}/{UNITS}/devcloud-prepare.service', PREPARE_UNIT)
    _link('../devcloud-prepare.service', f'{root}/{UNITS}/sysinit.target.wants/devcloud-prepare.service')
    for unit, text in DROP_INS.items():
        if any(os.path.lexists(f'{root}/{folder}/{unit}') for folder in UNIT_FOLDERS):
            write(f'{root}/{UNITS}/{unit}.d/50-devcloud.conf', text)


def _link(target, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.lexists(path):
        os.symlink(target, path)
