import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from './folders.ts';

/** One file of a generated tree: its path relative to the root, its mode, and its text. */
export interface TreeFile {
	readonly path: string;
	readonly mode: number;
	readonly text: string;
}

/** The files of a generated tree, sorted by path. */
export type Tree = readonly TreeFile[];

/** Sorts files by path in code point order, so that the output is reproducible. */
export function sorted(files: readonly TreeFile[]): Tree {
	return [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Writes the tree below `root`; other files are kept. */
export async function writeTree(root: string, tree: Tree): Promise<void> {
	for (const file of tree) {
		const target = path.join(root, file.path);
		await makeFolder(path.dirname(target));
		await writeFile(target, file.text, { mode: file.mode });
		await chmod(target, file.mode); // `mode` above is masked by umask, and ignored when the file exists
	}
}

/** Replaces the content of `root` with the tree: existing files are deleted. */
export async function replaceTree(root: string, tree: Tree): Promise<void> {
	await rm(root, { recursive: true, force: true });
	await writeTree(root, tree);
}

/** Reads all regular files below `root`. */
export async function readTree(root: string): Promise<Tree> {
	const files: TreeFile[] = [];
	for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile()) continue;
		const file = path.join(entry.parentPath, entry.name);
		files.push({
			path: path.relative(root, file).split(path.sep).join('/'),
			mode: (await stat(file)).mode & 0o777,
			text: await readFile(file, 'utf8'),
		});
	}
	return sorted(files);
}
