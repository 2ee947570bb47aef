// A role that is made of one folder: test/fixtures/roles/builder. Nothing under src/ knows it.
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv } from 'ajv';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { readTree, writeTree } from '../../src/base/tree.ts';
import { resourcesOf, type Template } from '../../src/cluster/heat/evaluate.ts';
import { peakOf } from '../../src/cluster/heat/resource-limit.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { renderUserData } from '../../src/cluster/heat/user-data.ts';
import { hasNodeMarks, poolOfRole } from '../../src/cluster/kubernetes/pools.ts';
import { nextStep, startUpgrade, upgradeState } from '../../src/cluster/operations/upgrade-steps.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import { type Parameters, parametersOf } from '../../src/cluster/spec/parameters.ts';
import { entriesFor, recordsFor } from '../../src/cluster/spec/pool-entries.ts';
import { furtherPools } from '../../src/cluster/spec/pools.ts';
import { roleSchema } from '../../src/cluster/spec/role-file.ts';
import { packagedRoles, type Roles, rolesWith } from '../../src/cluster/spec/roles.ts';
import { assemble, node, started, stepsOf } from '../support/assembling.ts';
import { nodeFiles, ofContract } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { judgeByHeat } from '../support/heat.ts';
import { filledIn } from '../support/node.ts';
import { kstack, output, runToEnd, tool } from '../support/processes.ts';
import { SimulatedHeat } from '../support/simulated-heat.ts';

const fixture = path.join(packageRoot, 'test/fixtures/roles');
const roles = rolesWith(fixture);
const taint = 'example.com/builder:NoSchedule';
const entry = 'pools:\n  - {name: builder, role: builder, count: 2, labels: {team: web}}\n';
const source = { text: `networkDriver: routed\n${entry}`, path: 'demo/cluster.yaml' };
const flavors = { masterFlavor: 'a', minionFlavor: 'a', gatewayFlavor: 'a' };

/** A cluster with a pool of the role, and its stack's parameters. */
function cluster() {
	const { name, settings, pools: entries = [] } = readCluster('demo', flavors, source, undefined, roles);
	const records = recordsFor(entries, roles);
	const token = 'abcdef.0123456789abcdef';
	const parameters: Parameters = {
		...parametersOf(settings),
		...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: {} },
		...{ join_token: token, master_token: token, operator_request: '' },
		...{ builder_count: 2, builder_image: 'A', builder_flavor: 'a', pools: records },
	};
	return { input: { name, settings, pools: furtherPools(records), roles }, entries, records, parameters };
}

const { input, entries, records, parameters } = cluster();
const tree = renderTemplates(input);
const textOf = (name: string) => tree.find((file) => file.path === name)?.text ?? '';
const userData = textOf('user-data/pool-builder-contract-2.yaml');

