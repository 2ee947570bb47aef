// What docs/architecture.md says of src/: each folder imports only those listed before it.
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';

const source = path.join(packageRoot, 'src');

/** Folders of src in the order of what they stand on. `cluster/` and `image/` never import each other. */
const layers: readonly string[] = [
	'base',
	'openstack',
	...['spec', 'heat', 'kubernetes', 'operations'].map((folder) => `cluster/${folder}`),
	...['spec', 'workspace', 'fetch', 'debian', 'build', 'bundle', 'disk', 'glance', 'operations'].map(
		(folder) => `image/${folder}`,
	),
	'cli',
];

const layerOf = (file: string) => layers.findLast((layer) => file.startsWith(`${layer}/`)) ?? 'cli';

const halfOf = (layer: string) => /^(cluster|image)\//.exec(layer)?.[1];

/** The imports of a file, static and dynamic, as paths below src. */
function importsOf(file: string): string[] {
	const text = readFileSync(path.join(source, file), 'utf8');
	return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
		path.join(path.dirname(file), match[1] as string),
	);
}

async function files(): Promise<string[]> {
	const all = await readdir(source, { recursive: true });
	return all.filter((file) => file.endsWith('.ts'));
}

test('every source file is in a folder of a layer', async (t) => {
	const strangers = (await files()).filter(
		(file) =>
			!['kimg.ts', 'kstack.ts'].includes(file) && !layers.some((layer) => file.startsWith(`${layer}/`)),
	);
	t.deepEqual(strangers, []);
});

test('a file imports only its own folder and those before it', async (t) => {
	const wrong = (await files()).flatMap((file) =>
		importsOf(file)
			.filter((target) => layers.indexOf(layerOf(target)) > layers.indexOf(layerOf(file)))
			.map((target) => `${file} imports ${target}`),
	);
	t.deepEqual(wrong, []);
});

test('kimg and kstack share no file but those of base, openstack and cli', async (t) => {
	const wrong = (await files()).flatMap((file) => {
		const half = halfOf(layerOf(file));
		return importsOf(file)
			.filter((target) => half !== undefined && ![undefined, half].includes(halfOf(layerOf(target))))
			.map((target) => `${file} imports ${target}`);
	});
	t.deepEqual(wrong, []);
});

test('only designated files start programs, and only main.ts sets an exit code', async (t) => {
	const all = await files();
	const having = (pattern: RegExp) =>
		all.filter((file) => pattern.test(readFileSync(path.join(source, file), 'utf8'))).sort();
	t.deepEqual(having(/'node:child_process'|'execa'/), ['base/run.ts', 'openstack/session.ts']);
	t.deepEqual(having(/process\.exitCode =/), ['cli/main.ts']);
});
