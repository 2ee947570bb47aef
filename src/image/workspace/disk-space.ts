import { readFileSync, statfsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { mountsIn } from './mounts.ts';

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** The folder, or its nearest existing parent. */
async function nearest(folder: string): Promise<string> {
	const isThere = await stat(folder).then(
		() => true,
		() => false,
	);
	return isThere ? folder : nearest(path.dirname(folder));
}

interface Disk {
	readonly folders: readonly string[];
	readonly needed: number;
}

/** Adds up the space needed on each disk, because several folders may be on the same one. */
async function disks(needs: Readonly<Record<string, number>>): Promise<Disk[]> {
	const found = new Map<number, Disk>();
	for (const [folder, needed] of Object.entries(needs)) {
		const { dev } = await stat(await nearest(folder));
		const other = found.get(dev) ?? { folders: [], needed: 0 };
		found.set(dev, { folders: [...other.folders, folder], needed: other.needed + needed });
	}
	return [...found.values()];
}

/**
 * Disks with too little free space for a build, a sentence each.
 *
 * @param needs  existing or missing folders, with the bytes needed in each
 */
export async function insufficientSpace(needs: Readonly<Record<string, number>>): Promise<string[]> {
	const sentences: string[] = [];
	for (const { folders, needed } of await disks(needs)) {
		const { bavail, bsize } = await statfs(await nearest(folders[0] as string));
		if (bavail * bsize >= needed) continue;
		const together = folders.length === 1 ? 'has' : 'are on one disk, which has';
		sentences.push(
			`${folders.join(' and ')} ${together} ${gigabytes(bavail * bsize)} free; the build needs ${gigabytes(needed)}.`,
		);
	}
	return sentences;
}

/** Whether the output of a program means that a disk is full. */
export function isDiskFullMessage(text: string): boolean {
	return /No space left on device|ENOSPC|have enough free space in/.test(text);
}

/**
 * The disk of a build with the least free space at this moment. Synchronous, because temporary files may be deleted in
 * the next moment.
 *
 * @param folders  the folders of the build, including file systems mounted below them
 */
export function fullestFolder(folders: readonly string[]): string {
	const mounts = mountsIn(readFileSync('/proc/self/mountinfo', 'utf8'));
	const inMemory = mounts.filter(
		({ place, type }) => type === 'tmpfs' && folders.some((folder) => place.startsWith(`${folder}/`)),
	);
	const free = [
		...folders.map((folder) => ({ name: folder, folder })),
		...inMemory.map(({ place }) => ({ name: `${place}, in memory`, folder: place })),
	].flatMap(({ name, folder }) => {
		try {
			const { bavail, bsize } = statfsSync(folder);
			return [{ name, bytes: bavail * bsize }];
		} catch {
			return []; // unmounted in between
		}
	});
	const [least] = free.sort((one, other) => one.bytes - other.bytes);
	return least === undefined ? folders.join(' or ') : `${least.name} (${gigabytes(least.bytes)} free)`;
}
