import { readFile } from 'node:fs/promises';
import type { DiskFiles } from './disk-files.ts';

/** The record of an image, in image.json. */
export interface ImageRecord {
	readonly profile?: string;
	/** The version of the user-data format (src/base/contract.ts); absent in older images. */
	readonly contract?: number;
	readonly kubernetes?: string;
	readonly components?: Readonly<Record<string, string>>;
}

/** A file of an image in the same folder: `x.json` beside `x.qcow2`. */
export const siblingFile = (image: string, ending: string) =>
	`${image.replace(/\.(qcow2|raw|img)$/, '')}.${ending}`;

/** An image's record: on its disk, if mounted, otherwise next to the image; empty when there is none. */
export async function recordOf(image: string, files?: DiskFiles): Promise<ImageRecord> {
	const text =
		(await files?.text('/usr/share/kstack/image.json')) ??
		(await readFile(siblingFile(image, 'json'), 'utf8').catch(() => '{}'));
	try {
		return JSON.parse(text) as ImageRecord;
	} catch {
		return {};
	}
}
