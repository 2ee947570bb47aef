// A role made of one folder, on the quick start's cluster: a pool of it is added, works, and is removed.
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ask, clusters, eventually, inNode, kstack, kubectl, readyNodes, root } from '../cloud.ts';

const directory = path.join(clusters, 'demo');
const file = path.join(directory, 'cluster.yaml');
const roles = path.join(directory, 'roles');
const entry = 'pools:\n  - {name: builder, role: builder, count: 1}\n';
const name = 'demo-builder-0';

/** The servers that are not of the pool, by name: none of them may change. */
async function others(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', 'demo-');
	return Object.fromEntries(
		found.filter(({ Name }) => !/builder/.test(Name)).map(({ ID, Name }) => [Name, ID]),
	);
}

interface Node {
	readonly metadata: { readonly labels: Readonly<Record<string, string>> };
	readonly spec: { readonly taints?: readonly object[] };
}

/** Labels and taints of the node, once the masters have set them. */
const marks = () =>
	eventually(60, async () => {
		const { metadata, spec } = JSON.parse(await kubectl('get', 'node', name, '-o', 'json')) as Node;
		const taints = spec.taints ?? [];
		if (JSON.stringify(taints).includes('kstack.io/pending')) throw new Error(`${name} is pending`);
		return { labels: metadata.labels, taints };
	});

const isMember = async () => (await readyNodes()).includes(name);

test.serial('a pool of the role is added; its node joins with taint, labels and unit', async (t) => {
	const before = await others();
	await cp(path.join(root, 'test/fixtures/roles'), roles, { recursive: true });
	await writeFile(file, `${await readFile(file, 'utf8')}${entry}`);
	await kstack('update', 'demo');
	t.true(await isMember());
	const { labels, taints } = await marks();
	t.deepEqual(taints, [{ key: 'example.com/builder', effect: 'NoSchedule' }]);
	t.like(labels, {
		'example.com/builds': 'images',
		'kstack.io/role': 'builder',
		'node-role.kubernetes.io/builder': '',
	});
	t.is((await inNode(name, 'systemctl', 'is-active', 'builder')).stdout.trim(), 'active');
	t.deepEqual(await others(), before);
});

test.serial('masters correct a node of the pool that says it has another role', async (t) => {
	const as = (...args: string[]) =>
		inNode(name, 'kubectl', '--kubeconfig=/etc/kubernetes/kubelet.conf', ...args);
	const claimed = await as('label', '--overwrite', 'node', name, 'kstack.io/role=gateway');
	t.is(claimed.code, 0, claimed.stderr);
	await eventually(60, async () => {
		const { labels } = await marks();
		if (labels['kstack.io/role'] !== 'builder') throw new Error(`role ${labels['kstack.io/role']}`);
	});
	t.false('node-role.kubernetes.io/gateway' in (await marks()).labels);
});

test.serial('the pool is removed, then the folder of its role; no other server changes', async (t) => {
	const before = await others();
	const text = await readFile(file, 'utf8');
	await writeFile(file, text.slice(0, text.indexOf('pools:')));
	await kstack('update', 'demo', '--yes');
	t.false(await isMember());
	await rm(roles, { recursive: true });
	t.deepEqual(await others(), before);
	const { parameters } = await ask<{ parameters: Record<string, string> }>('stack', 'show', 'demo');
	t.false('builder_count' in parameters, 'the pool left the templates');
	await kstack('update', 'demo');
});
