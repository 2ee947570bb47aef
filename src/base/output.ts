import { readdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { usageError } from './errors.ts';
import { type Tree, writeTree } from './tree.ts';

/** Lists what was generated into a folder, a path a line: so much of it may be replaced. */
const manifest = '.generated';

/** A mistake in where output is to go. */
const wrongOutput = (message: string, hint: string) => usageError(message, hint, 'output-not-ours');

async function kindOf(place: string): Promise<'file' | 'folder' | undefined> {
	try {
		return (await stat(place)).isDirectory() ? 'folder' : 'file';
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT') return undefined;
		if (code === 'ENOTDIR') return 'file';
		throw usageError(
			`${place} cannot be written: ${(error as Error).message}`,
			undefined,
			'output-unwritable',
		);
	}
}

/**
 * Whether a file can be written at this place, asked before the work that makes it.
 *
 * @throws UserError exit code 2 when it is a folder, or lies below a file
 */
export async function requireFilePlace(file: string): Promise<void> {
	if ((await kindOf(file)) === 'folder') {
		throw wrongOutput(`${file} is a folder.`, 'Specify a file with --out.');
	}
	for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
		if ((await kindOf(folder)) === 'file') {
			throw wrongOutput(
				`${file} cannot be written: ${folder} is not a folder.`,
				'Specify another file with --out.',
			);
		}
		if (folder === path.dirname(folder)) return;
	}
}

/** A path of a manifest that leads nowhere but below its folder. */
const isBelow = (file: string) =>
	file !== '' && !path.isAbsolute(file) && path.normalize(file) === file && !file.startsWith('..');

/** The files that were generated into a folder; `undefined` when nothing says so. */
async function generatedBefore(folder: string): Promise<string[] | undefined> {
	const text = await readFile(path.join(folder, manifest), 'utf8').catch(() => undefined);
	return text?.split('\n').filter(isBelow);
}

/** Removes generated files, and the folders that they leave empty; what a link leads out of the folder stays. */
async function removeGenerated(folder: string, files: readonly string[]): Promise<void> {
	const root = await realpath(folder);
	for (const file of files) {
		const parent = await realpath(path.dirname(path.join(root, file))).catch(() => undefined);
		if (parent === undefined || !`${parent}/`.startsWith(`${root}/`)) continue;
		await rm(path.join(parent, path.basename(file)), { force: true });
		for (let empty = parent; empty !== root; empty = path.dirname(empty)) {
			if ((await readdir(empty)).length > 0) break;
			await rmdir(empty);
		}
	}
}

/**
 * Writes a tree into a folder that is missing or empty, or in place of the tree that was written there before.
 * Whatever else lies in such a folder stays.
 *
 * @throws UserError exit code 2, with nothing changed, when the folder has content that was not generated, or
 *   a file to write is somebody else's
 */
export async function writeGenerated(folder: string, tree: Tree): Promise<void> {
	const hint = 'Specify a new or empty folder with --out.';
	await requireFilePlace(path.join(folder, manifest));
	const present = (await kindOf(folder)) === undefined ? [] : await readdir(folder);
	const before = await generatedBefore(folder);
	if (before === undefined && present.length > 0) {
		throw wrongOutput(`${folder} is not empty, and was not written by this command.`, hint);
	}
	for (const file of tree) {
		if ((before ?? []).includes(file.path)) continue;
		if ((await kindOf(path.join(folder, file.path))) !== undefined)
			throw wrongOutput(`${path.join(folder, file.path)} was not written by this command.`, hint);
	}
	if (before !== undefined) await removeGenerated(folder, before);
	const list = { path: manifest, mode: 0o644, text: `${tree.map((file) => file.path).join('\n')}\n` };
	await writeTree(folder, [...tree, list]);
}
