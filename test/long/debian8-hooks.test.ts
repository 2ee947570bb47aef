// The hooks of the profile of Debian 8 at work, in the order of diskimage-builder's phases: its own base installation
// and package installation from a small archive with Debian 8's ways, and all of ours, in a root of their own. The
// programs in that root are this machine's; what they are run on is not.

import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { programs } from '../../src/image/fetch/kubernetes.ts';
import { serveArchive } from '../support/debian8/archive.ts';
import { builder, buildPath } from '../support/debian8/builder.ts';
import { temporaryFolder } from '../support/folders.ts';
import { runToEnd, tool } from '../support/processes.ts';

const phases = ['root.d', 'extra-data.d', 'pre-install.d', 'post-install.d', 'finalise.d', 'cleanup.d'];

/** What debootstrap and Debian 8's packages leave in a root, as far as hooks look at it. */
const before: Readonly<Record<string, string>> = {
	'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
	'etc/group': 'root:x:0:\nadm:x:4:\n',
	'etc/cloud/cloud.cfg':
		'cloud_init_modules:\n - migrator\n - bootcmd\n - write-files\n - resizefs\n - ssh\n',
	'etc/cloud/cloud.cfg.d/05_logging.cfg': '',
	'etc/chrony/chrony.conf':
		'server 0.debian.pool.ntp.org offline minpoll 8\nserver 1.debian.pool.ntp.org offline\nlocal stratum 10\n',
	'etc/ssh/ssh_host_rsa_key': 'a key that all machines would have',
	'etc/resolvconf/resolv.conf.d/original': 'nameserver 192.0.2.53\n',
	'etc/initramfs-tools/update-initramfs.conf': '',
	'etc/dib-manifests/dib_environment': 'DIB_DISTRIBUTION_MIRROR=http://192.0.2.1/debian\n',
	'var/lib/dpkg/status': '',
	'var/lib/dpkg/available': '',
	'var/lib/dpkg/diversions': '',
	'var/lib/dpkg/info/format': '1\n',
	'boot/vmlinuz-3.16.0-11-amd64': '',
	'boot/vmlinuz-4.9.0-0.bpo.12-amd64': '',
};
const emptyFolders = [
	...['etc/apt/sources.list.d', 'etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'etc/apt/trusted.gpg.d'],
	...[
		'etc/systemd/system/multi-user.target.wants',
		'etc/containerd',
		'var/lib/dpkg/updates',
		'var/lib/dpkg/triggers',
	],
	...[
		'var/lib/apt/lists/partial',
		'var/cache/apt/archives/partial',
		'var/log/apt',
		'var/cache/debconf',
		'root',
	],
];

/** The root file system after all phases, and the output of the hooks. */
async function afterAllPhases(t: ExecutionContext) {
	for (const [name, from] of [
		['unshare', 'util-linux'],
		['apt-key', 'apt'],
		['gpg', 'gnupg'],
	] as const)
		tool(name, from);
	const archive = await serveArchive((close) => t.teardown(close));
	const build = await builder(archive);
	const place = await temporaryFolder();
	const root = path.join(place, 'before');
	for (const folder of emptyFolders) await mkdir(path.join(root, folder), { recursive: true });
	for (const [name, text] of Object.entries(before)) {
		await mkdir(path.dirname(path.join(root, name)), { recursive: true });
		await writeFile(path.join(root, name), text);
	}

	// All elements' hooks come together in one folder for each phase.
	const hooks = await temporaryFolder();
	await chmod(hooks, 0o755);
	for (const phase of phases) {
		await mkdir(path.join(hooks, phase));
		for (const hook of await build.hooks(phase)) await cp(hook, path.join(hooks, phase, path.basename(hook)));
	}
	for (const element of await readdir(build.ours))
		await cp(path.join(build.ours, element, 'static'), path.join(hooks, 'static'), { recursive: true }).catch(
			() => {},
		);
	await mkdir(path.join(hooks, 'static/usr/sbin'), { recursive: true });

	// What was fetched before the build begins.
	const { environment } = build;
	const put = async (name: string, text: string) => {
		await mkdir(path.dirname(name), { recursive: true });
		await writeFile(name, text, { mode: 0o755 });
	};
	for (const name of programs) await put(path.join(environment.DIB_KUBERNETES_BINARIES ?? '', name), name);
	await put(path.join(environment.DIB_CONTAINER_ARCHIVES ?? '', 'pause.tar'), 'an image');
	await put(
		path.join(environment.DIB_UPSTREAM_COMPONENTS ?? '', 'containerd/usr/local/bin/containerd'),
		'containerd',
	);

	const ended = await runToEnd(
		'unshare',
		[
			...['--mount', '--propagation', 'private'],
			path.join(packageRoot, 'test/support/debian8/run-hooks'),
			...[place, build.theirHook('debian-minimal/root.d/75-debian-minimal-baseinstall')],
			...[(await build.packages()).join(' '), hooks],
		],
		{
			env: {
				...environment,
				...{ PATH: buildPath, DIB_APT_KEYRING: archive.keyring, SYSTEMD_OFFLINE: '1' },
				...{ DEBIAN_FRONTEND: 'noninteractive', http_proxy: '', DIB_DEBUG_TRACE: '0' },
			},
		},
	);
	const text = (name: string) => readFile(path.join(place, 'after', name), 'utf8');
	const list = async (name: string) =>
		(await readdir(path.join(place, 'after', name)).catch(() => [])).sort();
	return { archive, ended, text, list, packages: await build.packages() };
}

test('packages and hooks of the Debian 8 profile run in all phases, and the result is the intended node', async (t) => {
	const { archive, ended, text, list, packages } = await afterAllPhases(t);
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	for (const hook of [
		'root.d/40-trust-archive',
		'post-install.d/98-make-initramfs',
		'cleanup.d/95-remove-manifests',
	])
		t.true(ended.stdout.includes(`${hook}\n`), hook);

	const status = await text('var/lib/dpkg/status');
	for (const name of [...packages, 'systemd-sysv', 'gnupg2', 'python3'])
		t.true(status.includes(`Package: ${name}\nStatus: install ok installed\n`), name);
	t.false(packages.includes('zstd'));

	// In the image apt goes on with the archive, and asks before it takes what nobody vouches for.
	t.is(
		await text('etc/apt/sources.list'),
		[
			`deb [trusted=yes] ${archive.main} jessie main\n`,
			`deb [trusted=yes] ${archive.security} jessie/updates main\n`,
			`deb [trusted=yes] ${archive.main} jessie-backports main\n`,
		].join(''),
	);
	t.deepEqual(await list('etc/apt/sources.list.d'), []);
	t.deepEqual(await list('etc/apt/apt.conf.d'), ['80archive']);
	t.deepEqual(await list('var/lib/apt/lists'), []);
	t.is(await text('etc/cloud/cloud.cfg.d/95-debian-archive.cfg'), 'apt_preserve_sources_list: true\n');

	t.regex(await text('etc/cloud/cloud.cfg'), /^ - growpart\n - resizefs$/m);
	t.is(
		await text('etc/chrony/chrony.conf'),
		'server 0.debian.pool.ntp.org iburst minpoll 8\nserver 1.debian.pool.ntp.org iburst\nmakestep 1 3\nrtcsync\n',
	);
	t.regex(await text('etc/containerd/config.toml'), /^SystemdCgroup = false$/m);
	t.deepEqual(await list('etc/systemd/system/multi-user.target.wants'), [
		'containerd.service',
		'kstack-agent.path',
		'kstack-assemble.service',
		'kstack-images.service',
		'kstack-metadata-guard.service',
		'kstack-pods.service',
	]);
	t.regex(await text('etc/systemd/system/keepalived.service'), /^ExecStart=\/usr\/sbin\/keepalived /m);

	// Once for each kernel, at the end, and by the program itself.
	t.deepEqual((await text('var/log/update-initramfs')).trim().split('\n'), [
		'-c -k 3.16.0-11-amd64',
		'-c -k 4.9.0-0.bpo.12-amd64',
	]);
	t.is(await text('etc/initramfs-tools/conf.d/90-fast'), 'MODULES=list\nFSTYPE=ext4\n');
	t.is((await text('var/lib/dpkg/diversions')).trim(), '');

	t.is(await text('usr-changes/local/bin/kubelet'), 'kubelet');
	t.is(await text('usr-changes/local/bin/containerd'), 'containerd');
	t.deepEqual(await list('usr-changes/share/kstack/images'), ['pause.tar']);
	t.true((await list('usr-changes/local/sbin')).includes('kstack-assemble'));

	t.deepEqual(await list('etc/ssh'), []);
	t.deepEqual(await list('etc/dib-manifests'), []);
	t.deepEqual(await list('etc/resolvconf/resolv.conf.d'), []);
});
