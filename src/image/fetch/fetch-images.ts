import { readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { interrupted } from '../../base/interrupt.ts';
import { CommandError } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import type { ContainerImage } from '../spec/components.ts';
import { archiveName, partsOf } from '../spec/image-reference.ts';
import { download, isNotFoundError, sizeOf } from './download.ts';
import { megabytes, type Supply } from './fetch.ts';
import { digestOfBytes, platformOf, readArchive, writeArchive } from './image-archive.ts';
import { cachedImage, filesOf, isThere, type PinnedImage, registriesOf } from './image-places.ts';
import { copyImage, digestIn, type RegistryImage } from './registry.ts';

/** The folders for image archives. */
export interface ImageFolders {
	/** Cache folder. */
	readonly cache: string;
	/** The work folder of the build, on the same file system. */
	readonly work: string;
}

/** Seconds between two progress messages. */
const progressInterval = 10;

/** The last message of skopeo, without log prefix and URL. */
function reasonOf({ stderr }: CommandError): string {
	const line = stderr.split('\n').at(-1) ?? '';
	const said = (/msg="(.*)"$/.exec(line)?.[1] ?? line).replaceAll('\\"', '"');
	return said.replace(/^(initializing source \S+|Error parsing image name "\S+"): /, '');
}

const shown = ({ address }: RegistryImage) => address.replace('docker://', '');

function wrongDigest({ reference, digest, published }: PinnedImage, got: string, source: string): UserError {
	return new UserError(
		[
			`${reference} is not the image that was pinned:`,
			`expected ${digest}`,
			`got      ${got}`,
			`source   ${source}`,
		].join('\n    '),
		{
			hint: published === undefined ? 'The digest is that of the lock.' : `The digest is from: ${published}.`,
		},
	);
}

/** Reports that an image is not available from a source; the next one is tried. */
class NotThere extends Error {}

/** Downloads an existing archive from the URL of a file. */
async function fromFile(image: ContainerImage, address: string, folder: string): Promise<string> {
	const file = path.join(folder, 'image.tar');
	try {
		await download(address, file);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		await rm(file, { force: true });
		throw isNotFoundError(error)
			? new NotThere(`${address}: ${error.stderr}`)
			: new UserError(`${image.reference} cannot be fetched from ${address}: ${error.stderr}`);
	}
	const source = address.startsWith('file:') ? fileURLToPath(address) : address;
	const found = (await readArchive(file)).find(({ references }) => references.includes(image.reference));
	if (found?.digest === undefined)
		throw new UserError(`${source} does not contain ${image.reference} with the manifest of its registry.`, {
			hint: 'Use an archive from the cache of kimg (~/.cache/kstack/downloads), or add the archive with --with-image.',
		});
	if (image.digest !== undefined && found.digest !== image.digest)
		throw wrongDigest({ ...image, digest: image.digest }, found.digest, source);
	return found.digest;
}

/** Packs the files of skopeo as an archive with the name and the digest of the image. */
async function packFetched(image: PinnedImage, folder: string): Promise<void> {
	const list = await readFile(path.join(folder, 'list/manifest.json')).catch(() => undefined);
	const manifest = await readFile(path.join(folder, 'platform/manifest.json'));
	const manifests = list === undefined ? [manifest] : [list, manifest];
	const wanted = list === undefined ? image.digest : platformOf(JSON.parse(String(list)))?.digest;
	if (digestOfBytes(manifests[0] as Buffer) !== image.digest || digestOfBytes(manifest) !== wanted)
		throw new Error(`skopeo copied a different image than ${image.reference}@${image.digest}`);
	const { repository } = partsOf(image.reference);
	const names = [...new Set([image.reference, `${repository}@${image.digest}`])];
	await writeArchive(path.join(folder, 'image.tar'), names, manifests, path.join(folder, 'platform'));
}

/** Whether a file is a list of manifests. */
async function isList(file: string): Promise<boolean> {
	return 'manifests' in (JSON.parse(await readFile(file, 'utf8')) as object);
}

/** Fetches an image from a registry, by its digest. */
async function fromRegistry(image: PinnedImage, from: RegistryImage, folder: string): Promise<void> {
	try {
		const [list, platform] = [path.join(folder, 'list'), path.join(folder, 'platform')];
		await copyImage(from, list, 'list');
		// An image for a single platform is complete now.
		if (await isList(path.join(list, 'manifest.json'))) await copyImage(from, platform, 'platform');
		else await rename(list, platform);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new NotThere(`${shown(from)}: ${reasonOf(error)}`);
	}
	await packFetched(image, folder);
}

async function bytesBelow(folder: string): Promise<number> {
	const names = await readdir(folder, { recursive: true }).catch(() => []);
	const sizes = await Promise.all(names.map((name) => sizeOf(path.join(folder, name))));
	return sizes.reduce((sum, size) => sum + size, 0);
}

/** Prints progress at intervals, until the returned function is called. */
function reportProgress(reference: string, folder: string): () => void {
	const timer = setInterval(async () => {
		say(`${reference}: ${megabytes(await bytesBelow(folder))}`);
	}, progressInterval * 1000);
	return () => clearInterval(timer);
}

/** The digest of the image's tag in the registries, if it differs from the pinned one. */
async function otherUnderTag(image: PinnedImage, supply: Supply): Promise<UserError | undefined> {
	for (const from of registriesOf(image, supply, 'tag')) {
		const got = await digestIn(from).catch(() => undefined);
		if (got !== undefined && got !== image.digest) return wrongDigest(image, got, shown(from));
	}
	return undefined;
}

function cannotBeFetched(reference: string, reasons: readonly string[]): UserError {
	return new UserError([`${reference} cannot be fetched:`, ...reasons].join('\n    '), {
		hint: 'Set another source with --registry-mirror, --mirror or --components, or use --kubernetes-source debian.',
	});
}

/** Tries one source after the other until one has the image. */
async function firstOf<UpgradeState, Value>(
	places: readonly UpgradeState[],
	reasons: string[],
	get: (place: UpgradeState) => Promise<Value>,
): Promise<Value | undefined> {
	for (const place of places) {
		try {
			return await get(place);
		} catch (error) {
			interrupted.signal.throwIfAborted();
			if (!(error instanceof NotThere)) throw error;
			reasons.push(error.message);
		}
	}
	return undefined;
}

/** Calls a function with a temporary folder, which is deleted afterwards. */
async function inFolder<Value>(
	reference: string,
	work: string,
	act: (folder: string) => Promise<Value>,
): Promise<Value> {
	const folder = path.join(work, 'container-images', archiveName(reference));
	await makeFolder(folder);
	const quiet = reportProgress(reference, folder);
	try {
		return await act(folder);
	} finally {
		quiet();
		await rm(folder, { recursive: true, force: true });
	}
}

/** Moves a complete archive to the cache atomically. */
async function keep(image: PinnedImage, folder: string, cache: string): Promise<string> {
	const file = cachedImage(image, cache);
	await makeFolder(path.dirname(file));
	await rename(path.join(folder, 'image.tar'), file);
	return file;
}

async function isIntact(file: string, { reference, digest }: PinnedImage): Promise<boolean> {
	if (!(await isThere(file))) return false;
	const images = await readArchive(file).catch(() => []);
	interrupted.signal.throwIfAborted();
	return images.some((image) => image.digest === digest && image.references.includes(reference));
}

/**
 * The archive of an image, from the cache or fetched, with a verified digest.
 *
 * @throws UserError when it cannot be fetched, or its digest is wrong
 */
export async function fetchImage(
	image: PinnedImage,
	{ cache, work }: ImageFolders,
	supply: Supply,
): Promise<string> {
	const cached = cachedImage(image, cache);
	if (await isIntact(cached, image)) return cached;
	const { reference } = image;
	const began = Date.now();
	say(`Fetching ${reference}`);
	const file = await inFolder(reference, work, async (folder) => {
		const reasons: string[] = [];
		const found =
			(await firstOf(filesOf(image, supply), reasons, (address) => fromFile(image, address, folder))) ??
			(await firstOf(registriesOf(image, supply, 'digest'), reasons, async (from) => {
				await fromRegistry(image, from, folder);
				return image.digest;
			}));
		if (found !== undefined) return keep(image, folder, cache);
		throw (await otherUnderTag(image, supply)) ?? cannotBeFetched(reference, reasons);
	});
	const size = megabytes(await sizeOf(file));
	say(`${reference}: ${size} in ${Math.round((Date.now() - began) / 1000)} s`);
	return file;
}

/**
 * The digest of an image with a tag only, from the registry.
 *
 * @throws UserError when no registry is available
 */
export async function resolveImage(
	image: ContainerImage,
	{ cache, work }: ImageFolders,
	supply: Supply,
): Promise<PinnedImage> {
	const { reference, digest } = image;
	if (digest !== undefined) return { ...image, digest };
	const reasons: string[] = [];
	const ofFile = (address: string) =>
		inFolder(reference, work, async (folder) => {
			const found = { ...image, digest: await fromFile(image, address, folder) };
			await keep(found, folder, cache);
			return found.digest;
		});
	const ofRegistry = async (from: RegistryImage) => {
		try {
			return await digestIn(from);
		} catch (error) {
			if (!(error instanceof CommandError)) throw error;
			throw new NotThere(`${shown(from)}: ${reasonOf(error)}`);
		}
	};
	const found =
		(await firstOf(filesOf(image, supply), reasons, ofFile)) ??
		(await firstOf(registriesOf(image, supply, 'tag'), reasons, ofRegistry));
	if (found === undefined) throw cannotBeFetched(reference, reasons);
	return { ...image, digest: found };
}
