import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { checksumOf } from '../fetch/fetch.ts';
import { format, type Head, headName } from './archive.ts';

/** A file on this machine, and its name in an archive. */
export interface Packed {
	readonly file: string;
	readonly name: string;
}

/**
 * All regular files below a folder, with names below `prefix`; empty if the folder does not exist.
 *
 * @throws UserError for anything other than files and folders
 */
export async function filesToPack(folder: string, prefix: string): Promise<Packed[]> {
	const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === 'ENOENT') return [];
			throw error;
		},
	);
	return entries
		.filter((entry) => !entry.isDirectory())
		.map((entry) => {
			const file = path.join(entry.parentPath, entry.name);
			if (!entry.isFile())
				throw new UserError(`${file} is neither a file nor a folder: it cannot be bundled.`);
			return { file, name: `${prefix}/${path.relative(folder, file)}` };
		});
}

/** The constant part of headers, without owner and time, so that archives are reproducible. */
const entryDefaults = {
	type: 'file',
	uid: 0,
	gid: 0,
	uname: 'root',
	gname: 'root',
	mtime: new Date(0),
} as const;

/**
 * Writes a reproducible archive.
 *
 * @param out  is created when the archive is complete
 */
export async function writeArchive(out: string, files: readonly Packed[]): Promise<void> {
	const ordered = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
	const contents: Record<string, string> = {};
	for (const { name, file } of ordered) contents[name] = await checksumOf(file);
	const head: Head = { format, files: contents };
	const archive = pack();
	const add = async () => {
		archive.entry(
			{ ...entryDefaults, name: headName, mode: 0o644 },
			`${JSON.stringify(head, undefined, 2)}\n`,
		);
		for (const { name, file } of ordered) {
			const { size, mode } = await stat(file);
			const header = { ...entryDefaults, name, size, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
			await pipeline(createReadStream(file), archive.entry(header), { signal: interrupted.signal });
		}
		archive.finalize();
	};
	const unfinished = `${out}.${process.pid}`;
	try {
		await Promise.all([
			add().catch((error: unknown) => {
				archive.destroy(error as Error);
				throw error;
			}),
			pipeline(archive, createWriteStream(unfinished), { signal: interrupted.signal }),
		]);
		await rename(unfinished, out);
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw new UserError(`${out} could not be written: ${(error as Error).message}`, { cause: error });
	} finally {
		await rm(unfinished, { force: true });
	}
}
