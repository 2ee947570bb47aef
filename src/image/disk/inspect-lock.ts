import { access } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { type Lock, readLock } from '../spec/lock.ts';
import type { DiskFiles } from './disk-files.ts';
import { siblingFile } from './inspect-record.ts';

/** The path of the lock in an image. */
export const lockInside = '/usr/share/kstack/image.lock.json';

/** A lock and its location. */
export interface FoundLock {
	readonly lock: Lock;
	/** Path on this machine, or `in the image`. */
	readonly source: string;
}

/**
 * An image's lock on this machine: the given one, otherwise that next to the image.
 *
 * @param given  path given by the operator
 * @throws UserError exit code 2 when the file does not exist or is not a lock
 */
export async function outerLock(image: string, given?: string): Promise<FoundLock | undefined> {
	if (given !== undefined) return { lock: await readLock(given), source: given };
	const near = siblingFile(image, 'lock.json');
	const isThere = await access(near).then(
		() => true,
		() => false,
	);
	return isThere ? { lock: await readLock(near), source: near } : undefined;
}

/**
 * The lock in an image; `undefined` when there is none that can be read. It is not protected against changes of the image,
 * so an external lock has precedence.
 */
export async function innerLock(files: DiskFiles): Promise<FoundLock | undefined> {
	const place = await files.resolvePath(lockInside);
	if (place === undefined || (await files.bytes(lockInside)) === undefined) return undefined;
	const lock = await readLock(place).catch((error: unknown) => {
		if (error instanceof UserError) return undefined;
		throw error;
	});
	return lock && { lock, source: 'in the image' };
}
