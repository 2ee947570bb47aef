import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { dump } from 'js-yaml';
import { sorted, type Tree } from '../../base/tree.ts';
import { readMapping } from '../spec/config.ts';
import { openstack, type Stack } from './stack.ts';

interface Deployed {
	/** The root template, with the URLs of its files on the client that sent it. */
	readonly root: Readonly<Record<string, unknown>>;
	readonly files: Readonly<Record<string, string>>;
}

async function readDeployed(stack: Stack): Promise<Deployed> {
	const [root, files] = await Promise.all([
		openstack(['stack', 'template', 'show', '-f', 'json', stack.id]),
		openstack(['stack', 'file', 'list', '-f', 'json', stack.id]),
	]);
	const listed = JSON.parse(files) as Record<string, string> | { files: Record<string, string> };
	return {
		root: JSON.parse(root) as Deployed['root'],
		files: typeof listed.files === 'object' ? listed.files : (listed as Record<string, string>),
	};
}

/** The URL of the folder of the templates, with a trailing slash. */
function folderOf(text: string): string {
	const nested = /"(file:\/\/[^"]*\/)[^"/]+\.yaml"/.exec(text)?.[1];
	return nested ?? '';
}

/** A file's content as a value: the client converts nested templates to JSON, which is also YAML. */
function contentOf(name: string, text: string): unknown {
	return name.includes('/') ? text : readMapping(text, name);
}

/**
 * The templates of a stack in Heat, as the files of a stack directory. If they equal those of this release, they are
 * returned as this release renders them, with comments.
 *
 * @param rendered  the templates of this release for the stack
 */
export async function deployedTree(stack: Stack, rendered: Tree): Promise<Tree> {
	const { root, files } = await readDeployed(stack);
	const folder = folderOf(JSON.stringify(root));
	const local = (text: string) => (folder === '' ? text : text.replaceAll(folder, ''));
	const texts = new Map(
		Object.entries(files)
			.filter(([name]) => name.startsWith(folder))
			.map(([name, text]) => [name.slice(folder.length), local(text)] as const),
	);
	texts.set('cluster.yaml', local(JSON.stringify(root)));
	const same =
		texts.size === rendered.length &&
		rendered.every((file) =>
			isDeepStrictEqual(contentOf(file.path, file.text), contentOf(file.path, texts.get(file.path) ?? '{}')),
		);
	if (same) return rendered;
	return sorted(
		[...texts].map(([name, text]) => {
			const content = contentOf(name, text);
			const written = typeof content === 'string' ? content : dump(content, { lineWidth: -1, noRefs: true });
			return { path: path.posix.normalize(name), mode: 0o644, text: written };
		}),
	);
}
