import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { constantHeader } from './image-archive.ts';

/** The metadata of a container image: `image.json`. */
export interface ImageDescription {
	/** Such as `registry.k8s.io/pause:3.2`. */
	readonly reference: string;
	/** Entrypoint, Cmd, User and so on, as in the OCI image specification. */
	readonly config: Readonly<Record<string, unknown>>;
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const jsonOf = (value: unknown) => Buffer.from(JSON.stringify(value));

/** The content of a folder as one layer. */
async function layerOf(root: string): Promise<Buffer> {
	const layer = pack();
	const content = buffer(layer);
	const names = (await readdir(root, { recursive: true })).sort();
	for (const name of names) {
		const file = path.join(root, name);
		const status = await lstat(file);
		const header = { ...constantHeader, name, mode: status.mode & 0o7777 };
		if (status.isDirectory()) layer.entry({ ...header, type: 'directory' });
		else if (status.isSymbolicLink())
			layer.entry({ ...header, type: 'symlink', linkname: await readlink(file) });
		else layer.entry(header, await readFile(file));
	}
	layer.finalize();
	return content;
}

/**
 * Packs a folder with `rootfs/` and `image.json` as an archive with one layer, which is both an OCI layout and in the format
 * of `docker save`.
 *
 * @param folder   the folder to pack
 * @param archive  the file to write
 * @returns the metadata of the image
 */
export async function packImage(folder: string, archive: string): Promise<ImageDescription> {
	const description = JSON.parse(await readFile(path.join(folder, 'image.json'), 'utf8')) as ImageDescription;
	const layer = await layerOf(path.join(folder, 'rootfs'));
	const platform = { architecture: 'amd64', os: 'linux' };
	const configuration = jsonOf({
		...platform,
		created: new Date(0).toISOString(),
		config: {
			Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
			...description.config,
		},
		rootfs: { type: 'layers', diff_ids: [`sha256:${digestOf(layer)}`] },
	});
	const blob = (mediaType: string, bytes: Buffer) => ({
		mediaType: `application/vnd.oci.image.${mediaType}`,
		digest: `sha256:${digestOf(bytes)}`,
		size: bytes.length,
	});
	const manifest = jsonOf({
		schemaVersion: 2,
		mediaType: 'application/vnd.oci.image.manifest.v1+json',
		config: blob('config.v1+json', configuration),
		layers: [blob('layer.v1.tar', layer)],
	});
	const index = jsonOf({
		schemaVersion: 2,
		manifests: [
			{
				...blob('manifest.v1+json', manifest),
				platform,
				annotations: { 'io.containerd.image.name': description.reference },
			},
		],
	});
	const place = (bytes: Buffer) => `blobs/sha256/${digestOf(bytes)}`;
	const saved = jsonOf([
		{ Config: place(configuration), RepoTags: [description.reference], Layers: [place(layer)] },
	]);

	const tar = pack();
	const written = pipeline(tar, createWriteStream(archive));
	tar.entry({ ...constantHeader, name: 'oci-layout' }, jsonOf({ imageLayoutVersion: '1.0.0' }));
	tar.entry({ ...constantHeader, name: 'index.json' }, index);
	tar.entry({ ...constantHeader, name: 'manifest.json' }, saved);
	for (const bytes of [manifest, configuration, layer])
		tar.entry({ ...constantHeader, name: place(bytes) }, bytes);
	tar.finalize();
	await written;
	return description;
}
