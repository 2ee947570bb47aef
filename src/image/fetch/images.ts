import { copyFile, link, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { refuse, UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { repeated } from '../../base/mapping.ts';
import { archiveName } from '../spec/image-reference.ts';
import type { Lock, LockedImage } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import { packImage } from './container-image.ts';
import { checksumOf, type Supply } from './fetch.ts';
import { fetchImage, type ImageFolders, resolveImage } from './fetch-images.ts';
import { type ArchivedImage, readArchive } from './image-archive.ts';
import { forEach } from './several.ts';

/** Concurrent images; skopeo also fetches the layers of each concurrently. */
const atOnce = 2;

/** Writes all container images of a folder, archives or unpacked, to another folder as archives. */
export async function collectImages(images: string | undefined, archives: string): Promise<string[]> {
	await makeFolder(archives);
	if (images === undefined) return [];
	const names: string[] = [];
	for (const entry of await readdir(images, { withFileTypes: true })) {
		const from = path.join(images, entry.name);
		const name = entry.isDirectory() ? `${entry.name}.tar` : entry.name;
		if (entry.isDirectory()) await packImage(from, path.join(archives, name));
		else if (name.endsWith('.tar')) await copyInto(from, archives);
		else continue;
		names.push(name);
	}
	return names;
}

async function copyInto(file: string, archives: string): Promise<void> {
	const target = path.join(archives, path.basename(file));
	await rm(target, { force: true });
	// A hard link, or a copy if the folder is on another file system.
	await link(file, target).catch(() => copyFile(file, target));
}

/** The references that pods use for an image; those with a digest only if it has no others. */
function namesOf({ references }: ArchivedImage): readonly string[] {
	const tagged = references.filter((reference) => !reference.includes('@'));
	return tagged.length > 0 ? tagged : references;
}

/** The images of an archive, for a lock. */
async function lockedArchive(file: string): Promise<[string, LockedImage][]> {
	const images = await readArchive(file);
	const names = images.flatMap(namesOf);
	if (names.length === 0) throw new UserError(`No image in ${file} has a name, so no pod could use it.`);
	const checksum = await checksumOf(file);
	return images.flatMap((image) =>
		namesOf(image).map((reference): [string, LockedImage] => [
			reference,
			{
				archive: path.basename(file),
				...(image.digest === undefined ? {} : { digest: image.digest }),
				checksum,
			},
		]),
	);
}

/** A sentence for each name of several images. */
function sharedNames(images: readonly (readonly [string, LockedImage])[]): string[] {
	return repeated(images.map(([reference]) => reference)).map((reference) => {
		const archives = images.filter(([name]) => name === reference).map(([, { archive }]) => archive);
		return `Two container images have the name ${reference}: ${archives.join(' and ')}.`;
	});
}

/** The digest of a lock, which replaces a request to the registry. */
const lockedDigest = (reference: string, wanted: Lock | undefined) => {
	const digest = wanted?.images[reference]?.digest;
	return digest === undefined ? {} : { digest };
};

/**
 * Resolves the container images of an image, without fetching them.
 *
 * @param made     folder with the images that are built with Kubernetes
 * @param folders  cache and work folders
 * @param wanted   a lock with digests for images without one in components.yaml
 * @returns the images for a lock, by name
 * @throws UserError when a registry does not answer; exit code 2 with all invalid archives
 */
export async function resolveImages(
	plan: ImagePlan,
	made: string | undefined,
	folders: ImageFolders,
	supply: Supply,
	wanted?: Lock,
): Promise<Lock['images']> {
	const packed = path.join(folders.work, 'packed-images');
	const archives = (await collectImages(made, packed)).map((name) => path.join(packed, name));
	const mistakes: string[] = [];
	const images: [string, LockedImage][] = [];
	for (const file of [...archives, ...plan.archives]) {
		try {
			images.push(...(await lockedArchive(file)));
		} catch (error) {
			if (!(error instanceof UserError)) throw error;
			mistakes.push(error.message);
		}
	}
	const named = plan.images.map(({ reference }): [string, LockedImage] => [
		reference,
		{ archive: archiveName(reference) },
	]);
	const files = [...archives, ...plan.archives, ...named.map(([, { archive }]) => archive)];
	for (const name of repeated(files.map((file) => path.basename(file))))
		mistakes.push(`Two archives have the name ${name}.`);
	refuse([...mistakes, ...sharedNames([...images, ...named])]);
	const resolved = await forEach(plan.images, atOnce, (image) =>
		resolveImage({ ...lockedDigest(image.reference, wanted), ...image }, folders, supply),
	);
	for (const { reference, digest } of resolved)
		images.push([reference, { archive: archiveName(reference), digest }]);
	return Object.fromEntries(images.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Gathers the archives of all container images of an image in one folder.
 *
 * @param locked  the images in the lock
 * @param made    folder with the images that are built with Kubernetes
 * @returns the checksum of each archive, by its name
 * @throws UserError when one cannot be fetched, or differs from the lock
 */
export async function gatherImages(
	plan: ImagePlan,
	locked: Lock['images'],
	made: string | undefined,
	archives: string,
	folders: ImageFolders,
	supply: Supply,
): Promise<Readonly<Record<string, string>>> {
	await collectImages(made, archives);
	const fetched = await forEach(plan.images, atOnce, (image) =>
		fetchImage({ ...image, digest: locked[image.reference]?.digest as string }, folders, supply),
	);
	for (const file of [...fetched, ...plan.archives]) await copyInto(file, archives);
	const checksums: Record<string, string> = {};
	for (const name of (await readdir(archives)).sort())
		checksums[name] = await checksumOf(path.join(archives, name));
	return checksums;
}
