import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { type HowToRun, runSource, systemPath } from '../support/processes.ts';

const kimg = (args: readonly string[], how: HowToRun = {}) => runSource('src/kimg.ts', args, how);

/** A folder of programs that stand in for real ones, and the PATH that finds them first. */
async function fakePrograms(
	programs: Readonly<Record<string, string>>,
): Promise<{ folder: string; path: string }> {
	const folder = await temporaryFolder();
	for (const [name, text] of Object.entries(programs)) {
		await writeFile(path.join(folder, name), `#!/bin/bash\nhere=${folder}\n${text}\n`);
		await chmod(path.join(folder, name), 0o755);
	}
	return { folder, path: `${folder}:${systemPath}` };
}

for (const [args, stderr] of [
	[
		['build', 'debian7'],
		'kimg: There is no profile "debian7".\n  Available: debian8-x64-kubernetes, debian12-x64-kubernetes, debian13-x64-kubernetes.\n',
	],
	[['render', 'debian12-x64-kubernetes', '--kubernetes-source', '/nowhere'], /^kimg: \/nowhere /],
	[['upload', '/nowhere.qcow2'], /^kimg: .* \/nowhere\.qcow2\.\n {2}.*kimg build\n$/],
	[['build', '--fast'], /^kimg: .*--fast\.\n/],
] as const) {
	test(`\`kimg ${args.join(' ')}\` is refused with exit code 2, and writes nothing`, async (t) => {
		const cache = path.join(await temporaryFolder(), 'cache');
		const ended = await kimg(args, { env: { KSTACK_CACHE: cache }, cwd: await temporaryFolder() });
		t.is(ended.code, 2);
		t.is(ended.stdout, '');
		if (typeof stderr === 'string') t.is(ended.stderr, stderr);
		else t.regex(ended.stderr, stderr);
		await t.throwsAsync(readFile(cache), { code: 'ENOENT' });
	});
}

test('kimg list names the profiles and marks the default', async (t) => {
	const { stdout } = await kimg(['list']);
	t.regex(stdout, /^PROFILE +DEBIAN +KUBERNETES\n/);
	t.regex(stdout, /^debian8-x64-kubernetes .*\(default\)$/m);
	const listed = JSON.parse((await kimg(['list', '-o', 'json'])).stdout) as {
		name: string;
		contents: Record<string, string>;
	}[];
	t.is(listed[1]?.contents.debian, '12 (bookworm)');
	t.regex(listed[1]?.contents.networks ?? '', /^routed, flannel /);
	t.deepEqual(
		listed.map(({ name }) => name),
		['debian8-x64-kubernetes', 'debian12-x64-kubernetes', 'debian13-x64-kubernetes'],
	);
});

test('kimg build says within seconds that Debian 8 is out of reach, and what can be built', async (t) => {
	const { path: found } = await fakePrograms({
		// Only the mirror's Debian 12 answers.
		curl: 'case "${!#}" in */debian/dists/bookworm/Release) ;; *) exit 22 ;; esac',
	});
	const env = {
		PATH: found,
		KSTACK_CACHE: await temporaryFolder(),
		KSTACK_DEBIAN_MIRROR: 'http://mirror/debian',
	};
	const ended = await kimg(['build'], { env, cwd: await temporaryFolder() });
	t.deepEqual(ended, {
		code: 1,
		stdout: '',
		stderr:
			'kimg: debian8-x64-kubernetes needs Debian 8 (jessie), which cannot be downloaded from http://archive.debian.org/debian.\n' +
			'  On this machine, these can be built:\n    kimg build debian12-x64-kubernetes --kubernetes-source debian\n',
	});
});

test('kimg build without upstream names what to do instead', async (t) => {
	const { path: found } = await fakePrograms({ curl: 'case "${!#}" in */debian/*) ;; *) exit 6 ;; esac' });
	const ended = await kimg(['build', 'debian12-x64-kubernetes'], {
		env: { PATH: found, KSTACK_CACHE: await temporaryFolder(), KSTACK_DEBIAN_MIRROR: 'http://mirror/debian' },
		cwd: await temporaryFolder(),
	});
	t.is(ended.code, 1);
	t.regex(ended.stderr, /^kimg: Kubernetes 1\.35\.4 cannot be fetched: .*\n.*--kubernetes-source debian/);
});

test('the mirror is the one that apt uses, however its configuration says so', async (t) => {
	const mirrors = path.join(await temporaryFolder(), 'mirrors');
	await writeFile(mirrors, '# of this cloud\nhttp://near/debian\thttp://far/debian\n');
	const { path: found } = await fakePrograms({
		curl: 'echo "${!#}" >> "$here/asked"; exit 22',
		'apt-get': `echo 'http://other/apt stable main'; echo 'mirror+file:${mirrors}/ bookworm main'`,
	});
	const ended = await kimg(['build', 'debian12-x64-kubernetes'], {
		env: { PATH: found, KSTACK_CACHE: await temporaryFolder() },
		cwd: await temporaryFolder(),
	});
	t.regex(ended.stderr, /which cannot be downloaded from http:\/\/near\/debian\./);
});

test('kimg render takes Kubernetes from a folder and asks it for its version', async (t) => {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'bin'));
	for (const name of ['apiserver', 'controller-manager', 'proxy', 'scheduler']
		.map((part) => `kube-${part}`)
		.concat('kubectl', 'kubelet')) {
		await writeFile(path.join(folder, 'bin', name), '#!/bin/bash\necho Kubernetes v1.30.1\n');
		await chmod(path.join(folder, 'bin', name), 0o755);
	}
	const cwd = await temporaryFolder();
	const ended = await kimg(
		['render', 'debian13-x64-kubernetes', '--kubernetes-source', folder, '--out', 'out'],
		{ cwd },
	);
	t.is(ended.code, 0, ended.stderr);
	const record = path.join(cwd, 'out/elements/kubernetes-node/static/usr/share/kstack/image.json');
	t.is(JSON.parse(await readFile(record, 'utf8')).kubernetes, '1.30.1');
});
