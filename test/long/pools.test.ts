import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { imageContract } from '../../src/base/contract.ts';
import { packageRoot } from '../../src/base/package.ts';
import { withOwnVersion } from '../../src/cluster/heat/kstack-version.ts';
import { type Answers, event, imageOf, withAuthorityOf } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { fakeKubernetes } from '../support/kubernetes.ts';

type Shown = { parameters: Record<string, string>; outputs: object[] } & Record<string, unknown>;

const record = { role: 'minion', labels: {}, taints: [] } as const;

/** The stack demo with the pool gpu, after `number` events. */
function withPool(first: Answers, count: number, number: number, pool: object = record): Answers {
	const shown = first['stack-show-demo'] as Shown;
	const parameters = {
		...{ gpu_count: String(count), gpu_image: 'image-1', gpu_flavor: '3', gpu_availability_zone: '' },
		...{ pools: JSON.stringify({ gpu: pool }), removed_gpu: '', previous_gpu_count: '0' },
		...{ previous_gpu_image: '', previous_removed_gpu: '' },
	};
	const members = Array.from({ length: count }, (_, index) => ({
		...{ name: `demo-gpu-${index}`, address: '10.0.0.9', server: `gpu-${index}` },
		...{ index: String(index), generation: '1' },
	}));
	return {
		'stack-show-demo': {
			...shown,
			parameters: { ...shown.parameters, ...parameters },
			outputs: [...shown.outputs, { output_key: 'pool_gpu', output_value: members }],
		},
		'stack-event-list': [
			event(1, 'CREATE_COMPLETE'),
			...Array.from({ length: number }, (_, index) => event(index + 2, 'UPDATE_COMPLETE')),
		],
	};
}

const entry = (count: number) => `pools:\n  - name: gpu # cards\n    count: ${count}\n`;

/** A cluster whose stack and parameters.yaml have images of that contract, and its first stage. */
async function pinned(contract: number) {
	const { folder, stages } = await made();
	const [first = {}] = stages(3);
	const images = {
		master_image: 'image-1',
		minion_image: 'image-1',
		minion_flavor: '3',
		cluster_state: 'existing',
		generations: withOwnVersion({
			generations: JSON.stringify({ contracts: { 'image-1': imageContract }, memberTokens: true }),
		}),
	};
	const shown = first['stack-show-demo'] as Shown;
	const start: Answers = {
		...first,
		'stack-show-demo': { ...shown, parameters: { ...shown.parameters, ...images } },
		'image-show-image-1': imageOf('image-1', 'debian12-x64-kubernetes', {
			kstack_contract: String(contract),
		}),
	};
	const file = path.join(folder, 'demo/cluster.yaml');
	const parametersFile = path.join(folder, 'demo/parameters.yaml');
	const text = (await readFile(parametersFile, 'utf8'))
		.replace(/(master|minion)_image: .*/g, '$1_image: image-1')
		.replace(/minion_flavor: .*/, "minion_flavor: '3'")
		.replace(/generations: .*/, `generations: '${images.generations}'`);
	await writeFile(parametersFile, text);
	return { folder, start, file, parametersFile, text: await readFile(file, 'utf8') };
}

test('update adds a pool of cluster.yaml, and refuses one that the masters cannot label', async (t) => {
	const { folder, start, file, parametersFile, text } = await pinned(0);
	await writeFile(file, `${text}${entry(2)}    labels: {accelerator: nvidia}\n`);
	const refused = await on([start], ['update', 'demo'], { cwd: folder });
	t.is(refused.code, 2);
	t.regex(refused.stderr, /gpu.*upgrade the masters first/);
	t.deepEqual(updates(refused.asked), []);

	await writeFile(file, `${text}${entry(2)}`);
	const added = await on([start, withPool(start, 2, 1)], ['update', 'demo'], { cwd: folder });
	t.is(added.code, 0, added.stderr);
	t.is(updates(added.asked).length, 1);
	for (const told of ["'gpu_count=2'", "'gpu_image=image-1'", "'gpu_flavor=3'", 'pools=file:'])
		t.true(updates(added.asked)[0]?.includes(told), told);
	t.regex(added.stderr, /^add +server +…-gpu-1|^add +server +demo-gpu-1/m);
	t.notRegex(added.stderr, /^(replace|delete|update) +server/m);
	t.regex(added.stdout, /^demo-gpu-1 +minion +gpu/m);
	const { parameters } = load(await readFile(parametersFile, 'utf8')) as Shown;
	t.like(parameters, { gpu_image: 'image-1', pools: JSON.stringify({ gpu: record }) });
	t.is(Number(parameters.gpu_count), 2);
});

