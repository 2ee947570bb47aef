import { readFile } from 'node:fs/promises';

/**
 * The text of a file of the user.
 *
 * @throws the operating system's error, always with the file's path, which Node.js omits for some errors
 */
export async function readText(file: string): Promise<string> {
	try {
		return await readFile(file, 'utf8');
	} catch (error) {
		throw Object.assign(error as NodeJS.ErrnoException, { path: file });
	}
}
