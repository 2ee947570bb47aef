import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { basePackages } from '../../src/image/base.ts';
import { packagesOf, renderElements } from '../../src/image/elements.ts';
import { readLock } from '../../src/image/lock.ts';
import { planImage } from '../../src/image/plan.ts';
import { profileNamed } from '../../src/image/profiles.ts';
import { checksumIn, debianArchive } from '../support/debian-archive.ts';
import { temporaryFolder } from '../support/folders.ts';
import { runSource } from '../support/processes.ts';

const plan = planImage(profileNamed('debian8-x64-kubernetes'));

/** Debian 8's archive with all that its image asks for, as far as apt is concerned. */
async function archive(): Promise<string> {
	const root = await temporaryFolder();
	const names = basePackages(packagesOf(await renderElements(plan), 'jessie'));
	const entries = [
		{ name: 'dash', version: '1:0.5', more: 'Essential: yes' },
		{ name: 'tzdata', version: '2016a', more: 'Priority: required' },
		...['apt', ...names].map((name) => ({ name, version: '8.0-1' })),
	];
	await debianArchive(path.join(root, 'debian'), 'jessie', entries);
	await debianArchive(path.join(root, 'debian-security'), 'jessie/updates', [
		{ name: 'jq', version: '8.0-1+deb8u1' },
	]);
	return root;
}

/** A machine's cache and working directory, and kimg there. */
async function machine(root: string) {
	const [cwd, cache] = [await temporaryFolder(), await temporaryFolder()];
	const env = { KSTACK_CACHE: cache, KSTACK_DEBIAN_ARCHIVE: `file://${root}` };
	return { cwd, cache, kimg: (...args: string[]) => runSource('src/kimg.ts', args, { cwd, env }) };
}

test('kimg lock writes down components and packages, the same each time, and leaves nothing else', async (t) => {
	const { cwd, cache, kimg } = await machine(await archive());
	const ended = await kimg('lock');
	t.deepEqual(ended, { code: 0, stdout: `${cwd}/debian8-x64-kubernetes.lock.json\n`, stderr: '' });
	const lock = await readLock(ended.stdout.trim());
	t.is(lock.debian.date, '2026-11-21T10:00:00Z');
	t.deepEqual(Object.keys(lock.components), plan.fetched.map(({ name }) => name).sort());
	t.is(lock.components.kubernetes?.checksum, plan.line.kubernetes.checksum);
	t.deepEqual(lock.packages.jq, {
		version: '8.0-1+deb8u1',
		architecture: 'amd64',
		checksum: checksumIn({ name: 'jq', version: '8.0-1+deb8u1' }),
	});
	t.true(['dash', 'tzdata', 'apt', 'linux-image-4.9-amd64'].every((name) => name in lock.packages));
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	const again = await kimg('lock', '--out', 'again.json');
	t.is(await readFile(again.stdout.trim(), 'utf8'), await readFile(ended.stdout.trim(), 'utf8'));
});

test('kimg build --locked names each thing that is not what the lock says, and fetches nothing', async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: images are built by root alone');
		return t.pass();
	}
	const { cwd, cache, kimg } = await machine(await archive());
	const file = (await kimg('lock')).stdout.trim();
	const lock = await readLock(file);
	const etcd = lock.components.etcd as NonNullable<(typeof lock.components)[string]>;
	const changed = {
		...lock,
		components: { ...lock.components, etcd: { ...etcd, version: '3.5.28' } },
		packages: { ...lock.packages, jq: { ...lock.packages.jq, version: '7.0-1' } },
	};
	await writeFile(file, JSON.stringify(changed));
	await mkdir(path.join(cwd, 'mirror'));
	const ended = await kimg('build', '--mirror', 'mirror', '--locked');
	t.is(ended.code, 1);
	t.is(ended.stdout, '');
	t.regex(
		ended.stderr,
		/kimg: What can be had here is not what the lock says:\n {2}- component etcd: the lock has 3\.5\.28 .*, here is 3\.5\.29 .*\n {2}- package jq: the lock has 7\.0-1 .*, here is 8\.0-1\+deb8u1 .*\n {2}`kimg lock` writes a new lock\.\n$/,
	);
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	t.false((await readdir(cache)).includes('downloads'));
	t.deepEqual(
		(await readdir(cwd)).filter((name) => name.endsWith('.qcow2')),
		[],
	);
});

test('kimg build --locked without a lock says so before anything else', async (t) => {
	const { kimg } = await machine('/nowhere');
	const ended = await kimg('build', '--locked');
	t.is(ended.code, 2);
	t.regex(ended.stderr, /^kimg: debian8-x64-kubernetes\.lock\.json cannot be read as a lock: ENOENT/);
});
