// Folders and files that commands write: nothing that they did not write themselves is lost.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { requireWritablePath, writeGenerated } from '../../src/base/output.ts';
import { readTree, type Tree } from '../../src/base/tree.ts';
import { temporaryFolder } from '../support/folders.ts';

const tree = (...names: string[]): Tree =>
	names.map((name) => ({ path: name, mode: 0o644, text: `${name}\n` }));

const namesIn = async (folder: string) =>
	(await readTree(folder)).map((file) => file.path).filter((name) => name !== '.generated');

/** Refused with exit code 2, and the folder is as it was. */
async function refuses(t: ExecutionContext, folder: string, write: Promise<void>, keeps: readonly string[]) {
	const error = await t.throwsAsync<UserError>(write);
	t.deepEqual([error?.exitCode, error?.code], [2, 'output-not-ours']);
	t.deepEqual(await namesIn(folder), keeps);
}

test('a folder that is missing or empty is written', async (t) => {
	const folder = await temporaryFolder();
	await writeGenerated(folder, tree('build', 'elements/a/b'));
	await writeGenerated(path.join(folder, 'new/er'), tree('build'));
	t.deepEqual(await namesIn(path.join(folder, 'new/er')), ['build']);
});

test('a folder that was written before has the new tree alone', async (t) => {
	const folder = await temporaryFolder();
	await writeGenerated(folder, tree('build', 'elements/old/file', 'kept'));
	await writeGenerated(folder, tree('build', 'kept'));
	t.deepEqual(await namesIn(folder), ['build', 'kept']);
	await t.throwsAsync(readTree(path.join(folder, 'elements')));
});

for (const name of ['notes.txt', '.git/config', 'build'])
	test(`a folder with a file ${name} of somebody else is refused`, async (t) => {
		const folder = await temporaryFolder();
		await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
		await writeFile(path.join(folder, name), 'mine');
		await refuses(t, folder, writeGenerated(folder, tree('build')), [name]);
		t.is(await readFile(path.join(folder, name), 'utf8'), 'mine');
	});

test("somebody's files in a generated folder stay, and none of them is overwritten", async (t) => {
	const folder = await temporaryFolder();
	await writeGenerated(folder, tree('build', 'elements/a'));
	await writeFile(path.join(folder, 'elements/mine'), 'mine');
	await writeGenerated(folder, tree('build'));
	t.deepEqual(await namesIn(folder), ['build', 'elements/mine']);
	await refuses(t, folder, writeGenerated(folder, tree('build', 'elements/mine')), [
		'build',
		'elements/mine',
	]);
});

test('a list of generated files leads nowhere out of the folder', async (t) => {
	const root = await temporaryFolder();
	const folder = path.join(root, 'out');
	await mkdir(path.join(root, 'away'), { recursive: true });
	for (const name of ['away/file', 'beside']) await writeFile(path.join(root, name), 'mine');
	await writeGenerated(folder, tree('build'));
	await symlink(path.join(root, 'away'), path.join(folder, 'link'));
	const list = ['../beside', path.join(root, 'beside'), 'a/../../beside', 'link/file', 'build', ''];
	await writeFile(path.join(folder, '.generated'), list.join('\n'));
	await writeGenerated(folder, tree('build'));
	t.is(await readFile(path.join(root, 'away/file'), 'utf8'), 'mine');
	t.is(await readFile(path.join(root, 'beside'), 'utf8'), 'mine');
});

test('a file is not written over a folder, nor below a file', async (t) => {
	const folder = await temporaryFolder();
	await writeFile(path.join(folder, 'file'), '');
	t.is((await t.throwsAsync<UserError>(requireWritablePath(folder)))?.exitCode, 2);
	t.is(
		(await t.throwsAsync<UserError>(requireWritablePath(path.join(folder, 'file/image.qcow2'))))?.exitCode,
		2,
	);
	t.is((await t.throwsAsync<UserError>(writeGenerated(path.join(folder, 'file'), tree('a'))))?.exitCode, 2);
	await t.notThrowsAsync(requireWritablePath(path.join(folder, 'file')));
	await t.notThrowsAsync(requireWritablePath(path.join(folder, 'new/image.qcow2')));
});
