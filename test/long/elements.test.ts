import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { type Tree, writeTree } from '../../src/base/tree.ts';
import { renderImage } from '../../src/image/operations/render.ts';
import { temporaryFolder } from '../support/folders.ts';
import { plans } from '../support/images.ts';
import { output, runToEnd, systemPath, tool } from '../support/processes.ts';

const diskimageBuilder = '/usr/lib/python3/dist-packages/diskimage_builder';

/** What is rendered for each image. */
const rendered = new Map<string, Tree>();

/** The same without the elements that an image before has in the same words. */
const own = new Map<string, Tree>();
const seen = new Set<string>();
for (const [name, plan] of Object.entries(plans)) {
	const tree = await renderImage(plan);
	rendered.set(name, tree);
	const elementOf = (file: Tree[number]) => file.path.split('/').slice(0, 2).join('/');
	const elements = [...new Set(tree.map(elementOf))].map((element) =>
		tree.filter((file) => elementOf(file) === element),
	);
	const others = elements.filter((files) => !seen.has(JSON.stringify(files)));
	for (const files of others) seen.add(JSON.stringify(files));
	own.set(name, others.flat());
}

/** What dib-lint takes for Python: it asks once per file what a tox.ini says, and there is none. */
const python = '#!/bin/bash\n[ "$1" = - ] || exec /usr/bin/python3 "$@"\n';

for (const [name, plan] of Object.entries(plans)) {
	const tree = rendered.get(name) as Tree;

	test(`${name}: dib-lint finds nothing`, async (t) => {
		const folder = await temporaryFolder();
		await writeTree(folder, own.get(name) as Tree);
		// It wants a library to look at, a git repository to ask, and a command that Debian does not have.
		await mkdir(path.join(folder, 'lib'));
		await mkdir(path.join(folder, 'bin'));
		await writeFile(path.join(folder, 'bin/python'), python);
		await chmod(path.join(folder, 'bin/python'), 0o755);
		await output('git', ['init', '--quiet'], { cwd: folder });
		tool('file', 'file');
		const ended = await runToEnd(tool('dib-lint', 'python3-diskimage-builder'), [], {
			cwd: folder,
			env: { ELEMENTS_DIR: 'elements', LIB_DIR: 'lib', PATH: `${folder}/bin:${systemPath}` },
		});
		t.is(ended.code, 0, ended.stdout.replace(/^(Checking|Parsing).*\n/gm, ''));
	});

	test(`${name}: diskimage-builder resolves its elements`, async (t) => {
		const folder = await temporaryFolder();
		await writeTree(folder, tree);
		tool('disk-image-create', 'python3-diskimage-builder');
		const resolved = await output(
			'/usr/bin/python3',
			[path.join(diskimageBuilder, 'lib/element-info.py'), ...plan.elements],
			{ env: { ELEMENTS_PATH: `${folder}/elements:${diskimageBuilder}/elements` } },
		);
		const elements = resolved.trim().split(/\s+/);
		for (const own of await readdir(path.join(folder, 'elements'))) t.true(elements.includes(own), own);
	});

	test(`${name}: shellcheck and bash find nothing`, async (t) => {
		const folder = await temporaryFolder();
		const distinct = own.get(name) as Tree;
		await writeTree(folder, distinct);
		const scripts = distinct.filter((file) => file.text.startsWith('#!/bin/bash'));
		const sourced = distinct.filter((file) => file.path.includes('/environment.d/'));
		const shellcheck = tool('shellcheck', 'shellcheck');
		for (const [files, options] of [
			[scripts, []],
			[sourced, ['--shell=bash']],
		] as const) {
			const names = files.map((file) => file.path);
			if (names.length === 0) continue;
			const ended = await runToEnd(shellcheck, [...options, ...names], { cwd: folder });
			t.is(ended.code, 0, ended.stdout);
			for (const file of names) await output('bash', ['-n', file], { cwd: folder });
		}
	});
}

test('the scripts that kimg runs pass shellcheck', async (t) => {
	const scripts = path.join(packageRoot, 'scripts');
	const shellcheck = tool('shellcheck', 'shellcheck');
	for (const [cwd, names] of [
		[path.join(scripts, 'kubernetes'), ['--external-sources', 'build', 'test']],
		[path.join(scripts, 'image'), await shims(path.join(scripts, 'image'))],
	] as const) {
		const ended = await runToEnd(shellcheck, [...names], { cwd });
		t.is(ended.code, 0, ended.stdout);
	}
});

async function shims(folder: string): Promise<string[]> {
	const found = await readdir(folder, { recursive: true, withFileTypes: true });
	return found.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
