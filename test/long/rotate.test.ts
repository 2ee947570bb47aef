import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { withOwnVersion } from '../../src/cluster/heat/kstack-version.ts';
import { type Answers, withAuthorityOf } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { type FakeKubernetes, fakeKubernetes } from '../support/kubernetes.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** The API of a cluster with this seed, and with the token that members of earlier clusters share. */
const cluster = (seed: string | undefined) =>
	fakeKubernetes({
		[`GET ${secrets}/kstack-join-seeds`]:
			seed === undefined
				? [404, { reason: 'NotFound' }]
				: [200, { data: { seeds: base64(JSON.stringify([seed])) } }],
		[`PATCH ${secrets}/kstack-join-seeds`]: seed === undefined ? [404, { reason: 'NotFound' }] : [200, {}],
		[`POST ${secrets}`]: [201, {}],
		[`GET ${secrets}?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken`]: [
			200,
			{
				items: [
					{
						metadata: { name: 'bootstrap-token-abcdef' },
						data: { 'auth-extra-groups': base64('system:bootstrappers:kstack') },
					},
					{
						metadata: { name: 'bootstrap-token-master' },
						data: { 'auth-extra-groups': base64('system:bootstrappers:kstack-masters') },
					},
				],
			},
		],
	});

/** Runs the command on a cluster whose stack records this. */
async function rotate(kubernetes: FakeKubernetes, record: object, more: Answers = {}) {
	const { folder, stages } = await made();
	await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
	const generations = withOwnVersion({ generations: JSON.stringify(record) });
	const cloud = withAuthorityOf(kubernetes.kubeconfig, stages(3)).map((stage) => {
		const shown = stage['stack-show-demo'] as { parameters?: Record<string, unknown> } | undefined;
		if (shown?.parameters === undefined) return stage;
		const own = { master_image: 'image-1', cluster_state: 'existing', generations };
		return {
			...stage,
			'stack-show-demo': { ...shown, parameters: { ...shown.parameters, ...own } },
			...more,
		};
	});
	return on(cloud, ['rotate', 'join-token', 'demo'], { cwd: folder });
}

const seedIn = async (folder: string) => {
	const text = await readFile(path.join(folder, 'demo/secrets.yaml'), 'utf8');
	return (load(text) as { parameters: { join_token: string } }).parameters.join_token;
};

const supported = { contracts: { 'image-1': 2 }, memberTokens: true };

test('a new seed is verified beside the old one until Heat has it, and alone from then on', async (t) => {
	const kubernetes = await cluster('oldold.0123456789abcdef');
	t.teardown(kubernetes.close);
	const { code, stderr, asked, folder } = await rotate(kubernetes, supported);
	t.is(code, 0, stderr);
	const seed = await seedIn(folder);
	const stored = kubernetes.sent.map((body) => JSON.parse(JSON.parse(body).stringData.seeds) as string[]);
	t.deepEqual(stored, [[seed, 'oldold.0123456789abcdef'], [seed]]);
	t.is(updates(asked).length, 1);
	t.regex(updates(asked)[0] ?? '', /'join_token=file:/);
	t.false(
		asked.some((line) => line.includes(seed)),
		'a command line has no secret',
	);
});

test('if Heat refuses the update, the masters verify the old seed alone', async (t) => {
	const kubernetes = await cluster('oldold.0123456789abcdef');
	t.teardown(kubernetes.close);
	const { code, stderr, folder } = await rotate(kubernetes, supported, {
		'stack-update.fails': 'ERROR: no\n',
	});
	t.is(code, 1, stderr);
	t.deepEqual(JSON.parse(JSON.parse(kubernetes.sent.at(-1) ?? '').stringData.seeds), [
		'oldold.0123456789abcdef',
	]);
	t.false(kubernetes.asked.some((line) => line.startsWith('DELETE')));
	t.regex(await seedIn(folder), /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
});

test('image without member tokens: refused, with the way out', async (t) => {
	const kubernetes = await cluster(undefined);
	t.teardown(kubernetes.close);
	const { code, stderr, asked } = await rotate(kubernetes, { contracts: { 'image-1': 1 } });
	t.is(code, 2);
	t.regex(stderr, /masters of demo.*\n.*kstack upgrade demo --image/);
	t.deepEqual(updates(asked), []);
	t.deepEqual(kubernetes.sent, []);
});

test('if Heat refuses the first tokens of members, the cluster has no seed, and its shared token', async (t) => {
	const kubernetes = await cluster(undefined);
	t.teardown(kubernetes.close);
	const refused = { 'stack-update.fails': 'ERROR: no\n' };
	const { code, stderr } = await rotate(kubernetes, { contracts: { 'image-1': 2 } }, refused);
	t.is(code, 1, stderr);
	const deleted = kubernetes.asked.filter((line) => line.startsWith('DELETE'));
	t.is(deleted.length, 1);
	t.regex(deleted[0] ?? '', /secrets\/kstack-join-seeds/);
});
