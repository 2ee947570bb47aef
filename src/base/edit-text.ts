import { readFile, writeFile } from 'node:fs/promises';

/**
 * Changes a part of a text file of the operator's. A file with CRLF line ends keeps them.
 *
 * @param edit  gets the text and returns the new one, both with LF line ends
 */
export async function editText(file: string, edit: (text: string) => string): Promise<void> {
	const text = await readFile(file, 'utf8');
	const isCrlf = /\r\n/.test(text) && !/(?<!\r)\n/.test(text);
	const edited = edit(isCrlf ? text.replaceAll('\r\n', '\n') : text);
	await writeFile(file, isCrlf ? edited.replaceAll('\n', '\r\n') : edited);
}