test('nothing under src/cluster names the role', async (t) => {
	for (const file of await readTree(path.join(packageRoot, 'src/cluster')))
		t.false(/\bbuilder['"]/.test(file.text), file.path);
});

test('kstack render reads the role from the stack directory, and keeps it', async (t) => {
	const folder = await temporaryFolder();
	const directory = path.join(folder, 'demo');
	await mkdir(directory);
	await cp(fixture, path.join(directory, 'roles'), { recursive: true });
	await writeFile(path.join(directory, 'cluster.yaml'), source.text);
	for (const _ of ['first', 'again']) {
		const ended = await kstack(['render', 'demo'], { cwd: folder });
		t.is(ended.code, 0, ended.stderr);
	}
	t.deepEqual(await readTree(path.join(directory, 'roles')), await readTree(fixture));
	const read = async (name: string) => readFile(path.join(directory, name), 'utf8');
	t.is(await read('heat/user-data/pool-builder-contract-2.yaml'), userData);
	t.like((load(await read('parameters.yaml')) as { parameters: object }).parameters, {
		builder_count: 2,
		builder_flavor: 'm1.medium',
		pools: JSON.stringify(records),
	});
	t.true(
		new Ajv({ strict: false }).validate(JSON.parse(await read('cluster.schema.json')), load(source.text)),
	);
});

test('a stack has a server for each member of the pool, as Heat and kstack count', async (t) => {
	const templates = { root: load(textOf('cluster.yaml')) as Template, file: textOf };
	const resources = resourcesOf(templates, { ...parameters, 'OS::stack_name': 'demo' }, ({ count }) =>
		Array.from({ length: count }, (_, index) => index),
	);
	const servers = resources.filter(({ type, path: place }) => /Server$/.test(type) && /builder/.test(place));
	t.deepEqual(
		servers.map(({ properties }) => properties.name),
		['demo-builder-0', 'demo-builder-1'],
	);
	t.like(servers[0]?.properties, { metadata: { kstack_role: 'builder' } });
	const groups = resources.filter(({ path: place }) => place === 'pool_builder_security_group');
	t.deepEqual(groups[0]?.properties.rules, [
		{ protocol: 'tcp', port_range_min: 5000, port_range_max: 5000, remote_ip_prefix: '0.0.0.0/0' },
		{ protocol: 'udp', port_range_min: 6000, port_range_max: 6010, remote_ip_prefix: '192.0.2.0/24' },
	]);
	const port = resources.find(({ path: place }) => place === 'pool_builder/0/port');
	t.deepEqual(port?.properties.security_groups, ['‹security_group›', '‹pool_builder_security_group›']);
	const candidates = [];
	for (const previous of [null, 1]) {
		const folder = await temporaryFolder();
		await writeTree(folder, renderTemplates(input, { current: previous === null ? 1 : 3, previous }));
		candidates.push({ template: path.join(folder, 'cluster.yaml'), parameters });
	}
	for (const { error } of await judgeByHeat(candidates)) t.is(error, null);
});

test('members of the role count towards the limit of resources, without the folder of the role', (t) => {
	const { pools: _, ...without } = parameters;
	const [peak, before] = [peakOf(parameters), peakOf(without)];
	t.is(peak.members, before.members + 2);
	// The group, the server group and the security group.
	t.is(peak.total, before.total + 2 * peak.each + 3);
});

test('other members are the same beside the pool', (t) => {
	const { pools: _, ...without } = input;
	const plain = renderTemplates(without);
	for (const file of plain.filter((one) => one.path !== 'cluster.yaml')) t.is(textOf(file.path), file.text);
});

test('cloud-init accepts the user-data of the role, and writes each file unchanged', async (t) => {
	const folder = await temporaryFolder();
	const [raw, filled] = [path.join(folder, 'raw.yaml'), path.join(folder, 'filled.yaml')];
	await writeFile(raw, userData);
	await writeFile(filled, filledIn('builder', userData));
	const ended = await runToEnd(path.join(packageRoot, 'test/support/cloud-init-schema'), [raw, filled]);
	t.deepEqual([ended.code, ended.stdout], [0, `${raw}: valid\n${filled}: valid\n`], ended.stderr);
	const files = nodeFiles(filledIn('builder', userData));
	for (const one of await readTree(path.join(fixture, 'builder/files')))
		t.like(
			files.find((file) => file.path === one.path),
			{ text: one.text, mode: one.mode },
			one.path,
		);
	t.is(
		files.find((file) => file.path === stepsOf('builder'))?.text,
		'10-host\n70-join\n80-node\n90-builder\n',
	);
	const environment = files.find((file) => file.path === 'etc/kstack/node.env')?.text ?? '';
	t.regex(environment, /^NODE_TAINTS=kstack\.io\/pending=:NoSchedule$/m);
	t.regex(environment, /^ROLE=builder$/m);
});

test('a node of the role joins and starts its unit, with an image that does not know the role', async (t) => {
	const certificates = JSON.stringify({ ca: Buffer.from(await certificate()).toString('base64') });
	const builder = await node('builder', {}, { CERTIFICATES: certificates }, roles);
	await mkdir(path.join(builder.root, 'run/kstack-builder'), { recursive: true });
	await writeFile(path.join(builder.root, 'run/kstack-builder/beat'), '1\n');
	const { code, stdout, stderr } = await builder.run(assemble);
	t.is(code, 0, stdout + stderr);
	t.deepEqual(started(await builder.asked('systemctl')).slice(-4), [
		...['kubelet', 'kube-proxy', 'kstack-routes', 'builder'],
	]);
	t.deepEqual((await builder.file('signals')).match(/^== .*/gm), ['== SUCCESS assembled ready']);
});

test('the scripts of the role pass shellcheck', async (t) => {
	const scripts = (await readTree(fixture)).filter(({ text }) => text.startsWith('#!/bin/bash'));
	t.is(scripts.length, 2);
	const places = scripts.map((file) => path.join(fixture, file.path));
	t.is((await runToEnd(tool('shellcheck', 'shellcheck'), ['-S', 'style', ...places])).stdout, '');
});

test('masters label the nodes of a pool with its role and what role.yaml says, and correct another role', (t) => {
	t.deepEqual(records.builder, {
		...{ role: 'builder', labels: { 'example.com/builds': 'images', team: 'web' }, taints: [taint] },
	});
	const told = poolOfRole(records.builder as NonNullable<typeof records.builder>);
	t.deepEqual(told.labels, {
		...{ 'example.com/builds': 'images', team: 'web', 'kstack.io/role': 'builder' },
		'node-role.kubernetes.io/builder': '',
	});
	t.deepEqual(told.taints, [taint]);
	for (const other of Object.keys(packagedRoles))
		t.true(told.formerLabels.includes(`node-role.kubernetes.io/${other}`), other);
	t.deepEqual(entriesFor(records, { builder: 2 }, roles), entries);
});

test('masters get the record of a pool of gateways, and of none that has no marks', (t) => {
	const record = (role: string) => ({ edge: { role, labels: {}, taints: [] } });
	t.true(hasNodeMarks(record('gateway')), 'they recognise its gateways by the record only');
	t.true(hasNodeMarks(record('builder')));
	t.false(hasNodeMarks(record('minion')));
	t.false(hasNodeMarks({}));
});

/** The pools that an upgrade takes, in order. */
function order(of: Roles, mastersLast: boolean): string[] {
	const heat = new SimulatedHeat({ ...parameters, gateway_count: 1 });
	const started = startUpgrade(upgradeState(heat.parameters, of), 'B');
	const generations = { ...started.generations, mastersLast };
	const seen: string[] = [];
	let place = { ...started, generations };
	for (;;) {
		const step = nextStep(place, [], true, 9);
		if (step === undefined) return seen;
		if (step.pool !== undefined && !seen.includes(step.pool.id)) seen.push(step.pool.id);
		place = { ...place, now: step.now, before: step.before };
	}
}

test('an upgrade follows the upgrade order of the role: by default with the minions', (t) => {
	t.deepEqual(order(roles, false), ['master', 'gateway', 'minion', 'builder']);
	t.deepEqual(order(roles, true), ['minion', 'builder', 'gateway', 'master']);
	const builder = { ...(roles.builder as NonNullable<typeof roles.builder>), upgradeOrder: 1 };
	t.deepEqual(order({ ...roles, builder }, false), ['master', 'builder', 'gateway', 'minion']);
});

test('an unknown role is refused with a suggestion, or with the path for its folder', (t) => {
	const misspelt = { ...source, text: entry.replace('role: builder', 'role: bilder') };
	t.throws(() => readCluster('demo', {}, misspelt, undefined, roles), {
		message: /bilder.*did you mean builder/,
	});
	t.throws(() => readCluster('demo', {}, source), { message: /"builder".*minion.*gateway/ });
	t.throws(() => renderTemplates({ ...input, roles: packagedRoles }), { code: 'unknown-role' });
	t.throws(() => renderTemplates(input, undefined, ofContract(0)), { code: 'image-without-role' });
});

test('a taint of the role is refused in a pool', (t) => {
	const text = entry.replace('}}', "}, taints: ['example.com/builder=x:NoSchedule']}");
	t.throws(() => readCluster('demo', {}, { ...source, text }, undefined, roles), {
		message: /taint of the role/,
	});
});

/** The certificate of an authority of its own. */
async function certificate(): Promise<string> {
	const folder = await temporaryFolder();
	const [key, file] = [path.join(folder, 'key'), path.join(folder, 'crt')];
	const subject = ['-subj', '/CN=ca', '-days', '1', '-keyout', key, '-out', file];
	await output('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject]);
	return readFile(file, 'utf8');
}

/** The mistakes in a folder of roles with these files. */
async function mistakesIn(files: Readonly<Record<string, string>>): Promise<string> {
	const folder = await temporaryFolder();
	const all = Object.entries(files).map(([name, text]) => ({ path: name, mode: 0o644, text }));
	await writeTree(folder, all);
	try {
		rolesWith(folder);
	} catch (error) {
		return (error as Error).message.replaceAll(`${folder}/`, '');
	}
	return '';
}

const good = 'description: Builds\n';
for (const [what, files, ...words] of [
	['an unknown key', { 'a/role.yaml': `${good}taint: []\n` }, 'taint', 'did you mean taints?'],
	['no description', { 'a/role.yaml': 'taints: []\n' }, 'a/role.yaml', 'description'],
	['no role.yaml', { 'a/steps/90-a': '#!/bin/bash\n' }, 'a/role.yaml is missing'],
	['a key of the roles of kstack', { 'a/role.yaml': `${good}controlPlane: true\n` }, 'controlPlane'],
	['a taint of kstack', { 'a/role.yaml': `${good}taints: ['kstack.io/a=:NoSchedule']\n` }, 'kstack.io/a'],
	['a label of Kubernetes', { 'a/role.yaml': `${good}labels: {kubernetes.io/a: b}\n` }, 'kubernetes.io/a'],
	['no memory', { 'a/role.yaml': `${good}minimum: {memory: 0}\n` }, 'memory', '0', 'megabytes'],
	['an order that is no number', { 'a/role.yaml': `${good}upgradeOrder: last\n` }, 'upgradeOrder', '"last"'],
	['the name of a role of kstack', { 'minion/role.yaml': good }, 'minion', 'use another name'],
	['a name with a hyphen', { 'my-role/role.yaml': good }, 'my-role', 'a-z'],
	['a step of the image', { 'a/role.yaml': good, 'a/steps/80-node': '#!/bin/bash\n' }, '80-node'],
	['a step without a number', { 'a/role.yaml': good, 'a/steps/join': '#!/bin/bash\n' }, 'steps/join'],
	['a step that is no script', { 'a/role.yaml': good, 'a/steps/90-a': 'echo\n' }, '#!/bin/bash'],
	['a step with CRLF', { 'a/role.yaml': good, 'a/steps/90-a': '#!/bin/bash\r\n' }, '90-a', 'CRLF'],
	['a file in place of steps', { 'a/role.yaml': good, 'a/steps': '' }, 'a/steps', 'folder'],
	['a big file', { 'a/role.yaml': good, 'a/files/opt/a': 'a'.repeat(65_537) }, 'opt/a', '64 KiB'],
	[
		'a value that contains itself',
		{ 'a/role.yaml': 'description: &a [*a]\n' },
		'description',
		'contains itself',
	],
	[
		'no YAML',
		{ 'a/role.yaml': 'taints: [', 'b/role.yaml': 'x: 1\n' },
		'a/role.yaml is not YAML',
		'b/role.yaml: x',
	],
	['a name that is a value in YAML', { 'null/role.yaml': good }, 'null: the name'],
	['a name like a property of all objects', { 'constructor/role.yaml': good }, 'constructor: the name'],
	['a file of kstack', { 'a/role.yaml': good, 'a/files/usr/local/sbin/kstack-leave': '' }, 'kstack-leave'],
	['the facts of a node', { 'a/role.yaml': good, 'a/files/etc/kstack/node.env': '' }, 'node.env'],
	['a binary file', { 'a/role.yaml': good, 'a/files/opt/a': 'a\0b' }, 'opt/a', 'text'],
	['an unknown folder', { 'a/role.yaml': good, 'a/step/90-a': '#!/bin/bash\n' }, 'did you mean steps?'],
	[
		'a port that is none',
		{ 'a/role.yaml': `${good}openPorts: [{ports: 0}]\n` },
		'a/role.yaml: openPorts[0].ports is 0',
	],
	[
		'ports that none may use',
		{ 'a/role.yaml': `${good}openPorts: [{ports: 1, from: 1.2}]\n` },
		'from',
		'1.2',
	],
	[
		'no port',
		{ 'a/role.yaml': `${good}openPorts: [{protocol: tcp}]\n` },
		'a/role.yaml: openPorts[0].ports is missing',
	],
	['two mistakes', { 'a/role.yaml': 'taints: x\n', 'b/role.yaml': `${good}x: 1\n` }, 'a/', 'b/', 'taints'],
] as const) {
	test(`a folder with ${what} is refused`, async (t) => {
		const message = await mistakesIn(files);
		for (const word of words) t.true(message.includes(word), message);
	});
}

test('what a role takes from a link must be a file', async (t) => {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'a/files'), { recursive: true });
	await writeFile(path.join(folder, 'a/role.yaml'), good);
	await symlink('/dev/null', path.join(folder, 'a/files/device'));
	await symlink('nowhere', path.join(folder, 'a/files/broken'));
	await symlink('nowhere', path.join(folder, 'a/steps'));
	const { message } = t.throws(() => rolesWith(folder)) as Error;
	for (const word of [
		'files/device must be a file',
		'files/broken must be a file',
		'a/steps must be a folder',
	])
		t.true(message.includes(word), message);
});

test('a role.yaml that is not UTF-8 is refused', async (t) => {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'a'));
	await writeFile(path.join(folder, 'a/role.yaml'), Buffer.from('description: caf\xe9\n', 'latin1'));
	t.throws(() => rolesWith(folder), { message: /role\.yaml is not a text file/ });
});

