import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract, type Header, pack } from 'tar-stream';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { fullName } from '../spec/image-reference.ts';

/** An image in an archive. */
export interface ArchivedImage {
	/** Its name in containerd after the import. */
	readonly references: readonly string[];
	/** Of its manifest, or of the list of its platforms' manifests; an archive of `docker save` may have none. */
	readonly digest?: string;
}

/** A descriptor of a blob, as in the OCI image specification. */
interface Descriptor {
	readonly mediaType?: string;
	readonly digest: string;
	readonly size: number;
	readonly platform?: { readonly architecture: string; readonly os: string };
	readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest of one platform, or a list of manifests. */
interface Manifest {
	readonly mediaType?: string;
	readonly config?: Descriptor;
	readonly layers?: readonly Descriptor[];
	readonly manifests?: readonly Descriptor[];
}

/** The constant part of headers, so that archives are reproducible. */
export const constantHeader: Partial<Header> = {
	mtime: new Date(0),
	uid: 0,
	gid: 0,
	uname: 'root',
	gname: 'root',
};

/** Maximum size in bytes of a manifest, which is kept in memory while the archive is read. */
const smallest = 4 * 2 ** 20;

const nameAnnotation = 'io.containerd.image.name';

/** Digest of bytes, as `sha256:9f86…`. */
export const digestOfBytes = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

/** The platform's manifest that a list points to; `undefined` when there is none for a node's. */
export function platformOf(list: Pick<Manifest, 'manifests'>): Descriptor | undefined {
	return list.manifests?.find(
		({ platform }) =>
			platform === undefined || (platform.os === 'linux' && platform.architecture === 'amd64'),
	);
}

/** The blobs that a platform's manifest names: its configuration and its layers. */
export function blobsOf(manifest: Pick<Manifest, 'config' | 'layers'>): readonly Descriptor[] {
	return [...(manifest.config === undefined ? [] : [manifest.config]), ...(manifest.layers ?? [])];
}

/** The media type of a manifest or a list. */
function mediaTypeOf(bytes: Buffer): string {
	const { mediaType, manifests } = JSON.parse(String(bytes)) as Manifest;
	return mediaType ?? `application/vnd.oci.image.${manifests === undefined ? 'manifest' : 'index'}.v1+json`;
}

/**
 * Writes an image as an archive that containerd imports with these names. The bytes are those of the registry, so that all
 * digests are the same.
 *
 * @param names      names for the import
 * @param manifests  the one that the names mean first: a platform's manifest, or a list and then that
 * @param folder     holds the manifest's blobs, each under the hexadecimal digits of its digest
 */
export async function writeArchive(
	file: string,
	names: readonly string[],
	manifests: readonly Buffer[],
	folder: string,
): Promise<void> {
	const top = manifests[0] as Buffer;
	const described = { mediaType: mediaTypeOf(top), digest: digestOfBytes(top), size: top.length };
	const index = {
		schemaVersion: 2,
		manifests: names.map((name) => ({ ...described, annotations: { [nameAnnotation]: name } })),
	};
	const tar = pack();
	const written = pipeline(tar, createWriteStream(file), { signal: interrupted.signal });
	const add = (name: string, content: Buffer | string) => tar.entry({ ...constantHeader, name }, content);
	const filled = (async () => {
		add('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
		add('index.json', JSON.stringify(index));
		for (const bytes of manifests) add(blobPath(digestOfBytes(bytes)), bytes);
		const blobs = blobsOf(JSON.parse(String(manifests.at(-1))) as Manifest).map(({ digest }) => digest);
		for (const digest of new Set(blobs)) {
			const blob = path.join(folder, digest.split(':')[1] as string);
			const entry = tar.entry({ ...constantHeader, name: blobPath(digest), size: (await stat(blob)).size });
			await pipeline(createReadStream(blob), entry);
		}
		tar.finalize();
	})();
	await Promise.all([written, filled]);
}

interface Members {
	/** Digests of the files, by their names. */
	readonly digests: ReadonlyMap<string, string>;
	/** Content of those that are small. */
	readonly small: ReadonlyMap<string, Buffer>;
}

async function membersOf(file: string): Promise<Members> {
	const digests = new Map<string, string>();
	const small = new Map<string, Buffer>();
	const tar = extract();
	const read = pipeline(createReadStream(file), tar, { signal: interrupted.signal });
	// Passes the error to the reader of the members below.
	read.catch(() => {});
	for await (const entry of tar) {
		const name = path.posix.normalize(entry.header.name);
		const keep = (entry.header.size ?? 0) <= smallest;
		const hash = createHash('sha256');
		const chunks: Buffer[] = [];
		for await (const chunk of entry as AsyncIterable<Buffer>) {
			hash.update(chunk);
			if (keep) chunks.push(chunk);
		}
		digests.set(name, `sha256:${hash.digest('hex')}`);
		if (keep) small.set(name, Buffer.concat(chunks));
	}
	await read;
	return { digests, small };
}

/** A JSON file of an archive; `undefined` when there is none. */
const readJson = <Value>({ small }: Members, name: string) =>
	small.has(name) ? (JSON.parse(String(small.get(name))) as Value) : undefined;

/** The missing or damaged parts of an image in an archive. */
function missingOf(members: Members, { digest }: Descriptor): string[] {
	const place = blobPath(digest);
	if (members.digests.get(place) !== digest)
		return [members.digests.has(place) ? `${digest} is damaged` : `${digest} is missing`];
	const manifest = readJson<Manifest>(members, place) as Manifest;
	if (manifest.manifests === undefined) {
		return blobsOf(manifest).flatMap((blob) =>
			members.digests.get(blobPath(blob.digest)) === blob.digest ? [] : [`${blob.digest} is incomplete`],
		);
	}
	const platform = platformOf(manifest);
	return platform === undefined ? ['it has no image for linux/amd64'] : missingOf(members, platform);
}

function imagesOfLayout(members: Members, index: Manifest): ArchivedImage[] {
	const named = new Map<string, Set<string>>();
	for (const { digest, annotations = {} } of index.manifests ?? []) {
		const name = annotations[nameAnnotation];
		if (name === undefined) continue;
		named.set(digest, (named.get(digest) ?? new Set()).add(fullName(name)));
	}
	const missing = (index.manifests ?? []).flatMap((descriptor) => missingOf(members, descriptor));
	if (missing.length > 0) throw new Error([...new Set(missing)].join(', '));
	return [...named].map(([digest, references]) => ({ digest, references: [...references] }));
}

/** One entry of the manifest of `docker save`. */
interface SavedImage {
	readonly Config: string;
	readonly RepoTags: readonly string[] | null;
	readonly Layers: readonly string[];
}

function imagesOfSaved(members: Members, saved: readonly SavedImage[]): ArchivedImage[] {
	const parts = saved.flatMap(({ Config, Layers }) => [Config, ...Layers]);
	const missing = parts.filter((part) => !members.digests.has(path.posix.normalize(part)));
	if (missing.length > 0) throw new Error(`${missing.join(', ')} is missing`);
	return saved.map(({ RepoTags }) => ({ references: (RepoTags ?? []).map(fullName) }));
}

/**
 * Reads a complete archive: an OCI layout or one of `docker save`, as containerd imports them.
 *
 * @returns the images in it that have a name
 * @throws UserError when it is not such an archive, or content is missing or does not match its digest
 */
export async function readArchive(file: string): Promise<ArchivedImage[]> {
	try {
		const members = await membersOf(file);
		const index = members.digests.has('oci-layout') ? readJson<Manifest>(members, 'index.json') : undefined;
		const saved = readJson<SavedImage[]>(members, 'manifest.json');
		if (index === undefined && saved === undefined)
			throw new Error('it has no index.json and no manifest.json');
		const images = index === undefined ? [] : imagesOfLayout(members, index);
		return images.length === 0 && saved !== undefined ? imagesOfSaved(members, saved) : images;
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw new UserError(`${file} cannot be read as a container image archive: ${(error as Error).message}`, {
			hint: '`docker save`, `ctr images export` and kimg write such archives.',
			cause: error,
		});
	}
}
