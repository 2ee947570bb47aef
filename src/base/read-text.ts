import { readFile } from 'node:fs/promises';

/**
 * The text of a file that the user names or may edit.
 *
 * @throws the operating system's error, with the file's path also where Node.js leaves it out
 */
export async function readText(file: string): Promise<string> {
	try {
		return await readFile(file, 'utf8');
	} catch (error) {
		throw Object.assign(error as NodeJS.ErrnoException, { path: file });
	}
}
