import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { readTree, replaceTree, type Tree } from '../../src/base/tree.ts';

/**
 * Compares a generated tree with the one that lies in test/golden, names and modes included.
 * `UPDATE_GOLDEN=1` writes it there instead, for a reviewer to read the difference.
 */
export async function matchesGolden(t: ExecutionContext, name: string, tree: Tree): Promise<void> {
	const folder = path.join(packageRoot, 'test/golden', name);
	if (process.env.UPDATE_GOLDEN !== undefined) await replaceTree(folder, tree);
	const golden = await readTree(folder).catch(() => []);
	// Of a mode, git keeps only whether the file can be run.
	const listing = (files: Tree) => files.map((file) => `${file.mode & 0o100 ? 'x' : '-'} ${file.path}`);
	t.deepEqual(listing(tree), listing(golden));
	for (const [index, file] of tree.entries()) t.is(file.text, golden[index]?.text ?? '', file.path);
}
