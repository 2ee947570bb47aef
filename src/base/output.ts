import { readdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { usageError } from './errors.ts';
import { type Tree, writeTree } from './tree.ts';

/** Lists the files that were generated into a folder, one path per line: only these may be replaced. */
const manifest = '.generated';

/** The error for an invalid output path. */
const wrongOutput = (message: string, hint: string) => usageError(message, hint, 'output-not-ours');

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
	try {
		return (await stat(path)).isDirectory() ? 'folder' : 'file';
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT') return undefined;
		if (code === 'ENOTDIR') return 'file';
		throw usageError(
			`${path} cannot be written: ${(error as Error).message}`,
			undefined,
			'output-unwritable',
		);
	}
}

/**
 * Checks that a file can be written to this path, before the work that creates it.
 *
 * @throws UserError exit code 2 when it is a folder, or lies below a file
 */
export async function requireWritablePath(file: string): Promise<void> {
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

/** Whether a path in a manifest is inside its folder. */
const isInside = (file: string) =>
	file !== '' && !path.isAbsolute(file) && path.normalize(file) === file && !file.startsWith('..');

/** The files that were generated into a folder; `undefined` without a manifest. */
async function generatedFiles(folder: string): Promise<string[] | undefined> {
	const text = await readFile(path.join(folder, manifest), 'utf8').catch(() => undefined);
	return text?.split('\n').filter(isInside);
}

/** Removes generated files and folders that are empty then; files outside the folder, behind links, are kept. */
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
 * Writes a tree into a missing or empty folder, or replaces the tree that was written there before. Other files in such
 * a folder are kept.
 *
 * @throws UserError exit code 2, with nothing changed, when the folder is not empty and has no list of generated
 *   files, or when a file to write exists and was not generated
 */
export async function writeGenerated(folder: string, tree: Tree): Promise<void> {
	const hint = 'Specify a new or empty folder with --out.';
	await requireWritablePath(path.join(folder, manifest));
	const present = (await kindOf(folder)) === undefined ? [] : await readdir(folder);
	const before = await generatedFiles(folder);
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
