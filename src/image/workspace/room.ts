import { readFileSync, statfsSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { mountsIn } from './mounts.ts';

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** The folder itself, or the nearest above it that is there. */
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

/** Adds up what is needed on each disk, since several folders may be on one. */
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
 * The disks that have not the room that a build needs, each in a sentence.
 *
 * @param needs  folders, whether they are there yet or not, with the bytes that are needed in each
 */
export async function shortOfRoom(needs: Readonly<Record<string, number>>): Promise<string[]> {
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

/** Whether these are the words of a program that a full disk has stopped. */
export function tellsOfFullDisk(text: string): boolean {
	return /No space left on device|ENOSPC|have enough free space in/.test(text);
}

/**
 * Of the disks that a build writes to, the one with the least room, as it is at this moment. Synchronous, since
 * what has filled it may be gone in the next.
 *
 * @param folders  the build's folders; file systems that are mounted below them count as well
 */
export function fullest(folders: readonly string[]): string {
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
