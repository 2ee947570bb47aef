import { readFile } from 'node:fs/promises';
import test from 'ava';
import { verdictText, verifyFiles } from '../../src/image/disk/verify.ts';
import { imageFindings } from '../../src/image/disk/verify-content.ts';
import { enabledUnits } from '../../src/image/disk/verify-units.ts';
import { readArchive } from '../../src/image/fetch/image-archive.ts';
import { lockText } from '../../src/image/spec/lock.ts';
import { digest, lock, nodeDisk } from '../support/node-disk.ts';
import { madeImage } from '../support/registry.ts';

const outer = { lock, source: 'x.lock.json' };

test('a correct disk has no findings', async (t) => {
	const verdict = await verifyFiles(await nodeDisk(), outer);
	t.deepEqual(verdict, { lock: 'x.lock.json', checked: { components: 1, packages: 2 }, findings: [] });
	t.is(
		verdictText('x.qcow2', verdict),
		'x.qcow2 passed all checks (component files: 1, packages: 2, lock: x.lock.json).',
	);
});

/** Changes to a good disk, and all that is found then. */
const spoilt: Readonly<
	Record<string, { changes: Readonly<Record<string, string | undefined>>; found: readonly RegExp[] }>
> = {
	'a changed file of a component': {
		changes: { '/usr/local/bin/kubelet': 'another kubelet' },
		found: [
			/^\/usr\/local\/bin\/kubelet: differs from the file of kubernetes 1\.20\.2: its checksum is sha256:\w{64}, in the lock sha256:\w{64}$/,
		],
	},
	'a component that leads to a file of this machine': {
		changes: { '/usr/local/bin/kubelet': '-> /etc/passwd' },
		found: [/^\/usr\/local\/bin\/kubelet: differs from the file of kubernetes/],
	},
	'a missing file of a component': {
		changes: { '/usr/local/bin/kubelet': undefined },
		found: [/^\/usr\/local\/bin\/kubelet: is missing: a file of kubernetes 1\.20\.2$/],
	},
	'changed and missing programs of packages, whatever became of their documentation': {
		changes: { '/usr/bin/bash': undefined, '/usr/lib/libc.so.6': 'another' },
		found: [
			/^\/bin\/bash: is missing: a file of the package bash 5\.2\.15-2\+b8$/,
			/^\/lib\/libc\.so\.6: differs from the file of the package libc6 2\.36-9$/,
		],
	},
	'packages of other versions, unexpected and missing': {
		changes: {
			'/var/lib/dpkg/status':
				'Package: bash\nStatus: install ok installed\nVersion: 5.2.15-3\n\n\nPackage: gcc-12\nStatus: install ok installed\nVersion: 12.2\n',
		},
		found: [
			/^bash: is 5\.2\.15-3; the lock has 5\.2\.15-2\+b8$/,
			/^libc6: is not installed; the lock has 2\.36-9$/,
			/^gcc-12: is installed \(12\.2\) but not in the lock$/,
			/^gcc-12: a compiler package$/,
		],
	},
	'another lock in the image': {
		changes: {
			'/usr/share/kstack/image.lock.json': lockText({ ...lock, elements: `sha256:${digest('sha256', '')}` }),
		},
		found: [/^\/usr\/share\/kstack\/image\.lock\.json: .* x\.lock\.json$/],
	},
	'something else in the place of the lock in the image': {
		changes: { '/usr/share/kstack/image.lock.json': '{' },
		found: [/^\/usr\/share\/kstack\/image\.lock\.json: cannot be read as a lock$/],
	},
	'a changed container image, and a unexpected one': {
		changes: {
			'/usr/share/kstack/images/pause.tar': 'other layers',
			'/usr/share/kstack/images/x.tar': 'x',
		},
		found: [
			/^\/usr\/share\/kstack\/images\/pause\.tar: differs from the file of the image registry\.k8s\.io\/pause:3\.2: /,
			/^\/usr\/share\/kstack\/images\/x\.tar: is not in the lock$/,
		],
	},
	'what makes a machine one of its own': {
		changes: {
			'/etc/ssh/ssh_host_rsa_key': 'secret',
			'/etc/ssh/ssh_host_rsa_key.pub': 'public',
			'/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
			'/var/lib/dbus/machine-id': '-> /etc/machine-id',
			'/var/lib/systemd/random-seed': 'random',
			'/var/lib/cloud/instances/i-1/user-data.txt': '#cloud-config',
		},
		found: [
			/^\/etc\/ssh\/ssh_host_rsa_key: an SSH host key/,
			/^\/etc\/ssh\/ssh_host_rsa_key\.pub: an SSH host key/,
			/^\/var\/lib\/systemd\/random-seed: /,
			/^\/var\/lib\/cloud\/instances\/i-1: the state of cloud-init/,
			/^\/etc\/machine-id: a machine ID/,
			/^\/var\/lib\/dbus\/machine-id: a machine ID/,
		],
	},
	'passwords, none needed, and keys': {
		changes: {
			'/etc/shadow':
				'root:$y$j9T$salt$hash:20000::::::\ndebian:!$6$salt$hash:20000::::::\nguest::20000::::::\n',
			'/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nops::1000:1000::/home/ops:/bin/bash\n',
			'/root/.ssh/authorized_keys': 'ssh-ed25519 AAAA\n',
			'/home/ops/.ssh/authorized_keys': '\n',
		},
		found: [
			/^\/etc\/passwd: ops can log in without a password$/,
			/^\/etc\/shadow: root has a password$/,
			/^\/etc\/shadow: debian has a password$/,
			/^\/etc\/shadow: guest can log in without a password$/,
			/^\/root\/\.ssh\/authorized_keys: /,
		],
	},
	'mirrors, proxies and logins of the build': {
		changes: {
			'/etc/apt/sources.list':
				'# http://comment/debian\ndeb [trusted=yes] http://archive.debian.org/debian jessie main\n',
			'/etc/apt/sources.list.d/x.list': 'deb http://mirror.example/debian bookworm main\n',
			'/etc/apt/sources.list.d/y.sources':
				'Types: deb\nURIs: https://debian.org.example/debian file:/srv/debian\nSigned-By: /usr/share/keyrings/x.gpg\n',
			'/etc/apt/apt.conf.d/90proxy': 'Acquire::http::Proxy "http://proxy:3128";\n',
			'/etc/apt/apt.conf.d/91': '// no proxy\nAPT::Get::AllowUnauthenticated "true";\n',
			'/etc/apt/auth.conf.d/mirror.conf': 'machine mirror login me password secret\n',
			'/etc/environment': 'http_proxy=http://proxy:3128\n',
			'/etc/resolv.conf': 'search example\nnameserver 192.0.2.1\n',
		},
		found: [
			/^\/etc\/apt\/sources\.list\.d\/x\.list: names http:\/\/mirror\.example\/debian, /,
			/^\/etc\/apt\/sources\.list\.d\/y\.sources: names https:\/\/debian\.org\.example\/debian, /,
			/^\/etc\/apt\/sources\.list\.d\/y\.sources: names file:\/srv\/debian, /,
			/^\/etc\/apt\/apt\.conf\.d\/90proxy: names a proxy/,
			/^\/etc\/apt\/apt\.conf\.d\/91: lets apt install unsigned packages$/,
			/^\/etc\/apt\/auth\.conf\.d\/mirror\.conf: a login/,
			/^\/etc\/environment: sets http_proxy, /,
			/^\/etc\/resolv\.conf: names 192\.0\.2\.1, /,
		],
	},
	'caches, logs, manifests and tools of the build': {
		changes: {
			'/etc/dib-manifests/dib_environment': 'export DIB_RELEASE=bookworm\n',
			'/usr/local/bin/dib-run-parts': '#!/bin/bash\n',
			'/var/lib/apt/lists/mirror_Packages': 'x',
			'/var/lib/apt/lists/partial/x': 'x',
			'/var/cache/apt/pkgcache.bin': 'x',
			'/var/cache/apt/archives/bash.deb': 'x',
			'/var/cache/apt/archives/lock': '',
			'/var/log/dpkg.log': 'x',
			'/var/log/wtmp': '',
			'/tmp/x': 'x',
			'/usr/local/bin/gcc': 'x',
			'/usr/bin/x86_64-linux-gnu-ld': 'x',
			'/usr/bin/assemble': 'x',
		},
		found: [
			/^\/etc\/dib-manifests: /,
			/^\/usr\/local\/bin\/dib-run-parts: /,
			/^\/var\/lib\/apt\/lists\/mirror_Packages: /,
			/^\/var\/cache\/apt\/pkgcache\.bin: /,
			/^\/var\/cache\/apt\/archives\/bash\.deb: /,
			/^\/var\/log\/dpkg\.log: /,
			/^\/tmp\/x: /,
			/^\/etc\/dib-manifests\/dib_environment: sets DIB_RELEASE, as in the build$/,
			/^\/usr\/local\/bin\/gcc: a compiler$/,
			/^\/usr\/bin\/x86_64-linux-gnu-ld: a compiler$/,
		],
	},
	'units that are enabled and should not be, and the other way round': {
		changes: {
			'/etc/systemd/system/multi-user.target.wants/etcd.service': '-> /lib/systemd/system/etcd.service',
			'/etc/systemd/system/multi-user.target.wants/containerd.service': undefined,
			'/etc/systemd/system/kstack-pods.service': '-> /dev/null',
			'/etc/rc3.d/S20keepalived': '-> ../init.d/keepalived',
		},
		found: [
			/^containerd\.service: is not enabled, but must be$/,
			/^kstack-pods\.service: is not enabled, but must be$/,
			/^etcd\.service: is enabled, but must not be$/,
			/^keepalived\.service: is enabled, but must not be$/,
		],
	},
};

