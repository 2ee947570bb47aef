import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from './errors.ts';

const isFolder = (path: string) =>
	stat(path).then(
		(found) => found.isDirectory(),
		() => false,
	);

/**
 * Creates a folder and its missing parents. The recursive `mkdir` of Node.js never returns on file systems that do not
 * allow folders, such as /proc.
 *
 * @throws UserError when the file system does not allow folders; the system's error in other cases
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
