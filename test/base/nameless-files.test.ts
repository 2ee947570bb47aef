import { readdir, readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { NamelessFiles, withNamelessFiles, writeAll } from '../../src/base/nameless-files.ts';
import { run } from '../../src/base/run.ts';

test('a child process reads each file by its path, from the beginning and again', async (t) => {
	const said = await withNamelessFiles(async (files) => {
		const [one, two] = [await files.add('one\n'), await files.add('two\n')];
		return run('bash', ['-c', `cat ${two} ${one} ${two}`], { files: files.descriptors });
	});
	t.is(said, 'two\none\ntwo');
});

test('a text is written whole where one write is short, and a full disk is an error', async (t) => {
	const written: Buffer[] = [];
	const short = {
		write: async (bytes: Uint8Array, from: number, length: number, at: number) => {
			t.is(from, at);
			const bytesWritten = Math.min(3, length);
			written.push(Buffer.from(bytes.slice(from, from + bytesWritten)));
			return { bytesWritten, buffer: bytes };
		},
	};
	await writeAll(short as never, Buffer.from('ten bytes.'));
	t.is(Buffer.concat(written).toString(), 'ten bytes.');
	const full = {
		write: async () => {
			throw new Error('ENOSPC');
		},
	};
	await t.throwsAsync(writeAll(full as never, Buffer.from('x')), { message: 'ENOSPC' });
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
