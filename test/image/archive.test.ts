import { chmod, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type Header, type Pack, pack } from 'tar-stream';
import { readTree, type Tree, writeTree } from '../../src/base/tree.ts';
import { format, readFrom, unpackArchive } from '../../src/image/bundle/archive.ts';
import { filesToPack, writeArchive } from '../../src/image/bundle/pack.ts';
import { digestOfText } from '../../src/image/spec/lock.ts';
import { temporaryFolder } from '../support/folders.ts';

/** Packs a tree as it lies below a folder of its own. */
async function packed(tree: Tree, order: (files: readonly string[]) => string[]): Promise<string> {
	const folder = await temporaryFolder();
	await writeTree(path.join(folder, 'elements'), tree);
	const files = await filesToPack(path.join(folder, 'elements'), 'elements');
	const names = order(files.map(({ name }) => name));
	const out = path.join(await temporaryFolder(), 'bundle.tar');
	await writeArchive(
		out,
		names.map((name) => files.find((file) => file.name === name) as (typeof files)[number]),
	);
	return out;
}

const word = fc.stringMatching(/^[a-z0-9._ é-]{1,12}$/).filter((name) => !['.', '..'].includes(name));
const trees = fc
	.uniqueArray(
		fc.record({
			path: fc.array(word, { minLength: 1, maxLength: 14 }).map((parts) => `d/${parts.join('/')}/f`),
			mode: fc.constantFrom(0o644, 0o755),
			text: fc.string({ maxLength: 2000 }),
		}),
		{ minLength: 1, maxLength: 5, selector: (file) => file.path },
	)
	.filter((files) => !files.some((a) => files.some((b) => b.path.startsWith(`${a.path}/`))));

test('a bundle of the same files has the same bytes, in any order and folder, and unpacks to these files', async (t) => {
	await fc.assert(
		fc.asyncProperty(trees, async (files) => {
			const [one, other] = [
				await packed(files, (names) => [...names].sort()),
				await packed(files, (names) => [...names].sort().reverse()),
			];
			t.true((await readFile(one)).equals(await readFile(other)));
			const folder = await temporaryFolder();
			await unpackArchive(one, folder);
			const unpacked = await readTree(path.join(folder, 'elements'));
			const before = path.join(await temporaryFolder(), 'before');
			await writeTree(before, files);
			t.deepEqual(unpacked, await readTree(before));
		}),
		{ numRuns: 8 },
	);
});

const hello = { 'plan.json': '{"hello": 1}', 'binaries/kubelet': 'kubelet' };
type Entry = Partial<Header> & { readonly text?: string };

async function finished(archive: Pack): Promise<string> {
	archive.finalize();
	const file = path.join(await temporaryFolder(), 'bundle.tar');
	await writeFile(file, archive as AsyncIterable<Uint8Array>);
	return file;
}

/** An archive of any entries, with a head that names these files. */
async function written(entries: readonly Entry[], files: Readonly<Record<string, string>> = hello) {
	const archive = pack();
	const sums = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, digestOfText(text)]));
	archive.entry({ name: 'bundle.json' }, JSON.stringify({ format, files: sums }));
	for (const { text = '', ...header } of entries) archive.entry({ name: 'x', ...header }, text);
	return finished(archive);
}

const whole: Entry[] = Object.entries(hello).map(([name, text]) => ({ name, text }));

test('a complete bundle is unpacked, with empty folders', async (t) => {
	const folder = await temporaryFolder();
	const file = await written(whole);
	await unpackArchive(file, folder);
	t.deepEqual((await readdir(folder)).sort(), [
		...['archives', 'binaries', 'components', 'elements', 'plan.json'],
	]);
	t.is(await readFrom(file, 'plan.json'), hello['plan.json']);
});

