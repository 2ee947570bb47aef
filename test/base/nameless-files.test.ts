import { readdir, readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { NamelessFiles, withNamelessFiles } from '../../src/base/nameless-files.ts';
import { run } from '../../src/base/run.ts';

test('a child process reads each file by its path, from the beginning and again', async (t) => {
	const said = await withNamelessFiles(async (files) => {
		const [one, two] = [await files.add('one\n'), await files.add('two\n')];
		return run('bash', ['-c', `cat ${two} ${one} ${two}`], { files: files.descriptors });
	});
	t.is(said, 'two\none\ntwo');
});

test.serial('no file with the text is left that a killed process could leave behind', async (t) => {
	const files = new NamelessFiles();
	await files.add('a secret');
	const [descriptor] = files.descriptors;
	t.is(await readFile(`/proc/self/fd/${descriptor}`, 'utf8'), 'a secret');
	const place = await readlink(`/proc/self/fd/${descriptor}`);
	t.regex(place, / \(deleted\)$/);
	t.false((await readdir(tmpdir())).includes(path.basename(path.dirname(place))));
	await files.close();
	await t.throwsAsync(readlink(`/proc/self/fd/${descriptor}`));
});