test('a role.yaml with CRLF line ends is accepted', async (t) => {
	t.is(await mistakesIn({ 'a/role.yaml': `${good}labels:\n  a: b\n`.replaceAll('\n', '\r\n') }), '');
});

test('hidden files among the steps are no steps', async (t) => {
	t.is(await mistakesIn({ 'a/role.yaml': good, 'a/steps/.gitkeep': '', 'a/steps/.DS_Store': 'x\0' }), '');
});

test('a list that a YAML text repeats many times is not shown', async (t) => {
	const lists = ['&a [x]', ...'abcd'].map((one, index) =>
		index === 0 ? `- ${one}` : `- &${'bcdef'[index - 1]} [${Array(10).fill(`*${one}`)}]`,
	);
	const message = await mistakesIn({ 'a/role.yaml': `taints:\n${lists.join('\n')}\ndescription: *e\n` });
	t.true(message.includes('description is a list'), message.slice(0, 1000));
	t.true(message.length < 2000, message.slice(0, 3000));
});

test('user-data quotes a path that YAML would read as something else', async (t) => {
	const folder = await temporaryFolder();
	const files = ['etc/a: b', 'etc/a #b', 'etc/c:', 'etc/d e'];
	await writeTree(folder, [
		{ path: 'a/role.yaml', mode: 0o644, text: good },
		...files.map((file) => ({ path: `a/files/${file}`, mode: 0o644, text: 'x' })),
	]);
	const data = load(renderUserData('a', { settings: input.settings, roles: rolesWith(folder) })) as {
		write_files: { path: string }[];
	};
	const paths = data.write_files.map((file) => file.path);
	for (const file of files) t.true(paths.includes(`/${file}`), file);
});

