// What is generated, judged by the programs that will read it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { cases, nodeFiles, rendered, userDataFile, userDataOf } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { filledIn, imageFiles, writeNode } from '../support/node.ts';
import { output, runToEnd, tool } from '../support/processes.ts';
import { readByPyYaml } from '../support/python.ts';

const schema = path.join(packageRoot, 'test/support/cloud-init-schema');

/** Per role, the node that its user-data and the image make, and its files that assembling reads. */
async function nodes(t: ExecutionContext, args: readonly string[]) {
	const { directory } = await rendered(t, args);
	const userData = await userDataOf(directory);
	const image = await imageFiles();
	const ofAssembling = image.filter((file) => file.path.startsWith('usr/share/kstack/a'));
	return Promise.all(
		roles.map(async (role) => {
			const files = nodeFiles(filledIn(role, userData[role] ?? ''));
			const root = await temporaryFolder();
			await writeNode(root, [...image, ...files]);
			return { role, root, files: [...ofAssembling, ...files] };
		}),
	);
}

const isBash = (text: string) => /^#!\/bin\/bash\n|^# shellcheck shell=bash\n/.test(text);

for (const [name, args] of Object.entries(cases)) {
	test(`cloud-init accepts the user-data of the case ${name}, before and after Heat replaced the placeholders`, async (t) => {
		const { directory } = await rendered(t, args);
		const userData = await userDataOf(directory);
		const folder = await temporaryFolder();
		const files: string[] = [];
		for (const role of roles) {
			const filled = path.join(folder, `${role}.yaml`);
			await writeFile(filled, filledIn(role, userData[role] ?? ''));
			files.push(filled, userDataFile(directory, role));
		}
		const ended = await runToEnd(schema, files);
		t.deepEqual(
			[ended.code, ended.stdout],
			[0, files.map((file) => `${file}: valid\n`).join('')],
			ended.stderr,
		);
	});

	test(`bash reads the requested values from node.env of the case ${name}`, async (t) => {
		for (const { role, root } of await nodes(t, args)) {
			const file = path.join(root, 'etc/kstack/node.env');
			const print =
				'for name in ROLE NODE_NAME PROXY_HTTP PROXY_EXCEPT CLUSTER_DOMAIN; do echo "${!name}"; done';
			const said = (await output('bash', ['-uc', `. "$1"; ${print}`, '-', file])).split('\n');
			const flag = (word: string, standard = '') => args[args.indexOf(word) + 1 || -1] ?? standard;
			t.deepEqual(said.slice(0, -1), [
				...[role, `demo-${role}-0`, flag('--http-proxy'), flag('--no-proxy')],
				flag('--cluster-domain', 'cluster.local'),
			]);
		}
	});

	test(`Python and Node.js read every YAML file of the case ${name} the same`, async (t) => {
		const { tree } = await rendered(t, args);
		const files = tree.filter((file) => file.path.endsWith('.yaml'));
		const read = await readByPyYaml(files.map((file) => file.text.replace('2018-08-31', "'2018-08-31'")));
		for (const [index, { path: file, text }] of files.entries()) {
			t.deepEqual(read[index], load(text.replace('2018-08-31', "'2018-08-31'")), file);
		}
	});
}

test('bash and shellcheck accept every script of every case', async (t) => {
	/** Each text once where node.env, which scripts source, sets the same variables. */
	const scripts = new Map<string, string>();
	for (const args of Object.values(cases)) {
		for (const { root, files } of await nodes(t, args)) {
			const environment = files.find((file) => file.path === 'etc/kstack/node.env')?.text ?? '';
			const variables = environment.match(/^\w+(?==)/gm);
			t.truthy(variables);
			for (const file of files.filter(({ text }) => isBash(text)))
				scripts.set(JSON.stringify([file.path, file.text, variables]), path.join(root, file.path));
		}
	}
	t.true(scripts.size > 8);
	for (const script of scripts.values()) await output('bash', ['-n', script]);
	const check = await runToEnd(tool('shellcheck', 'shellcheck'), ['-S', 'style', '-x', ...scripts.values()]);
	t.is(check.stdout, '');
});

test('manifests and policies on a master are valid YAML of the expected kinds', async (t) => {
	const master = (await nodes(t, [])).find(({ role }) => role === 'master');
	const files = master?.files.filter((file) => file.path.endsWith('.yaml')) ?? [];
	type Document = { apiVersion: string; kind: string; items?: Document[] };
	const read = (await readByPyYaml(files.map((file) => file.text))) as Document[];
	const documents = read.flatMap((document) => document.items ?? [document]);
	for (const document of documents) {
		t.regex(document.apiVersion, /^[a-z0-9./]+$/i);
		t.regex(document.kind, /^[A-Z]\w+$/);
	}
	t.true(documents.length > 6);
});

test('the schema of cloud-init rejects invalid user-data', async (t) => {
	const folder = await temporaryFolder();
	await mkdir(folder, { recursive: true });
	const wrong = {
		'type.yaml': '#cloud-config\nwrite_files: 3\n',
		'word.yaml': '#cloud-config\nwrite_files:\n  - path: /a\n    permission: 3\n',
		'head.yaml': 'write_files: []\n',
		'text.yaml': '#cloud-config\nwrite_files: [\n',
	};
	for (const [name, text] of Object.entries(wrong)) await writeFile(path.join(folder, name), text);
	const ended = await runToEnd(schema, Object.keys(wrong), { cwd: folder });
	t.is(ended.code, 1);
	t.notRegex(ended.stdout, /: valid$/m);
	for (const name of Object.keys(wrong)) t.regex(ended.stdout, new RegExp(`^${name}: `, 'm'));
});
