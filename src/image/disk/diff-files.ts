import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { interrupted } from '../../base/interrupt.ts';

/** A file that differs between two images. */
export interface FileChange {
	readonly path: string;
	/** Size in bytes; `null` if it does not exist. */
	readonly before: number | null;
	readonly after: number | null;
	/** The attributes that differ. */
	readonly what: readonly ('added' | 'removed' | 'type' | 'mode' | 'owner' | 'content')[];
}

type Listing = ReadonlyMap<string, Stats>;

/** All entries below a folder, by path; links are not followed. */
async function listing(root: string): Promise<Listing> {
	const found = new Map<string, Stats>();
	for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
		const place = path.join(entry.parentPath, entry.name);
		found.set(path.relative(root, place), await lstat(place));
	}
	interrupted.signal.throwIfAborted();
	return found;
}

/** The file type bits of a mode. */
const typeOf = ({ mode }: Stats) => mode & 0o170000;

/** The size of a folder is ignored: it depends on how the folder was filled. */
const sizeOf = (status: Stats) => (status.isDirectory() ? 0 : status.size);

async function sameContent(a: string, b: string, status: Stats): Promise<boolean> {
	interrupted.signal.throwIfAborted();
	if (status.isFile()) return (await readFile(a)).equals(await readFile(b));
	if (status.isSymbolicLink()) return (await readlink(a)) === (await readlink(b));
	return true;
}

/**
 * Files that differ below two folders, by path. Times are not compared, because they differ in every build.
 */
export async function fileChanges(a: string, b: string): Promise<FileChange[]> {
	const [before, after] = [await listing(a), await listing(b)];
	const changes: FileChange[] = [];
	for (const file of [...new Set([...before.keys(), ...after.keys()])].sort()) {
		const [old, young] = [before.get(file), after.get(file)];
		const what: FileChange['what'][number][] = [];
		if (old === undefined || young === undefined) what.push(old === undefined ? 'added' : 'removed');
		else if (typeOf(old) !== typeOf(young)) what.push('type');
		else {
			if (old.mode !== young.mode) what.push('mode');
			if (old.uid !== young.uid || old.gid !== young.gid) what.push('owner');
			const same =
				sizeOf(old) === sizeOf(young) && (await sameContent(path.join(a, file), path.join(b, file), old));
			if (!same) what.push('content');
		}
		if (what.length === 0) continue;
		changes.push({
			path: `/${file}`,
			before: old === undefined ? null : sizeOf(old),
			after: young === undefined ? null : sizeOf(young),
			what,
		});
	}
	return changes;
}
