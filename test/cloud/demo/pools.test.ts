// An additional pool of the quick start's cluster: added, scaled by kstack and by the plain client, removed.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ask, clusters, eventually, kstack, kubectl, openstack, readyNodes } from '../cloud.ts';

const file = path.join(clusters, 'demo/cluster.yaml');
const taint = { key: 'kstack-test/pool', value: 'extra', effect: 'NoSchedule' };
const entry = `pools:
  - {name: extra, count: 1, labels: {kstack-test: "yes"}, taints: ['kstack-test/pool=extra:NoSchedule']}
`;

/** The servers of other pools, by name: none of them may change. */
async function others(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', 'demo-');
	return Object.fromEntries(
		found.filter(({ Name }) => !/extra/.test(Name)).map(({ ID, Name }) => [Name, ID]),
	);
}

interface Node {
	readonly metadata: { readonly labels: Readonly<Record<string, string>> };
	readonly spec: { readonly taints?: readonly { readonly key: string }[] };
}

/** The label and the taints of a node, once the masters have set them. */
const marks = (name: string) =>
	eventually(60, async () => {
		const { metadata, spec } = JSON.parse(await kubectl('get', 'node', name, '-o', 'json')) as Node;
		const taints = spec.taints ?? [];
		if (taints.some(({ key }) => key === 'kstack.io/pending')) throw new Error(`${name} is pending`);
		return { label: metadata.labels['kstack-test'], taints };
	});

const members = async () => (await readyNodes()).filter((name) => /extra/.test(name));

test.serial(
	'a pool in cluster.yaml is added with its label and taint; no other server changes',
	async (t) => {
		const before = await others();
		await writeFile(file, `${await readFile(file, 'utf8')}${entry}`);
		await kstack('update', 'demo');
		t.deepEqual(await members(), ['demo-extra-0']);
		t.deepEqual(await marks('demo-extra-0'), { label: 'yes', taints: [taint] });
		t.deepEqual(await others(), before);
	},
);

test.serial('the plain client scales a pool, and a new node gets the same label and taint', async (t) => {
	await openstack('stack', 'update', '--existing', '--parameter', 'extra_count=2', '--wait', 'demo');
	await eventually(60, async () => {
		if ((await members()).length !== 2) throw new Error('not Ready yet');
	});
	t.deepEqual(await marks('demo-extra-1'), { label: 'yes', taints: [taint] });
});

test.serial('kstack scale removes a node of a pool', async (t) => {
	await kstack('scale', 'demo', '--pool', 'extra=-1', '--yes');
	t.deepEqual(await members(), ['demo-extra-0']);
});

test.serial('a pool that is no longer in cluster.yaml is removed; no other server changes', async (t) => {
	const before = await others();
	const text = await readFile(file, 'utf8');
	await writeFile(file, text.slice(0, text.indexOf('pools:')));
	await kstack('update', 'demo', '--yes');
	t.deepEqual(await members(), []);
	t.deepEqual(await others(), before);
	const { parameters } = await ask<{ parameters: Record<string, string> }>('stack', 'show', 'demo');
	t.false('extra_count' in parameters, 'the pool is removed from the templates');
});
