import { readFile } from 'node:fs/promises';
import type { DiskFiles } from './disk-files.ts';

/** What an image says of itself in image.json. */
export interface ImageRecord {
	readonly profile?: string;
	/** What its nodes expect of user-data (src/base/contract.ts); images before it was written have none. */
	readonly contract?: number;
	readonly kubernetes?: string;
	readonly components?: Readonly<Record<string, string>>;
}

/** A file beside an image that belongs to it: `x.json` beside `x.qcow2`. */
export const beside = (image: string, ending: string) =>
	`${image.replace(/\.(qcow2|raw|img)$/, '')}.${ending}`;

/** An image's record: the one on its disk, if that is mounted, else the one beside it; empty when there is none. */
export async function recordOf(image: string, files?: DiskFiles): Promise<ImageRecord> {
	const text =
		(await files?.text('/usr/share/kstack/image.json')) ??
		(await readFile(beside(image, 'json'), 'utf8').catch(() => '{}'));
	try {
		return JSON.parse(text) as ImageRecord;
	} catch {
		return {};
	}
}