for (const [what, { changes, found }] of Object.entries(spoilt)) {
	test(`found, and nothing else: ${what}`, async (t) => {
		const { findings } = await verifyFiles(await nodeDisk(changes), outer);
		const lines = findings.map(({ about, problem }) => `${about}: ${problem}`);
		t.is(lines.length, found.length, lines.join('\n'));
		for (const [index, sentence] of found.entries()) t.regex(lines[index] as string, sentence);
	});
}

test('an image without a lock cannot be verified, and the message says so', async (t) => {
	const verdict = await verifyFiles(await nodeDisk());
	t.is(
		verdictText('x.qcow2', verdict),
		'x.qcow2 failed these checks (component files: 0, packages: 2, lock: none):\n' +
			'  - lock: is missing: the components cannot be checked',
	);
});

test("a lock that differs only in kimg's version and date is that of the image", async (t) => {
	const inner = { ...lock, kimg: '0.3.0', debian: { ...lock.debian, date: '2026-12-01T10:00:00Z' } };
	const files = await nodeDisk({ '/usr/share/kstack/image.lock.json': lockText(inner) });
	t.deepEqual((await verifyFiles(files, outer)).findings, []);
});

test('the lock in the image is used if there is none outside', async (t) => {
	const inside = { '/usr/share/kstack/image.lock.json': lockText(lock) };
	const verdict = await verifyFiles(await nodeDisk({ ...inside, '/usr/local/bin/kubelet': 'another' }));
	t.is(verdict.lock, 'in the image');
	t.deepEqual(
		verdict.findings.map(({ about }) => about),
		['/usr/local/bin/kubelet'],
	);
});

