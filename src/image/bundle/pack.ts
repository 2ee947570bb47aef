import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { checksumOf } from '../fetch/fetch.ts';
import { format, type Head, headName } from './archive.ts';

/** A file on this machine that goes into an archive, and its name there. */
export interface Packed {
	readonly file: string;
	readonly name: string;
}

/**
 * Every regular file below a folder, named below `prefix`; none where there is no folder.
 *
 * @throws UserError when there is something else than files and folders
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

/** What a header says of any file: nothing of who packed it, where, or when. */
const nobody = { type: 'file', uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: new Date(0) } as const;

/**
 * Writes an archive; equal files are equal bytes.
 *
 * @param out  appears once it is whole
 */
export async function writeArchive(out: string, files: readonly Packed[]): Promise<void> {
	const ordered = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
	const contents: Record<string, string> = {};
	for (const { name, file } of ordered) contents[name] = await checksumOf(file);
	const head: Head = { format, files: contents };
	const archive = pack();
	const add = async () => {
		archive.entry({ ...nobody, name: headName, mode: 0o644 }, `${JSON.stringify(head, undefined, 2)}\n`);
		for (const { name, file } of ordered) {
			const { size, mode } = await stat(file);
			const header = { ...nobody, name, size, mode: (mode & 0o111) === 0 ? 0o644 : 0o755 };
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
