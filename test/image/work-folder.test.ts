import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import {
	createWorkFolder,
	lockOutput,
	removeAbandonedWorkFolders,
} from '../../src/image/workspace/work-folder.ts';
import { temporaryFolder } from '../support/folders.ts';

test('a locked output file is refused to a second build, also by another path', async (t) => {
	const folder = await temporaryFolder();
	const link = path.join(await temporaryFolder(), 'link');
	await symlink(folder, link);
	await lockOutput(path.join(folder, 'new/node'));
	await t.notThrowsAsync(lockOutput(path.join(folder, 'new/other')));
	const error = await t.throwsAsync<UserError>(lockOutput(path.join(link, 'new/node')));
	t.is(error?.exitCode, 2);
	t.true(error?.message.includes(`${folder}/new/node`), error?.message);
	t.regex(error?.hint ?? '', /--out/);
});

test('work folders of ended builds are removed with their processes, also by several builds at once', async (t) => {
	const cache = await temporaryFolder();
	const own = await createWorkFolder(cache);
	for (const name of ['999999999-1', '1-0'])
		await mkdir(path.join(cache, 'work', name, 'deep'), { recursive: true });
	const survivor = spawn('sleep', ['1000'], { cwd: path.join(cache, 'work/999999999-1/deep') });
	const ended = once(survivor, 'exit');
	await Promise.all([removeAbandonedWorkFolders(cache), removeAbandonedWorkFolders(cache)]);
	t.deepEqual(await ended, [null, 'SIGKILL']);
	t.deepEqual(await readdir(path.join(cache, 'work')), [path.basename(own)]);
});