test('plan adds a pool with a role of the stack directory, and refuses it where the image is too old', async (t) => {
	const ofRole = entry(2).replace('count', 'role: builder\n    count');
	const old = await pinned(0);
	await writeFile(old.file, `${old.text}${ofRole}`);
	const without = await on([old.start], ['plan', 'demo'], { cwd: old.folder });
	t.is(without.code, 2);
	t.regex(without.stderr, /"builder"/);
	const roles = path.join(packageRoot, 'test/fixtures/roles');
	await cp(roles, path.join(old.folder, 'demo/roles'), { recursive: true });
	const refused = await on([old.start], ['plan', 'demo'], { cwd: old.folder });
	t.is(refused.code, 2);
	t.regex(refused.stderr, /pool gpu: the image .* too old for the role builder/);

	const { folder, start, file, text } = await pinned(imageContract);
	await writeFile(file, `${text}${ofRole}`);
	await cp(roles, path.join(folder, 'demo/roles'), { recursive: true });
	const { code, stdout, stderr } = await on([start], ['plan', 'demo'], { cwd: folder });
	t.is(code, 3, stderr + stdout);
	t.regex(stdout, /^add +server +demo-gpu-1/m);
	t.notRegex(stdout, /^(replace|delete|update) +server/m);
});

test('scale changes the count of a pool and writes it to cluster.yaml; an unknown pool is refused with the existing ones', async (t) => {
	const { folder, stages } = await made();
	const [first = {}] = stages(3);
	const file = path.join(folder, 'demo/cluster.yaml');
	await writeFile(file, `${await readFile(file, 'utf8')}${entry(2)}`);
	const start = { ...first, ...withPool(first, 2, 0) };
	const strange = await on([start], ['scale', 'demo', '--pool', 'cpu=1'], { cwd: folder });
	t.is(strange.code, 2);
	t.regex(strange.stderr, /cpu.*gpu/);
	const { code, stderr, asked } = await on(
		[start, withPool(first, 3, 1)],
		['scale', 'demo', '--pool', 'gpu=+1'],
		{
			cwd: folder,
		},
	);
	t.is(code, 0, stderr);
	t.true(updates(asked)[0]?.includes("'gpu_count=3'"));
	t.false(updates(asked)[0]?.includes('minion_count'));
	t.true((await readFile(file, 'utf8')).includes('  - name: gpu # cards\n    count: 3\n'));
});

test('if the entry of a pool is removed, its members are removed first, then its templates and parameters', async (t) => {
	const { folder, stages } = await made();
	const [first = {}] = stages(3);
	const start = { ...first, ...withPool(first, 1, 0) };
	const gone = {
		'stack-show-demo': first['stack-show-demo'],
		'stack-event-list': [1, 2, 3].map((number) => event(number, 'UPDATE_COMPLETE')),
	};
	const { code, stderr, stdout, asked } = await on(
		[start, withPool(first, 0, 1), gone],
		['update', 'demo', '--yes'],
		{ cwd: folder },
	);
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 2, stderr);
	t.true(updates(asked)[0]?.includes("'gpu_count=0'"));
	t.regex(stderr, /^demo-gpu-0 +gpu/m);
	t.notRegex(stdout, /demo-gpu/);
	t.notRegex(await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8'), /gpu/);
});

