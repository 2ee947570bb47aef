// kimg inspect, verify and diff on small disk images that are really mounted: this needs root.
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { lockText } from '../../src/image/spec/lock.ts';
import { temporaryFolder } from '../support/folders.ts';
import { lock, nodeDisk } from '../support/node-disk.ts';
import { type HowToRun, output, runSource, systemPath, tool } from '../support/processes.ts';

const megabyte = 2 ** 20;
const size = 24 * megabyte;

/** A qcow2 with one partition and a small node's disk on it, and its lock beside it. */
async function image(
	name: string,
	changes: Readonly<Record<string, string | undefined>> = {},
): Promise<string> {
	const folder = await temporaryFolder();
	const raw = path.join(folder, `${name}.raw`);
	await writeFile(raw, '');
	await output(tool('truncate', 'coreutils'), ['--size', String(size), raw]);
	await output(tool('sfdisk', 'fdisk'), ['--quiet', raw], { input: 'start=2048, type=83\n' });
	await output(tool('mkfs.ext4', 'e2fsprogs'), [
		...['-q', '-d', (await nodeDisk(changes)).folder, '-E', `offset=${megabyte}`, raw],
		`${(size - megabyte) / 1024}k`,
	]);
	const file = path.join(folder, `${name}.qcow2`);
	await output(tool('qemu-img', 'qemu-utils'), ['convert', '-O', 'qcow2', raw, file]);
	await writeFile(path.join(folder, `${name}.lock.json`), lockText(lock));
	return file;
}

/** `kimg` with a cache of its own. */
async function cached() {
	const cache = await temporaryFolder();
	return {
		cache,
		kimg: (args: readonly string[], how: HowToRun = {}) =>
			runSource('src/kimg.ts', args, { ...how, env: { ...how.env, KSTACK_CACHE: cache } }),
	};
}

/** Mounts and loop devices of a cache, and what lies in its work folder. */
async function left(cache: string): Promise<string[]> {
	const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
	const loops = (await output('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'])).split('\n');
	const work = await readdir(path.join(cache, 'work'));
	return [
		...mounts.filter((line) => line.includes(cache)),
		...loops.filter((line) => line.includes(cache)),
		...work,
	];
}

const isClean = async (t: ExecutionContext, cache: string) => t.deepEqual(await left(cache), []);

test('kimg verify passes an image that matches its lock, and changes neither the image nor this machine', async (t) => {
	const file = await image('good');
	const before = await readFile(file);
	const { cache, kimg } = await cached();
	const ended = await kimg(['verify', file]);
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	t.is(ended.stderr, 'Unpacking good.qcow2\n');
	t.regex(
		ended.stdout,
		/good\.qcow2 passed .*\(component files: 1, packages: 2, lock: .*good\.lock\.json\)\.\n$/,
	);
	t.true(before.equals(await readFile(file)));
	await isClean(t, cache);
});

test('kimg verify fails for an image with one changed program, and prints its path', async (t) => {
	const file = await image('tampered', { '/usr/local/bin/kubelet': 'a kubelet?' });
	const { cache, kimg } = await cached();
	const ended = await kimg(['verify', file]);
	t.is(ended.code, 1, ended.stderr);
	t.regex(
		ended.stdout,
		/failed .*:\n {2}- \/usr\/local\/bin\/kubelet: differs from the file of kubernetes 1\.20\.2: [^\n]*\n$/,
	);
	const listed = JSON.parse((await kimg(['verify', file, '-o', 'json'])).stdout) as {
		findings: { about: string }[];
	};
	t.deepEqual(
		listed.findings.map(({ about }) => about),
		['/usr/local/bin/kubelet'],
	);
	await isClean(t, cache);
});

