import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { readTree, replaceTree, sorted, type Tree, writeTree } from '../../src/base/tree.ts';
import { temporaryFolder } from '../support/folders.ts';

const tree: Tree = [
	{ path: 'README', mode: 0o644, text: 'hello\n' },
	{ path: 'etc/secret', mode: 0o600, text: '' },
	{ path: 'etc/steps.d/10-host', mode: 0o755, text: '#!/bin/bash\n' },
];

test('a tree that was written is read back the same, modes and all', async (t) => {
	const folder = await temporaryFolder();
	await writeTree(folder, tree);
	t.deepEqual(await readTree(folder), tree);
});

test('modes are those of the tree whatever the umask and whatever was there', async (t) => {
	const folder = await temporaryFolder();
	await writeTree(folder, tree);
	await chmod(path.join(folder, 'etc/secret'), 0o666);
	await chmod(path.join(folder, 'README'), 0o600);
	await writeTree(folder, tree);
	t.deepEqual(await readTree(folder), tree);
});

test('writing a tree leaves other files alone; replacing it does not', async (t) => {
	const folder = path.join(await temporaryFolder(), 'tree');
	await writeTree(folder, tree);
	await writeFile(path.join(folder, 'etc/mine'), 'x');
	await writeTree(folder, tree);
	t.is(await readFile(path.join(folder, 'etc/mine'), 'utf8'), 'x');
	await replaceTree(folder, tree);
	t.deepEqual(await readTree(folder), tree);
	await t.throwsAsync(stat(path.join(folder, 'etc/mine')));
});

test('a tree may be put where nothing was', async (t) => {
	const folder = path.join(await temporaryFolder(), 'a/b/c');
	await replaceTree(folder, tree);
	t.deepEqual(await readTree(folder), tree);
});

test('only regular files are part of a tree', async (t) => {
	const folder = await temporaryFolder();
	await writeTree(folder, tree);
	await symlink('README', path.join(folder, 'link'));
	t.deepEqual(await readTree(folder), tree);
});

test('equal input is equal output, in whatever order it came', (t) => {
	const files = fc
		.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1 })
		.map((paths) => paths.map((name) => ({ path: name, mode: 0o644, text: name })));
	fc.assert(
		fc.property(files, (list) => {
			t.deepEqual(sorted([...list].reverse()), sorted(list));
			const paths = sorted(list).map((file) => file.path);
			t.deepEqual(paths, [...paths].sort());
		}),
	);
	t.pass();
});