/** A directory whose files say that the pool gpu has 2 members, where another client has given it 3. */
async function behind() {
	const { folder, stages } = await made();
	const [first = {}] = stages(3);
	const clusterFile = path.join(folder, 'demo/cluster.yaml');
	const parametersFile = path.join(folder, 'demo/parameters.yaml');
	await writeFile(clusterFile, `${await readFile(clusterFile, 'utf8')}${entry(2)}`);
	const parameters = (await readFile(parametersFile, 'utf8')).replace(
		/^parameters:$/m,
		'parameters:\n  gpu_count: 2',
	);
	await writeFile(parametersFile, parameters);
	const counts = async () => [
		/count: (\d+)/.exec(await readFile(clusterFile, 'utf8'))?.[1],
		/gpu_count: (\d+)/.exec(await readFile(parametersFile, 'utf8'))?.[1],
	];
	return { folder, first, start: { ...first, ...withPool(first, 3, 0) }, counts };
}

test('a count of a pool that another client changed is not undone by update, which says how to keep it', async (t) => {
	const { folder, start, counts } = await behind();
	const refused = await on([start], ['update', 'demo'], { cwd: folder });
	t.is(refused.code, 2, refused.stderr);
	t.regex(refused.stderr, /gpu.*3.*2[\s\S]*kstack scale demo --pool gpu=/);
	t.deepEqual(updates(refused.asked), []);
	const kept = await on([start], ['scale', 'demo', '--pool', 'gpu=3'], { cwd: folder });
	t.is(kept.code, 0, kept.stderr);
	t.deepEqual(updates(kept.asked), []);
	t.deepEqual(await counts(), ['3', '3']);
	const updated = await on([start, withPool(start, 3, 1)], ['update', 'demo'], { cwd: folder });
	t.is(updated.code, 0, updated.stderr);
	t.false(updates(updated.asked).join('').includes('gpu_count'));
});

test('scaling another pool writes a count that another client changed to both files', async (t) => {
	const { folder, first, start, counts } = await behind();
	const shown = withPool(first, 3, 1)['stack-show-demo'] as Shown;
	const after = {
		...withPool(first, 3, 1),
		'stack-show-demo': { ...shown, parameters: { ...shown.parameters, minion_count: '4' } },
	};
	const { code, stderr } = await on([start, after], ['scale', 'demo', '--minions', '4'], { cwd: folder });
	t.is(code, 0, stderr);
	t.deepEqual(await counts(), ['3', '3']);
});

test('labels of a pool are as before in the cluster when Heat refuses the update', async (t) => {
	const configMaps = '/api/v1/namespaces/kube-system/configmaps';
	const labels = (value: string) => ({ accelerator: value });
	const before = { gpu: { labels: labels('old'), taints: [], formerLabels: [], formerTaints: [] } };
	const configMap = {
		metadata: {},
		data: { 'pools.json': JSON.stringify({ cluster: 'demo', pools: before }) },
	};
	const kubernetes = await fakeKubernetes({
		[`GET ${configMaps}/kstack-pools`]: (sent) => [200, JSON.parse(sent.at(-1) ?? JSON.stringify(configMap))],
		[`PUT ${configMaps}/kstack-pools`]: [200, {}],
	});
	t.teardown(kubernetes.close);
	const { folder, stages } = await made();
	await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
	const file = path.join(folder, 'demo/cluster.yaml');
	await writeFile(file, `${await readFile(file, 'utf8')}${entry(1)}    labels: {accelerator: new}\n`);
	const { 'stack-update': _, ...first } = withAuthorityOf(kubernetes.kubeconfig, stages(3))[0] as Answers;
	const cloud = {
		...{ ...first, ...withPool(first, 1, 0, { ...record, labels: labels('old') }) },
		'image-show-debian12-x64-kubernetes': imageOf('image-1', 'debian12-x64-kubernetes', {
			kstack_contract: String(imageContract),
		}),
		'image-show-image-1': imageOf('image-1', 'debian12-x64-kubernetes', {
			kstack_contract: String(imageContract),
		}),
		'stack-update.fails': 'ERROR: no\n',
	};
	const { code, stderr } = await on([cloud], ['update', 'demo'], { cwd: folder });
	t.is(code, 1, stderr);
	t.regex(stderr, /Heat refused .*: no$/m);
	const stored = kubernetes.sent.map(
		(body) => JSON.parse(JSON.parse(body).data['pools.json']).pools.gpu.labels.accelerator,
	);
	t.deepEqual(stored, ['new', 'old']);
});

