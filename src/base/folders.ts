import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from './errors.ts';

const isFolder = (place: string) =>
	stat(place).then(
		(found) => found.isDirectory(),
		() => false,
	);

/**
 * Creates a folder and those above it, where they do not exist. Node's own recursive `mkdir` never returns where
 * the file system creates no folders, as in /proc.
 *
 * @throws UserError when the file system creates no folders; the system's error in other cases
 */
export async function makeFolder(folder: string): Promise<void> {
	try {
		await mkdir(folder);
	} catch (error) {
		if (await isFolder(folder)) return;
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		const parent = path.dirname(path.resolve(folder));
		if (await isFolder(parent)) {
			throw new UserError(`Cannot create the folder ${folder}: its file system does not allow it.`, {
				code: 'file-system',
				cause: error,
			});
		}
		await makeFolder(parent);
		await makeFolder(folder);
	}
}