const refused = test.macro({
	title: (_, what: string, ..._rest) => `refused: ${what}`,
	async exec(t: ExecutionContext, _what: string, make: () => Promise<string>, why: RegExp) {
		const folder = path.join(await temporaryFolder(), 'a', 'b');
		await mkdir(folder, { recursive: true });
		const file = await make();
		const error = await t.throwsAsync(unpackArchive(file, folder), { name: 'UserError' });
		t.true(error?.message.startsWith(file), error?.message);
		t.regex(error?.message ?? '', why);
		t.deepEqual(await readdir(path.dirname(folder)), ['b'], 'nothing outside');
	},
});

/** A file of these bytes. */
async function fileOf(content: string | Buffer): Promise<string> {
	const file = path.join(await temporaryFolder(), 'bundle.tar');
	await writeFile(file, content);
	return file;
}

async function shortened(by: number): Promise<string> {
	const file = await written(whole);
	await truncate(file, (await readFile(file)).length - by);
	return file;
}

test(refused, 'an empty file', () => fileOf(''), /it is empty\./);
test(refused, 'a text', () => fileOf('hello '.repeat(500)), /Invalid tar header/);
test(refused, 'one cut within a file', () => shortened(1024 + 400), /Unexpected end of data/);
test(refused, 'one cut between files', () => shortened(1024 + 1024), /binaries\/kubelet is missing in it/);
test(
	refused,
	'another tar',
	async () => {
		const archive = pack();
		archive.entry({ name: 'README' }, 'hello');
		return finished(archive);
	},
	/it does not begin with a bundle\.json/,
);
test(
	refused,
	'a changed file',
	() => written([whole[0] as Entry, { name: 'binaries/kubelet', text: 'kubelex' }]),
	/the checksum of binaries\/kubelet in it is wrong: expected sha256:.*, got sha256:/,
);
test(
	refused,
	'a file too much',
	() => written([...whole, { name: 'binaries/more' }]),
	/which its bundle\.json does not list/,
);
test(refused, 'a file twice', () => written([...whole, whole[1] as Entry]), /"binaries\/kubelet" twice/);
for (const type of ['symlink', 'link', 'character-device', 'directory', 'fifo'] as const) {
	const entry: Entry = { name: 'binaries/kubelet', type, linkname: '/etc/passwd' };
	test(refused, `a ${type}`, () => written([whole[0] as Entry, entry]), new RegExp(`is a ${type}`));
}
for (const name of ['../kubelet', '/etc/kubelet', 'elements/../../kubelet', 'elements//a', 'etc/kubelet']) {
	const entries = [{ name, text: 'kubelet' }];
	test(
		refused,
		`the name ${name}`,
		() => written(entries, { [name]: 'kubelet' }),
		/which cannot be part of a bundle/,
	);
}
test(
	refused,
	'a file that is a folder, too',
	() => written([{ name: 'elements/a' }, { name: 'elements/a/b' }], { 'elements/a': '', 'elements/a/b': '' }),
	/ENOTDIR|EEXIST/,
);
test(
	refused,
	'another form',
	async () => {
		const archive = pack();
		archive.entry({ name: 'bundle.json' }, '{"format": 99, "files": {}}');
		return finished(archive);
	},
	/its format is 99; this kimg supports 1/,
);

test('only files and folders can be packed', async (t) => {
	const folder = await temporaryFolder();
	await symlink('/etc/passwd', path.join(folder, 'link'));
	await t.throwsAsync(filesToPack(folder, 'components'), { message: /link is neither a file nor a folder/ });
	t.deepEqual(await filesToPack(path.join(folder, 'none'), 'components'), []);
});

test('a bundle that cannot be written leaves no file', async (t) => {
	const folder = await temporaryFolder();
	const gone = { file: path.join(folder, 'gone'), name: 'elements/gone' };
	const there = { file: path.join(folder, 'there'), name: 'elements/there' };
	await writeFile(there.file, 'there');
	await chmod(there.file, 0o755);
	await t.throwsAsync(writeArchive(path.join(folder, 'out.tar'), [there, gone]));
	await t.throwsAsync(writeArchive(path.join(folder, 'none', 'out.tar'), [there]), { name: 'UserError' });
	t.deepEqual(await readdir(folder), ['there']);
});
