// Which files kimg upload takes for images, judged on real ones.
import { randomBytes } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { checkImage } from '../../src/image/glance/check.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, tool } from '../support/processes.ts';

const qemuImg = (...words: string[]) => output(tool('qemu-img', 'qemu-utils'), words);

/** A folder with disk.raw, and the same as disk.qcow2. */
async function disks(...options: string[]): Promise<(name: string) => string> {
	const folder = await temporaryFolder();
	const file = (name: string) => path.join(folder, name);
	await writeFile(file('disk.raw'), randomBytes(1 << 20));
	await qemuImg('convert', '-O', 'qcow2', ...options, file('disk.raw'), file('disk.qcow2'));
	return file;
}

async function check(file: string): Promise<number> {
	const content = await open(file);
	try {
		return await checkImage(file, content);
	} finally {
		await content.close();
	}
}

for (const options of [[], ['-c']]) {
	test(`a whole qcow2 image is taken${options.length > 0 ? ', compressed too' : ''}`, async (t) => {
		const file = await disks(...options);
		t.is(await check(file('disk.qcow2')), 1 << 20);
	});

	for (const part of [0.2, 0.6, 0.95]) {
		test(`${part * 100} % of an image is refused ${options}`, async (t) => {
			const file = await disks(...options);
			const whole = await readFile(file('disk.qcow2'));
			await writeFile(file('part.qcow2'), whole.subarray(0, whole.length * part));
			const error = await t.throwsAsync<UserError>(check(file('part.qcow2')));
			t.deepEqual([error?.exitCode, error?.code], [2, 'not-a-node-image']);
			t.true(error?.message.includes(file('part.qcow2')));
		});
	}
}

test('other formats are refused, with the command that converts them', async (t) => {
	const file = await disks();
	for (const format of ['vmdk', 'vdi', 'raw']) {
		const other = file(`other.${format}`);
		await qemuImg('convert', '-O', format, file('disk.raw'), other);
		const error = await t.throwsAsync<UserError>(check(other));
		t.deepEqual([error?.exitCode, error?.code], [2, 'not-a-node-image']);
		t.true(error?.hint?.includes(`qemu-img convert -O qcow2 ${other}`));
	}
});

test('an image with a backing file is refused, and the backing file is named', async (t) => {
	const file = await disks();
	await qemuImg('create', '-f', 'qcow2', '-b', file('disk.qcow2'), '-F', 'qcow2', file('over.qcow2'));
	t.true((await t.throwsAsync<UserError>(check(file('over.qcow2'))))?.message.includes(file('disk.qcow2')));
	const options = `data_file=${file('data')},data_file_raw=on`;
	await qemuImg('create', '-f', 'qcow2', '-o', options, file('outside.qcow2'), '1M');
	t.true((await t.throwsAsync<UserError>(check(file('outside.qcow2'))))?.message.includes(file('data')));
});

test('a file with only the magic of an image is refused', async (t) => {
	const file = await disks();
	await writeFile(file('fake.qcow2'), Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), randomBytes(4096)]));
	t.is((await t.throwsAsync<UserError>(check(file('fake.qcow2'))))?.code, 'not-a-node-image');
});
