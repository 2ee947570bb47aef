import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readArchive } from '../../src/image/fetch/image-archive.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output } from '../support/processes.ts';
import { madeImage } from '../support/registry.ts';

const wrong = async (t: import('ava').ExecutionContext, file: string, why: RegExp) => {
	const error = await t.throwsAsync(readArchive(file));
	t.true(error?.message.startsWith(file));
	t.regex(error?.message ?? '', why);
};

test('the names and digests of images are read from an archive', async (t) => {
	const [image, ...others] = await readArchive(await madeImage('example.org/hello:1', 'hello'));
	t.deepEqual(others, []);
	t.deepEqual(image?.references, ['example.org/hello:1']);
	t.regex(image?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
});

test('archives of `docker save` are read; short names are expanded', async (t) => {
	const folder = await temporaryFolder();
	const saved = [{ Config: 'c.json', RepoTags: ['tool:1'], Layers: ['l/layer.tar'] }];
	await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(saved));
	await writeFile(path.join(folder, 'c.json'), '{}');
	const file = path.join(folder, 'saved.tar');
	await output('tar', ['--create', `--file=${file}`, `--directory=${folder}`, 'manifest.json', 'c.json']);
	await wrong(t, file, /l\/layer\.tar is missing/);
	await output('install', ['-D', path.join(folder, 'c.json'), path.join(folder, 'l/layer.tar')]);
	await output('tar', ['--append', `--file=${file}`, `--directory=${folder}`, 'l/layer.tar']);
	t.deepEqual(await readArchive(file), [{ references: ['docker.io/library/tool:1'] }]);
});

test('a damaged, truncated or other file is refused', async (t) => {
	const file = await madeImage('example.org/hello:1', 'hello, hello, hello');
	const whole = await readFile(file);
	const damaged = Buffer.from(whole);
	damaged.write('HELLO', whole.indexOf('hello, hello'));
	await writeFile(file, damaged);
	await wrong(t, file, /sha256:[0-9a-f]{64} is incomplete/);
	await writeFile(file, whole.subarray(0, whole.length / 2));
	await wrong(t, file, /./);
	await writeFile(file, 'no archive');
	await wrong(t, file, /./);
	await wrong(t, '/nowhere.tar', /ENOENT/);
});
