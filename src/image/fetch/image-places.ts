import { access } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerImage } from '../spec/components.ts';
import { archiveName, partsOf } from '../spec/image-reference.ts';
import type { Supply } from './fetch.ts';
import type { RegistryImage } from './registry.ts';

/** A container image whose digest is known. */
export type PinnedImage = ContainerImage & { readonly digest: string };

/** The path of an image's archive in the cache: by digest and name. */
export function cachedImage({ reference, digest }: PinnedImage, cache: string): string {
	return path.join(cache, digest.replace(':', '-'), archiveName(reference));
}

/** Whether the file exists. */
export const isThere = (file: string) =>
	access(file).then(
		() => true,
		() => false,
	);

/** Whether any of these images must be requested from a registry. */
export async function needsRegistry(
	images: readonly ContainerImage[],
	cache: string,
	{ mirror, components, registry }: Supply,
): Promise<boolean> {
	if (registry === undefined && (mirror ?? components) !== undefined) return false;
	for (const { digest, ...image } of images)
		if (digest === undefined || !(await isThere(cachedImage({ ...image, digest }, cache)))) return true;
	return false;
}

/** URLs of files that may be an image's archive. */
export function filesOf({ reference }: ContainerImage, { mirror, components }: Supply): string[] {
	return [components, mirror].flatMap((place) =>
		place === undefined ? [] : [`${place}/${archiveName(reference)}`],
	);
}

/** Registries that may have an image: the mirror, with or without the name of the image's registry, or the latter. */
export function registriesOf(image: ContainerImage, supply: Supply, by: 'tag' | 'digest'): RegistryImage[] {
	const { repository, tag, digest = image.digest } = partsOf(image.reference);
	const suffix = by === 'tag' && tag !== undefined ? `:${tag}` : `@${digest}`;
	const at = (place: string, plain = false) => ({ address: `docker://${place}${suffix}`, plain });
	const { registry, mirror, components } = supply;
	if (registry !== undefined) {
		const plain = registry.startsWith('http://');
		const place = registry.replace(/^https?:\/\//, '');
		const path = repository.replace(/^[^/]*\//, '');
		return [at(`${place}/${repository}`, plain), at(`${place}/${path}`, plain)];
	}
	return (mirror ?? components) === undefined ? [at(repository)] : [];
}