test('the schema of role.yaml takes what the reader takes', async (t) => {
	const isRole = new Ajv({ strictSchema: true, allowUnionTypes: true, strictTypes: false }).compile(
		roleSchema(),
	);
	const texts = [good, await readFile(path.join(fixture, 'builder/role.yaml'), 'utf8'), `${good}labels:\n`];
	for (const text of texts) {
		t.is(await mistakesIn({ 'a/role.yaml': text }), '');
		t.true(isRole(load(text)), JSON.stringify(isRole.errors));
	}
	for (const wrong of [{}, { description: 'x', taints: ['a'] }, { description: 'x', controlPlane: true }])
		t.false(isRole(wrong), JSON.stringify(wrong));
});

test('mistakes of roles and of cluster.yaml are told together', async (t) => {
	const folder = await temporaryFolder();
	const pools = 'pools: [{name: gpu, role: builder, count: 1}, {name: b, role: none, count: 1}]';
	await writeTree(folder, [
		{ path: 'demo/cluster.yaml', mode: 0o644, text: `minions: many\n${pools}\n` },
		{ path: 'demo/roles/builder/role.yaml', mode: 0o644, text: 'description: x\ntaint: []\n' },
		{ path: 'demo/roles/minion/role.yaml', mode: 0o644, text: 'description: x\n' },
	]);
	const { code, stderr } = await kstack(['render', 'demo'], { cwd: folder });
	t.is(code, 2, stderr);
	t.regex(stderr, /^kstack: 4 mistakes:$/m);
	for (const words of [
		'builder/role.yaml: taint',
		'kstack has a role minion',
		'minions is "many"',
		'role is "none"',
	])
		t.true(stderr.includes(words), `${words}: ${stderr}`);
	t.notRegex(stderr, /role is "builder"/);
});

test('a folder without roles adds none', async (t) => {
	const folder = await temporaryFolder();
	t.deepEqual(rolesWith(folder), packagedRoles);
	t.deepEqual(rolesWith(path.join(folder, 'none')), packagedRoles);
	t.deepEqual(await readdir(folder), []);
});