test('a lock without files is reported as one that no image was built from', async (t) => {
	const { files: _, ...kubernetes } = lock.components.kubernetes ?? {};
	const components = { kubernetes } as typeof lock.components;
	const { findings } = await verifyFiles(
		await nodeDisk({ '/usr/share/kstack/image.lock.json': lockText(lock) }),
		{
			lock: { ...lock, components },
			source: 'profile.lock.json',
		},
	);
	t.deepEqual(
		findings.map(({ about }) => about),
		['profile.lock.json'],
	);
});

test("on an unknown release, only kstack's own units are checked", async (t) => {
	const files = await nodeDisk({
		'/usr/lib/os-release': 'VERSION_ID="8"\nVERSION="8 (jessie)"\n',
		'/etc/rc2.d/S20of-debian-8': '-> ../init.d/of-debian-8',
		'/etc/rc2.d/S20keepalived': '-> ../init.d/keepalived',
	});
	t.true((await enabledUnits(files)).includes('of-debian-8.service'));
	const { findings } = await verifyFiles(files, outer);
	t.deepEqual(findings, [{ about: 'keepalived.service', problem: 'is enabled, but must not be' }]);
});

test('if the lock has only the digest of an image, the archive is read and its digests are checked', async (t) => {
	const reference = 'example.org/hello:1';
	// No byte of it is beyond ASCII.
	const text = await readFile(await madeImage(reference, 'hello, hello'), 'utf8');
	const [image] = await readArchive(await madeImage(reference, 'hello, hello'));
	const archive = 'hello.tar';
	const about = async (digest: string, content: string | undefined) => {
		const files = await nodeDisk({
			'/usr/share/kstack/images/pause.tar': undefined,
			[`/usr/share/kstack/images/${archive}`]: content,
		});
		return imageFindings(files, { ...lock, images: { [reference]: { archive, digest } } });
	};
	const digest = image?.digest as string;
	t.deepEqual(await about(digest, text), []);
	for (const [wrong, content] of [
		[digest, text.replace('hello, hello', 'hullo, hullo')],
		[`sha256:${'0'.repeat(64)}`, text],
		[digest, undefined],
	] as const)
		t.is((await about(wrong, content)).length, 1);
});
