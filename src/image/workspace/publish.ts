import { copyFile, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { ownName, stillRuns } from './work-folder.ts';

/** Removes temporary files next to a target, left by processes that no longer run. */
export async function removeAbandoned(target: string): Promise<void> {
	const [folder, prefix] = [path.dirname(target), `${path.basename(target)}.`];
	for (const name of await readdir(folder)) {
		const owner = name.startsWith(prefix) ? name.slice(prefix.length) : '';
		if (/^\d+-\d+$/.test(owner) && !(await stillRuns(owner)))
			await rm(path.join(folder, name), { recursive: true, force: true });
	}
}

/** Moves a file, across file systems too. */
async function move(file: string, to: string): Promise<void> {
	try {
		await rename(file, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
		await copyFile(file, to);
	}
}

/**
 * Moves files to their targets atomically. If one cannot be moved, for example because a disk is full, no target is
 * replaced.
 *
 * @param files  the files, by target
 */
export async function publish(files: Readonly<Record<string, string>>): Promise<void> {
	const own = await ownName();
	const targets = Object.entries(files).map(([target, file]) => ({ target, file, part: `${target}.${own}` }));
	try {
		for (const { target, file, part } of targets) {
			await removeAbandoned(target);
			await move(file, part);
		}
		for (const { target, part } of targets) await rename(part, target);
	} finally {
		for (const { part } of targets) await rm(part, { force: true });
	}
}