for (const [what, state] of [
	['an interrupted create', 'new'],
	['an update that was to finish a create and was interrupted too', 'existing'],
] as const) {
	test(`update stores the labels and taints of pools after ${what}`, async (t) => {
		const { folder, start: pinnedStart, file, text } = await pinned(imageContract);
		await writeFile(file, `${text}${entry(1)}    labels: {accelerator: nvidia}\n`);
		const kubernetes = await fakeKubernetes({
			'GET /api/v1/namespaces/kube-system/configmaps/kstack-pools': [404, {}],
			'POST /api/v1/namespaces/kube-system/configmaps': [201, {}],
			'GET /api/v1/nodes': [200, { items: [] }],
		});
		t.teardown(kubernetes.close);
		await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
		const stage = (number: number, now: string): Answers => {
			const answers = withPool(pinnedStart, 1, number, { ...record, labels: { accelerator: 'nvidia' } });
			const shown = answers['stack-show-demo'] as Shown;
			const parameters = { ...shown.parameters, cluster_state: now };
			return { ...answers, 'stack-show-demo': { ...shown, parameters } };
		};
		const stages = [{ ...pinnedStart, ...stage(0, state) }, stage(1, 'existing')];
		const cloud = withAuthorityOf(kubernetes.kubeconfig, stages);
		const { code, stderr } = await on(cloud, ['update', 'demo', '--yes'], { cwd: folder });
		t.is(code, 0, stderr);
		const stored = kubernetes.sent.map((body) => JSON.parse(JSON.parse(body).data['pools.json']).pools);
		t.like(stored, [{ gpu: { labels: { accelerator: 'nvidia' } } }], stderr);
	});
}

test('update stores the addresses and servers that the masters do not know, once', async (t) => {
	const { folder, start } = await pinned(imageContract);
	const configMap = '/api/v1/namespaces/kube-system/configmaps/kstack-members';
	const server = '6e7d30b6-0d0c-4a53-8d4c-0f1f6f1c9a11';
	const kubernetes = await fakeKubernetes({
		[`GET ${configMap}`]: (sent) => [200, { data: (JSON.parse(sent[0] ?? '{}') as { data?: object }).data }],
		[`PATCH ${configMap}`]: [200, {}],
		'GET /api/v1/nodes': [200, { items: [] }],
	});
	t.teardown(kubernetes.close);
	await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
	const shown = start['stack-show-demo'] as Shown;
	const minions = [{ name: 'demo-minion-0', address: '10.0.0.12', server, index: '0', generation: '1' }];
	const outputs = (shown.outputs as { output_key: string }[]).map((one) =>
		one.output_key === 'minions' ? { output_key: 'minions', output_value: minions } : one,
	);
	const stage = { ...start, 'stack-show-demo': { ...shown, outputs } };
	const updated = [event(1, 'CREATE_COMPLETE'), event(2, 'UPDATE_COMPLETE')];
	const cloud = withAuthorityOf(kubernetes.kubeconfig, [stage, { ...stage, 'stack-event-list': updated }]);
	for (const [told, args] of [
		[0, ['--dry-run']],
		[1, ['--yes']],
		[0, ['--yes']],
	] as const) {
		const { code, stderr } = await on(cloud, ['update', 'demo', ...args], { cwd: folder });
		t.is(code, 0, stderr);
		t.is(
			stderr.match(/^Storing the addresses and servers of members in the cluster$/gm)?.length ?? 0,
			told,
			stderr,
		);
	}
	t.deepEqual(
		kubernetes.sent.map((text) => JSON.parse(text)),
		[{ data: { 'demo-minion-0': JSON.stringify({ address: '10.0.0.12', server }) } }],
	);
});