test('kimg inspect prints the same for an image as qcow2 and as a raw disk', async (t) => {
	const file = await image('x');
	const { cache, kimg } = await cached();
	const ofQcow = JSON.parse((await kimg(['inspect', file, '-o', 'json'])).stdout);
	const ofRaw = JSON.parse((await kimg(['inspect', file.replace('qcow2', 'raw'), '-o', 'json'])).stdout);
	t.is(ofQcow.size.disk, size);
	t.is(ofQcow.format, 'qcow2');
	t.is(ofRaw.format, 'raw');
	t.true(ofQcow.size.used > 0 && ofQcow.size.used < size);
	t.is(ofQcow.profile, 'debian12-x64-kubernetes');
	t.deepEqual(ofRaw.packages, ofQcow.packages);
	const bill = JSON.parse((await kimg(['inspect', file, '-o', 'sbom'])).stdout);
	t.is(bill.bomFormat, 'CycloneDX');
	await isClean(t, cache);
});

test('the exit code of kimg diff tells whether two images have the same content', async (t) => {
	const [a, same, b] = [
		await image('a'),
		await image('same'),
		await image('b', { '/usr/local/bin/kubelet': 'another kubelet', '/etc/new': 'x' }),
	];
	const { cache, kimg } = await cached();
	const equal = await kimg(['diff', a, same]);
	t.is(equal.code, 0, equal.stderr + equal.stdout);
	t.is(equal.stdout, 'The images have the same content.\n');
	const ended = await kimg(['diff', a, b]);
	t.is(ended.code, 3, ended.stderr);
	t.regex(ended.stdout, /^\/etc\/new +added +1 +\+1\n\/usr\/local\/bin\/kubelet +content +15 +\+6$/m);
	await isClean(t, cache);
});

/** A folder with a `mount` that mounts, and then sends the program that has called it a signal. */
async function mountAnd(signal: string): Promise<string> {
	const folder = await temporaryFolder();
	const program = path.join(folder, 'mount');
	await writeFile(program, `#!/bin/bash\n${tool('mount', 'mount')} "$@"\nkill -s ${signal} $PPID\nsleep 1\n`);
	await chmod(program, 0o755);
	return folder;
}

for (const [signal, code] of [
	['INT', 130],
	['TERM', 143],
] as const) {
	test(`SIG${signal} while an image is mounted: it is unmounted, and no files are left`, async (t) => {
		const file = await image('x');
		const { cache, kimg } = await cached();
		const env = { PATH: `${await mountAnd(signal)}:${systemPath}` };
		const ended = await kimg(['verify', file], { env });
		t.is(ended.code, code, ended.stderr);
		t.is(ended.stdout, '');
		await isClean(t, cache);
	});
}

test('the next kimg removes the mounts of a killed one', async (t) => {
	const file = await image('x');
	const { cache, kimg } = await cached();
	await kimg(['verify', file], { env: { PATH: `${await mountAnd('KILL')}:${systemPath}` } });
	t.not((await left(cache)).length, 0);
	t.is((await kimg(['verify', file])).code, 0);
	await isClean(t, cache);
});

test('a file that is not an image is refused with one message', async (t) => {
	const folder = await temporaryFolder();
	const { cache, kimg } = await cached();
	const text = path.join(folder, 'text');
	await writeFile(text, 'not a disk\n'.repeat(1000));
	const cut = path.join(folder, 'cut.qcow2');
	await writeFile(cut, (await readFile(await image('x'))).subarray(0, 30));
	for (const [args, sentence] of [
		[['inspect', `${folder}/nowhere`], /^kimg: .*nowhere\.\n {2}.*kimg build\n$/],
		[['verify', text], /^kimg: .*text is not a .*disk.*\n$/],
		[['inspect', folder], /^kimg: .* cannot be read as a disk image: /],
		[['inspect', cut], /^(Unpacking cut\.qcow2\n)?kimg: .*cut\.qcow2 /],
		[['verify', text, '--lock', text], /^kimg: .*text cannot be read as a lock: /],
		[['verify', text, '--lock', `${folder}/none`], /^kimg: .*none cannot be read as a lock: /],
	] as const) {
		const ended = await kimg(args);
		t.is(ended.code, 2, ended.stderr);
		t.regex(ended.stderr, sentence);
		t.is(ended.stdout, '');
	}
	await isClean(t, cache);
});
