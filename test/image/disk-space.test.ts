// What a build checks and says of full disks, on small ones that are really mounted: this needs root.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BuildLog } from '../../src/image/build/build-log.ts';
import { explainFailure } from '../../src/image/build/failure.ts';
import { fullestFolder, insufficientSpace } from '../../src/image/workspace/disk-space.ts';
import { publish } from '../../src/image/workspace/publish.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output } from '../support/processes.ts';

const isRoot = process.getuid?.() === 0;

/** A file system of 512 KB, until the test's end; `undefined` for those who may not mount. */
async function smallDisk(t: ExecutionContext): Promise<string | undefined> {
	if (!isRoot) {
		t.log('skipped: a small file system to fill can be mounted by root alone');
		t.pass();
		return undefined;
	}
	const small = path.join(await temporaryFolder(), 'a small disk');
	await mkdir(small);
	await output('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', small]);
	t.teardown(() => output('umount', [small]));
	return small;
}

test('free space is checked where folders will be created, once per disk', async (t) => {
	const small = await smallDisk(t);
	if (small === undefined) return;
	const [one, other] = [path.join(small, 'one/below'), path.join(small, 'other')];
	t.deepEqual(await insufficientSpace({ [one]: 300_000 }), []);
	t.deepEqual(await insufficientSpace({ [one]: 300_000, [other]: 300_000 }), [
		`${one} and ${other} are on one disk, which has 0.0 GB free; the build needs 0.0 GB.`,
	]);
	t.deepEqual(await readdir(small), []);
});

test('an error for a full disk names the disk, whichever program failed', async (t) => {
	const small = await smallDisk(t);
	if (small === undefined) return;
	const roomy = await temporaryFolder();
	const folders = [roomy, path.join(small, 'cache')];
	await mkdir(folders[1] as string);
	for (const line of [
		'tar: ./usr/lib/x: Cannot write: No space left on device',
		"E: You don't have enough free space in /x/var/cache/apt/archives/.",
	]) {
		const log = new BuildLog(path.join(roomy, 'x.log'), () => {}, folders);
		log.line(line);
		log.close();
		const explained = explainFailure('mine', new Error('exit 2'), log, folders) as Error;
		t.regex(explained.message, new RegExp(`^mine .* ${folders[1]} \\(0\\.0 GB free\\)\\.$`));
	}
	const log = new BuildLog(path.join(roomy, 'x.log'), () => {}, folders);
	const error = await t.throwsAsync(writeFile(path.join(small, 'x'), Buffer.alloc(1_000_000)));
	t.regex((explainFailure('mine', error, log, folders) as Error).message, / .*a small disk\/cache/);
	const bug = new Error('a bug');
	t.is(explainFailure('mine', bug, log, folders), bug);
	log.close();
});

test('a tmpfs that diskimage-builder uses counts as a disk', async (t) => {
	const small = await smallDisk(t);
	if (small === undefined) return;
	await writeFile(path.join(small, 'x'), Buffer.alloc(500_000));
	t.is(fullestFolder([path.dirname(small), '/']), `${small}, in memory (0.0 GB free)`);
});

test('an image that does not fit replaces no file and leaves none', async (t) => {
	const small = await smallDisk(t);
	if (small === undefined) return;
	const made = await temporaryFolder();
	await writeFile(path.join(made, 'image.json'), 'new');
	await writeFile(path.join(made, 'image'), Buffer.alloc(1_000_000));
	for (const name of ['x.json', 'x.qcow2']) await writeFile(path.join(small, name), 'older');
	const error = await t.throwsAsync(
		publish({
			[path.join(small, 'x.json')]: path.join(made, 'image.json'),
			[path.join(small, 'x.qcow2')]: path.join(made, 'image'),
		}),
	);
	t.is((error as NodeJS.ErrnoException).code, 'ENOSPC');
	t.deepEqual((await readdir(small)).sort(), ['x.json', 'x.qcow2']);
	for (const name of ['x.json', 'x.qcow2']) t.is(await readFile(path.join(small, name), 'utf8'), 'older');
});

test('a log that cannot be written is reported, and the build continues', async (t) => {
	const told: string[] = [];
	const log = new BuildLog('/proc/none/x.log', (line) => told.push(line), []);
	for (let tries = 0; told.length === 0 && tries < 500; tries++)
		await new Promise((resolve) => setTimeout(resolve, 10));
	log.line('goes on');
	log.close();
	t.regex(told[0] ?? '', /^Cannot write \/proc\/none\/x\.log; the build continues without a log: ENOENT/);
});

test('partial files of a killed process next to an image are removed by the next build', async (t) => {
	const folder = await temporaryFolder();
	for (const name of ['made', 'x.qcow2.999999999-1', 'x.qcow2.old', 'x.qcow2.1-0'])
		await writeFile(path.join(folder, name), name);
	await publish({ [path.join(folder, 'x.qcow2')]: path.join(folder, 'made') });
	t.deepEqual((await readdir(folder)).sort(), ['x.qcow2', 'x.qcow2.old']);
	t.is(await readFile(path.join(folder, 'x.qcow2'), 'utf8'), 'made');
});
