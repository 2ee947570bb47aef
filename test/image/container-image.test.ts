import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { extract } from 'tar-stream';
import { packImage } from '../../src/image/fetch/container-image.ts';
import { temporaryFolder } from '../support/folders.ts';

async function imageFolder(touched: Date): Promise<string> {
	const folder = await temporaryFolder();
	const root = path.join(folder, 'rootfs');
	await mkdir(path.join(root, 'bin'), { recursive: true });
	await writeFile(path.join(root, 'bin/hello'), 'hello\n');
	await chmod(path.join(root, 'bin/hello'), 0o755);
	await symlink('/bin/hello', path.join(root, 'sh'));
	await utimes(path.join(root, 'bin/hello'), touched, touched);
	await writeFile(
		path.join(folder, 'image.json'),
		JSON.stringify({ reference: 'example.org/hello:1', config: { Entrypoint: ['/bin/hello'] } }),
	);
	return folder;
}

async function membersOf(archive: string): Promise<Map<string, Buffer>> {
	const members = new Map<string, Buffer>();
	for await (const entry of createReadStream(archive).pipe(extract())) {
		members.set(entry.header.name, await buffer(entry));
	}
	return members;
}

test('an archive of the same files has the same bytes, whatever their times', async (t) => {
	const archives = [];
	for (const year of ['2001', '2020']) {
		const folder = await imageFolder(new Date(year));
		await packImage(folder, path.join(folder, 'image.tar'));
		archives.push(await readFile(path.join(folder, 'image.tar')));
	}
	t.deepEqual(archives[0], archives[1]);
});

test('an archive is an OCI layout with correct digests and its reference', async (t) => {
	const folder = await imageFolder(new Date());
	const archive = path.join(folder, 'image.tar');
	t.is((await packImage(folder, archive)).reference, 'example.org/hello:1');
	const members = await membersOf(archive);
	for (const [name, bytes] of members) {
		if (name.startsWith('blobs/'))
			t.is(name, `blobs/sha256/${createHash('sha256').update(bytes).digest('hex')}`);
	}
	const read = (name: string) => JSON.parse(String(members.get(name)));
	const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
	const [entry] = read('index.json').manifests;
	t.is(entry.annotations['io.containerd.image.name'], 'example.org/hello:1');
	const manifest = read(blob(entry.digest));
	t.deepEqual(read(blob(manifest.config.digest)).config.Entrypoint, ['/bin/hello']);
	t.is(manifest.layers[0].size, members.get(blob(manifest.layers[0].digest))?.length);
	t.deepEqual(read('manifest.json')[0].RepoTags, ['example.org/hello:1']);
});
