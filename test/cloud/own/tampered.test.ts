import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { cacheFolder } from '../../../src/image/workspace/work-folder.ts';
import { attempt, root, succeed, withFolder } from '../cloud.ts';

/** The image of the quick start; its lock is in the same folder. */
async function built(): Promise<string> {
	const folder = path.join(cacheFolder(), 'images');
	const name = (await readdir(folder)).find((file) => /^debian12-x64-kubernetes-\w+\.qcow2$/.test(file));
	return path.join(folder, name as string);
}

const kimg = (...args: string[]) => attempt('kimg', args);

test.serial('the built image passes all checks of kimg verify', async (t) => {
	const { code, stdout, stderr } = await kimg('verify', await built());
	t.is(code, 0, stdout + stderr);
	t.regex(stdout, /passed all checks/);
});

test.serial('verify and diff find one changed program and print its path', async (t) => {
	const original = await built();
	await withFolder(async (folder) => {
		const [changed, program] = [path.join(folder, 'changed.raw'), path.join(folder, 'kubelet')];
		await writeFile(program, '#!/bin/sh\nexec evil\n', { mode: 0o755 });
		await succeed(path.join(root, 'test/cloud/replace-in-image'), [
			original,
			changed,
			'/usr/local/bin/kubelet',
			program,
		]);
		const lock = original.replace(/\.qcow2$/, '.lock.json');
		const verified = await kimg('verify', changed, '--lock', lock);
		t.is(verified.code, 1);
		const [, finding, ...more] = verified.stdout.trim().split('\n');
		t.regex(
			finding ?? '',
			/^ {2}- \/usr\/local\/bin\/kubelet: differs from the file of kubernetes 1\.20\.2: /,
		);
		t.deepEqual(more, []);
		const compared = await kimg('diff', original, changed);
		t.is(compared.code, 3);
		t.regex(compared.stdout, /^\/usr\/local\/bin\/kubelet +content/m);
	});
});
