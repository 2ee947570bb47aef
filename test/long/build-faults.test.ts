// `kimg build` with the real diskimage-builder and mmdebstrap, and what can happen to it: this needs root.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build, cacheSharing, familyOf, left, lostNames, makeKubernetes } from '../support/building.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, runSource } from '../support/processes.ts';
import { startProxy } from '../support/proxy.ts';

/** A build can take this long where other tests run at the same time. */
const patience = 20 * 60_000;

const shared = ['kubernetes', 'base'];

test.before(async (t) => {
	t.timeout(60 * 60_000);
	await makeKubernetes();
});

/** An older image with what lies beside it, in a folder of its own. */
async function olderImage(): Promise<{ folder: string; file: string; names: string[] }> {
	const folder = await temporaryFolder();
	const names = ['node.json', 'node.lock.json', 'node.qcow2'];
	for (const name of names) await writeFile(path.join(folder, name), 'older');
	return { folder, file: path.join(folder, 'node.qcow2'), names };
}

/** The older image is all there is, and a log. */
async function isUntouched(t: ExecutionContext, { folder, names }: { folder: string; names: string[] }) {
	t.deepEqual((await readdir(folder)).sort(), [...names, 'node.log'].sort());
	for (const name of names) t.is(await readFile(path.join(folder, name), 'utf8'), 'older');
}

const isClean = async (t: ExecutionContext, cache: string) => t.deepEqual(await left(cache), []);

for (const [when, output, signal, code, message] of [
	['mmdebstrap makes the base', /^I: installing essential packages/m, 'SIGTERM', 143, 'Terminated.'],
	['packages are set up in the chroot', /install\.d\/01-package-installs/, 'SIGINT', 130, 'Interrupted.'],
	['the disk is made', /Calling \[sudo mount \/dev\/mapper/, 'SIGTERM', 143, 'Terminated.'],
	['the disk becomes a qcow2', /Converting image using qemu-img/, 'SIGINT', 130, 'Interrupted.'],
] as const) {
	test.serial(`${signal} while ${when}: one message, and no files or mounts are left`, async (t) => {
		t.timeout(patience);
		const inBase = when.includes('base');
		const cache = await cacheSharing(inBase ? ['kubernetes'] : shared);
		const older = await olderImage();
		const lost = await lostNames();
		const running = build(cache, older.file);
		process.kill(await running.until(output), signal);
		const ended = await running.ended;
		t.is(ended.code, code, ended.stderr);
		t.is(ended.stdout, '');
		t.regex(ended.stderr, new RegExp(`\nkimg: ${message}\n$`));
		t.is(ended.stderr.split('kimg:').length, 2, ended.stderr);
		await isClean(t, cache);
		await isUntouched(t, older);
		t.deepEqual(await lostNames(), lost);
		if (inBase) t.deepEqual(await readdir(path.join(cache, 'base')), []);
	});
}

test.serial(
	'a mirror that fails during the build gives one message, and no files or mounts are left',
	async (t) => {
		t.timeout(patience);
		const cache = await cacheSharing(['kubernetes']);
		const older = await olderImage();
		const proxy = await startProxy(t, (asked) => asked.filter((one) => one.endsWith('.deb')).length <= 10);
		const ended = await build(cache, older.file, { http_proxy: proxy.address }).ended;
		t.is(ended.code, 1, ended.stderr);
		t.regex(
			ended.stderr,
			/\nkimg: debian12-x64-kubernetes .* mirror .*\n {4}http\S+\.deb .*\n {2}Try again later, .*\n {2}The full log is \S+\/node\.log\.\n$/,
		);
		await isClean(t, cache);
		await isUntouched(t, older);
		t.deepEqual(await readdir(path.join(cache, 'base')), []);
	},
);

test.serial(
	'a disk that becomes full during the build is named, with what to do, and no files or mounts are left',
	async (t) => {
		t.timeout(patience);
		const small = path.join(await temporaryFolder(), 'small');
		await mkdir(small);
		// As much as a build asks for in advance; no memory is taken before something is written.
		await output('mount', ['-t', 'tmpfs', '-o', 'size=7g', 'tmpfs', small]);
		t.teardown(() => output('umount', [small]));
		const cache = await cacheSharing(['kubernetes'], small);
		const older = await olderImage();
		const running = build(cache, older.file);
		await running.until(/^I: running apt-get update/m);
		await output('mount', ['-o', 'remount,size=150m', small]);
		const ended = await running.ended;
		t.is(ended.code, 1, ended.stderr);
		t.regex(
			ended.stderr,
			/\nkimg: debian12-x64-kubernetes could not be built: no space left in \S+\/small \(0\.\d GB free\)\.\n {2}Free space there, .*KSTACK_CACHE.*\n {2}DIB_NO_TMPFS=1 .*\n {2}The full log is \S+\/node\.log\.\n$/,
		);
		await isClean(t, cache);
		await isUntouched(t, older);
		t.deepEqual(await readdir(path.join(cache, 'base')), []);
	},
);

test.serial('two parallel builds clean up after a killed build, and both succeed', async (t) => {
	t.timeout(patience);
	const cache = await cacheSharing(shared);
	const older = await olderImage();
	const lost = await lostNames();
	const killed = build(cache, older.file);
	for (const pid of await familyOf(await killed.until(/Calling \[sudo mount \/dev\/mapper/)))
		process.kill(pid, 'SIGKILL');
	t.is((await killed.ended).code, undefined);
	t.true((await left(cache)).some((line) => line.includes('.raw')));
	await isUntouched(t, older);

	// Otherwise the output of this build would be taken for that of the next one.
	await rm(older.file.replace('.qcow2', '.log'));
	const proxy = await startProxy(t);
	const other = path.join(older.folder, 'other.qcow2');
	const [one, two] = [older.file, other].map((file) => build(cache, file, { http_proxy: proxy.address })) as [
		ReturnType<typeof build>,
		ReturnType<typeof build>,
	];
	await one.until(/Running hooks from .*root\.d/);
	const refused = await build(cache, older.file).ended;
	t.is(refused.code, 2);
	t.regex(refused.stderr, /kimg: Another kimg .* \S+\/node\.\n {2}Wait until it has ended, .*--out\.\n$/);
	for (const [{ ended }, file] of [
		[one, older.file],
		[two, other],
	] as const) {
		const { code, stdout, stderr } = await ended;
		t.is(code, 0, stderr);
		t.is(stdout, `${file}\n`);
		const verified = await runSource('src/kimg.ts', ['verify', file], { env: { KSTACK_CACHE: cache } });
		t.is(verified.code, 0, verified.stdout + verified.stderr);
	}
	await isClean(t, cache);
	t.deepEqual(await lostNames(), lost);
	const asked = (who: RegExp) => proxy.asked.filter((line) => who.test(line)).length;
	// The look whether the mirror is there; then the lists: once for this machine, twice in the chroot; two builds.
	t.is(asked(/^curl\S* HEAD .*\/dists\/bookworm\/Release$/), 2);
	t.true(asked(/APT\S* .* GET .*\/dists\/bookworm\/InRelease$/) >= 6, proxy.asked.join('\n'));
});
