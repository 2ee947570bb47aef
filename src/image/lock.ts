import { readFile } from 'node:fs/promises';
import { usageError } from '../errors.ts';

/** A piece of upstream software as a lock pins it. */
export interface LockedComponent {
	readonly version: string;
	readonly url: string;
	/** Of what the URL gives: algorithm and hexadecimal digest, such as `sha256:9f86…`. */
	readonly checksum: string;
	readonly licence: string;
	/** Checksums of its files by their path on the node; only in the lock of a built image. */
	readonly files?: Readonly<Record<string, string>>;
}

/** A package of Debian as a lock pins it. */
export interface LockedPackage {
	readonly version: string;
	readonly architecture: string;
	/** Of the `.deb`; left out where the mirror does not have what is installed. */
	readonly checksum?: string;
}

/** What exactly is in an image. */
export interface Lock {
	/** Version of kimg. */
	readonly kimg: string;
	readonly profile: string;
	/** Code name of the release, and the date of the archive's Release file. */
	readonly debian: { readonly release: string; readonly date: string };
	/** Digest of the rendered elements. */
	readonly elements: string;
	readonly components: Readonly<Record<string, LockedComponent>>;
	/** Checksums of the container images that the profile itself adds, by the names of their archives. */
	readonly images: Readonly<Record<string, string>>;
	readonly packages: Readonly<Record<string, LockedPackage>>;
}

/**
 * Reads a lock.
 *
 * @throws UserError exit code 2 when it cannot be read as one
 */
export async function readLock(file: string): Promise<Lock> {
	let why = 'it is not one';
	try {
		const lock = JSON.parse(await readFile(file, 'utf8')) as Lock;
		const { components, images, packages } = lock;
		if ([components, images, packages].every((part) => typeof part === 'object')) return lock;
	} catch (error) {
		why = (error as Error).message;
	}
	throw usageError(`${file} cannot be read as a lock: ${why}`);
}

/** A lock as it is written. */
export function lockText(lock: Lock): string {
	return `${JSON.stringify(lock, undefined, 2)}\n`;
}
