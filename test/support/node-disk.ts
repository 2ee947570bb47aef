import { createHash } from 'node:crypto';
import { mkdir, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DiskFiles } from '../../src/image/disk/disk-files.ts';
import type { Lock } from '../../src/image/spec/lock.ts';
import { temporaryFolder } from './folders.ts';

/** A text's digest in hexadecimal digits. */
export const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex');

/** The lock of the disk below. */
export const lock: Lock = {
	kimg: '0.2.0',
	profile: 'debian12-x64-kubernetes',
	debian: { release: 'bookworm', date: '2026-11-21T10:00:00Z' },
	elements: `sha256:${digest('sha256', 'elements')}`,
	components: {
		kubernetes: {
			version: '1.20.2',
			url: 'https://dl.k8s.io/v1.20.2/kubernetes-server-linux-amd64.tar.gz',
			checksum: `sha512:${digest('sha512', 'a release')}`,
			licence: 'Apache-2.0',
			files: { '/usr/local/bin/kubelet': `sha256:${digest('sha256', 'a kubelet')}` },
		},
	},
	images: {
		'registry.k8s.io/pause:3.2': {
			archive: 'pause.tar',
			digest: `sha256:${digest('sha256', 'a manifest')}`,
			checksum: `sha256:${digest('sha256', 'layers')}`,
		},
	},
	packages: {
		bash: {
			version: '5.2.15-2+b8',
			architecture: 'amd64',
			checksum: `sha256:${digest('sha256', 'bash.deb')}`,
		},
		libc6: {
			version: '2.36-9',
			architecture: 'amd64',
			checksum: `sha256:${digest('sha256', 'libc6.deb')}`,
		},
	},
};

const etc = '/etc/systemd/system';
const system = '/usr/lib/systemd/system';

/** Units that are enabled on a Debian 12 node, by the unit that wants them. */
const enabled: Readonly<Record<string, readonly string[]>> = {
	'cloud-init.target': ['cloud-config', 'cloud-final', 'cloud-init-local', 'cloud-init'].map(
		(name) => `${name}.service`,
	),
	'getty.target': ['getty@tty1.service'],
	'multi-user.target': [
		'chrony.service',
		'cloud-init-hotplugd.socket',
		'containerd.service',
		'kstack-agent.path',
		'kstack-assemble.service',
		'kstack-images.service',
		'kstack-metadata-guard.service',
		'kstack-pods.service',
		'networking.service',
		'remote-fs.target',
		'ssh.service',
	],
	'sysinit.target': ['resolvconf.service', 'systemd-pstore.service'],
	'systemd-resolved.service': ['resolvconf-pull-resolved.path', 'resolvconf-pull-resolved.service'],
	'timers.target': ['fstrim.timer'],
};

const status = `Package: bash
Status: install ok installed
Installed-Size: 7164
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b8
Description: GNU shell
 Bash is an sh-compatible command language interpreter.

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libc6
Status: install ok installed
Installed-Size: 13001
Architecture: amd64
Multi-Arch: same
Source: glibc
Version: 2.36-9
`;

/** The files on a small, correct node disk: texts by path, `->` for links. */
const good: Readonly<Record<string, string>> = {
	'/bin': '-> usr/bin',
	'/lib': '-> usr/lib',
	'/etc/os-release': '-> ../usr/lib/os-release',
	'/usr/lib/os-release': 'VERSION_ID="12"\nVERSION="12 (bookworm)"\n',
	'/etc/machine-id': '',
	'/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
	'/etc/shadow': 'root:*:20000:0:99999:7:::\nhaproxy:!:20000::::::\n',
	'/etc/gshadow': 'root:*::\nssl-cert:!::\nnobody:::\n',
	'/etc/resolv.conf': '-> ../run/resolvconf/resolv.conf',
	'/etc/default/useradd': 'SHELL=/bin/sh\n',
	'/etc/rc2.d/S01ssh': '-> ../init.d/ssh',
	'/etc/rc2.d/K01etcd': '-> ../init.d/etcd',
	'/etc/rcS.d/S01hwclock.sh': '-> ../init.d/hwclock.sh',
	[`${system}/ssh.service`]: '[Service]\n',
	[`${system}/hwclock.service`]: '-> /dev/null',
	'/usr/share/kstack/image.json':
		'{"profile": "debian12-x64-kubernetes", "kubernetes": "1.20.2", "components": {"kubernetes": "1.20.2"}}\n',
	'/usr/share/kstack/images/pause.tar': 'layers',
	'/usr/local/bin/kubelet': 'a kubelet',
	'/usr/bin/bash': 'a shell',
	'/usr/lib/libc.so.6': 'a library',
	'/var/lib/dpkg/status': status,
	'/var/lib/dpkg/info/bash.list': '/.\n/bin\n/bin/bash\n/usr/share/doc/bash\n',
	'/var/lib/dpkg/info/bash.md5sums': `${digest('md5', 'a shell')}  bin/bash\n${digest('md5', '')}  usr/share/doc/bash/README\n`,
	'/var/lib/dpkg/info/libc6:amd64.list': '/.\n/lib/libc.so.6\n',
	'/var/lib/dpkg/info/libc6:amd64.md5sums': `${digest('md5', 'a library')}  lib/libc.so.6\n`,
	...Object.fromEntries(
		Object.entries(enabled).flatMap(([holder, units]) =>
			units.map((unit) => [`${etc}/${holder}.wants/${unit}`, `-> ${system}/${unit}`]),
		),
	),
};

/** Writes files of a node into a folder; `undefined` deletes one. */
export async function writeFiles(
	root: string,
	files: Readonly<Record<string, string | undefined>>,
): Promise<void> {
	for (const [file, text] of Object.entries(files)) {
		const place = path.join(root, file);
		await mkdir(path.dirname(place), { recursive: true });
		await unlink(place).catch(() => {});
		if (text?.startsWith('-> ')) await symlink(text.slice(3), place);
		else if (text !== undefined) await writeFile(place, text);
	}
}

/** A minimal node disk in a folder, with these changes. */
export async function nodeDisk(
	changes: Readonly<Record<string, string | undefined>> = {},
): Promise<DiskFiles> {
	const root = await temporaryFolder();
	await writeFiles(root, good);
	await writeFiles(root, changes);
	return new DiskFiles(root);
}
