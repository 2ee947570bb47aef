import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { rootOffset } from '../../src/image/disk/disk.ts';
import { DiskFiles } from '../../src/image/disk/disk-files.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, tool } from '../support/processes.ts';

/** A node's disk, and beside it a file of this machine that it must never reach. */
async function disk(links: Readonly<Record<string, string>>) {
	const folder = await temporaryFolder();
	const root = path.join(folder, 'root');
	await mkdir(path.join(root, 'usr/bin'), { recursive: true });
	await writeFile(path.join(folder, 'secret'), "this machine's");
	await writeFile(path.join(root, 'secret'), "the node's");
	await writeFile(path.join(root, 'usr/bin/program'), 'a program');
	for (const [link, target] of Object.entries(links)) await symlink(target, path.join(root, link));
	return { folder, root, files: new DiskFiles(root) };
}

test('links are resolved as on the node, and never leave its disk', async (t) => {
	const { folder, files } = await disk({
		bin: 'usr/bin',
		sbin: '/usr/bin',
		up: '../secret',
		'usr/up': '../../../../secret',
		'usr/bin/absolute': '/secret',
		round: 'round',
	});
	for (const file of ['/bin/program', '/sbin/program']) t.is(await files.text(file), 'a program', file);
	for (const file of ['/up', '/usr/up', '/bin/absolute', '/../secret', '/bin/../../../secret']) {
		t.is(await files.text(file), "the node's", file);
	}
	const out = await disk({ host: path.join(folder, 'secret') });
	t.is(await out.files.text('/host'), undefined);
	t.is(await files.text('/round'), undefined);
	t.is(await files.text('/nowhere'), undefined);
	t.is(await files.text('/secret/below'), undefined);
});

test('only regular files have content; a pipe does not block', async (t) => {
	const { root, files } = await disk({});
	await output(tool('mkfifo', 'coreutils'), [path.join(root, 'pipe')]);
	t.is(await files.text('/pipe'), undefined);
	t.is(await files.text('/usr'), undefined);
	t.deepEqual(await files.below('/'), ['/secret', '/usr/bin/program']);
});

test('a pattern matches names; without a star, exactly that name', async (t) => {
	const { root, files } = await disk({});
	for (const name of ['a.deb', 'b.deb', 'b.debs']) await writeFile(path.join(root, name), '');
	t.deepEqual(await files.matching('/*.deb'), ['/a.deb', '/b.deb']);
	t.deepEqual(await files.matching('/b.*'), ['/b.deb', '/b.debs']);
	t.deepEqual(await files.matching('/b.deb'), ['/b.deb']);
	t.deepEqual(await files.matching('/nowhere/*'), []);
});

test('the root file system is in the largest partition', (t) => {
	const partitions = [
		{ start: 2048, size: 1000 },
		{ start: 4096, size: 9000 },
		{ start: 16384, size: 500 },
	];
	t.is(rootOffset({ partitions }), 4096 * 512);
	t.is(rootOffset({ partitions, sectorsize: 4096 }), 4096 * 4096);
	t.is(rootOffset({}), undefined);
});
