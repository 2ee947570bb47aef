import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, runToEnd, tool } from '../support/processes.ts';

const withPrograms = path.join(packageRoot, 'scripts/with-programs');

/** A folder with one fake program of this name. */
async function folderWith(name: string): Promise<string> {
	const folder = await temporaryFolder();
	await writeFile(path.join(folder, name), '#!/bin/sh\necho "fake $*"\n', { mode: 0o755 });
	return folder;
}

test('with-programs replaces a program of the system for its command only', async (t) => {
	tool('unshare', 'util-linux');
	const folder = await folderWith('tac');
	t.is(await output(withPrograms, [folder, 'sh', '-c', '/usr/bin/tac a b']), 'fake a b\n');
	t.is(await output('/usr/bin/tac', [], { input: '1\n2\n' }), '2\n1\n');
	t.is((await runToEnd(withPrograms, [folder, 'sh', '-c', 'exit 7'])).code, 7);
});

test('with-programs reports an error and does not run the command', async (t) => {
	const unknown = await runToEnd(withPrograms, [await folderWith('no-such-program'), 'echo', 'ran']);
	t.deepEqual([unknown.code, unknown.stdout], [1, '']);
	t.regex(unknown.stderr, /no-such-program: not found/);
	t.is((await runToEnd(withPrograms, ['/nonexistent', 'echo', 'ran'])).code, 2);
});

test('with-programs passes shellcheck', async (t) => {
	t.is(await output(tool('shellcheck', 'shellcheck'), ['-S', 'style', withPrograms]), '');
});
