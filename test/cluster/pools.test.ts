import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { UserError } from '../../src/base/errors.ts';
import { writeTree } from '../../src/base/tree.ts';
import { setPoolCounts, syncParameters, wantedPoolCounts } from '../../src/cluster/heat/pool-files.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { countRequests } from '../../src/cluster/operations/scale.ts';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	startUpgrade,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import type { PoolContracts } from '../../src/cluster/spec/contracts.ts';
import { parametersOf } from '../../src/cluster/spec/parameters.ts';
import { recordsFor } from '../../src/cluster/spec/pool-entries.ts';
import {
	defaultPools,
	groupName,
	groupOf,
	memberName,
	nestedStackOf,
	poolsOf,
	withDefaultPools,
} from '../../src/cluster/spec/pools.ts';
import { packagedRoles } from '../../src/cluster/spec/roles.ts';
import { clusterOf } from '../support/clusters.ts';
import { temporaryFolder } from '../support/folders.ts';
import { judgeByHeat } from '../support/heat.ts';
import { SimulatedHeat } from '../support/simulated-heat.ts';

const file = (pools: string) => ({
	text: `networkDriver: routed\npools:\n${pools}`,
	path: 'demo/cluster.yaml',
});
const gpu =
	"  - {name: gpu, count: 2, flavor: g1, labels: {accelerator: nvidia}, taints: ['nvidia.com/gpu=present:NoSchedule']}\n";

function mistakesIn(pools: string, name = 'demo'): string {
	try {
		readCluster(name, {}, file(pools));
	} catch (error) {
		if (error instanceof UserError && error.exitCode === 2) return error.message;
		throw error;
	}
	return '';
}

test('a pool of cluster.yaml is read with its labels and taints, a minion unless it says otherwise', (t) => {
	t.deepEqual(readCluster('demo', {}, file(gpu)).pools, [
		{
			...{ name: 'gpu', role: 'minion', count: 2, flavor: 'g1' },
			labels: { accelerator: 'nvidia' },
			taints: ['nvidia.com/gpu=present:NoSchedule'],
		},
	]);
});

for (const [what, pool, place, value] of [
	['a name with a hyphen', '{name: big-ones, count: 1}', 'pools[0]', '"big-ones"'],
	['the name of a default pool', '{name: minions, count: 1}', 'pools[0]', '"minions"'],
	['a name like a generation', '{name: g2, count: 1}', 'pools[0]', '"g2"'],
	['a name that is a value in YAML', '{name: "no", count: 1}', 'pools[0]', '"no"'],
	['the name of a property of all objects', '{name: constructor, count: 1}', 'pools[0]', '"constructor"'],
	['a role like a property of all objects', '{name: gpu, role: toString, count: 1}', '.role', '"toString"'],
	['an entry that contains itself', '&a [*a]', 'pools[0]', 'contains itself'],
	['the role master', '{name: gpu, role: master, count: 1}', '.role', '"master"'],
	['no count', '{name: gpu}', '.count', 'missing'],
	['a negative count', '{name: gpu, count: -1}', '.count', '-1'],
	['an unknown key', '{name: gpu, count: 1, size: 3}', 'pools[0].size', 'availabilityZone'],
	['a misspelt key', '{name: gpu, count: 1, flavour: a}', ': pools[0].flavour', 'flavor?'],
	[
		'a label of Kubernetes',
		'{name: gpu, count: 1, labels: {kubernetes.io/os: x}}',
		'.labels',
		'kubernetes.io/os',
	],
	['a taint without effect', "{name: gpu, count: 1, taints: ['a=b']}", '.taints', '"a=b"'],
	[
		'a taint of kstack',
		"{name: gpu, count: 1, taints: ['kstack.io/a=b:NoSchedule']}",
		'.taints',
		'kstack.io/a',
	],
] as const) {
	test(`a pool with ${what} is refused, with its location and value`, (t) => {
		const message = mistakesIn(`  - ${pool}\n`);
		t.true(message.includes(place), message);
		t.true(message.includes(value), message);
	});
}

test('all mistakes in pools are reported at once, including duplicate names', (t) => {
	const message = mistakesIn(`${gpu}${gpu}  - {name: Big, count: x}\n`);
	for (const part of ['"gpu"', '"Big"', '"x"']) t.true(message.includes(part), message);
});

test('a cluster and a pool whose names make names of servers too long are refused', (t) => {
	t.is(mistakesIn('  - {name: sixteenletters12, count: 1}\n', 'c'.repeat(31)), '');
	t.regex(mistakesIn('  - {name: sixteenletters12, count: 1}\n', 'c'.repeat(32)), /sixteenletters12/);
});

const poolName = fc
	.stringMatching(/^[a-z][a-z0-9]{0,15}$/)
	.filter((name) => mistakesIn(`  - {name: "${name}", count: 1}\n`) === '');

test('the groups, parameters and members of pools never collide, and a group leads back to its pool', (t) => {
	fc.assert(
		fc.property(fc.uniqueArray(poolName, { maxLength: 4 }), fc.nat({ max: 12 }), (names, more) => {
			const pools = withDefaultPools(names.map((name) => ({ name, role: 'minion', labels: {}, taints: [] })));
			const generations = [1, 2 + more];
			const groups = pools.flatMap((pool) => generations.map((one) => groupName(pool, one)));
			t.is(new Set(groups).size, groups.length);
			const members = pools.flatMap(({ id }) => generations.map((one) => memberName('demo', id, one, 3)));
			t.is(new Set(members).size, members.length);
			for (const pool of pools) {
				for (const generation of generations) {
					const group = groupName(pool, generation);
					t.like(groupOf(group), { id: pool.id, generation });
					t.like(nestedStackOf('demo', `demo-${group}-x7-2-k3`), { id: pool.id, generation, index: 2 });
					t.like(nestedStackOf('demo', `demo-${group}-x7`), { id: pool.id, index: undefined });
				}
			}
		}),
		{ numRuns: 50 },
	);
	for (const other of ['api_port', 'gateway_port', 'security_group', 'minion_group', 'pool_gpu_group', '12'])
		t.is(groupOf(other), undefined);
	t.is(nestedStackOf('demo', 'demo2-minions-x7-2-k3'), undefined);
});

/** A stack with the pool gpu, as Heat shows its parameters. */
function stackWithPool() {
	const cluster = readCluster(
		'demo',
		{ masterFlavor: 'a', minionFlavor: 'a', gatewayFlavor: 'a' },
		file(gpu),
	);
	const token = 'abcdef.0123456789abcdef';
	return {
		cluster,
		parameters: {
			...parametersOf(cluster.settings),
			...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: {} },
			...{ join_token: token, master_token: token, operator_request: '' },
			...{
				gpu_count: 2,
				gpu_image: 'A',
				gpu_flavor: 'g1',
				pools: recordsFor(cluster.pools ?? [], packagedRoles),
			},
		},
	};
}

test('the resources and parameters of the default pools are the same beside an additional pool', (t) => {
	type Parts = Record<'resources' | 'parameters', Record<string, unknown>>;
	const root = (pools: typeof cluster.pools) =>
		load(
			renderTemplates({ ...cluster, pools: pools ?? [] }).find(({ path: name }) => name === 'cluster.yaml')
				?.text ?? '',
		) as Parts;
	const { cluster } = stackWithPool();
	const [plain, more] = [root([]), root(cluster.pools)];
	t.like(more.resources, plain.resources);
	t.like(more.parameters, plain.parameters);
	const added = (part: keyof Parts) => Object.keys(more[part]).filter((name) => !(name in plain[part]));
	t.deepEqual(added('resources'), ['pool_gpu_group', 'pool_gpu']);
	t.deepEqual(added('parameters').sort(), [
		...['gpu_availability_zone', 'gpu_count', 'gpu_flavor', 'gpu_image', 'pools', 'previous_gpu_count'],
		...['previous_gpu_image', 'previous_removed_gpu', 'removed_gpu'],
	]);
});

/** The taints with which the nodes of each kind register. */
function registeredTaints(contractOf: PoolContracts, previous: number | null = null): Record<string, string> {
	const { cluster } = stackWithPool();
	const tree = renderTemplates(cluster, { current: 2, previous }, { contractOf, memberTokens: false });
	return Object.fromEntries(
		tree
			.filter(({ path: name }) => name.startsWith('user-data/'))
			.map(({ path: name, text }) => [
				path.basename(name, '.yaml'),
				/^ *NODE_TAINTS=(.*)$/m.exec(text)?.[1] ?? '',
			]),
	);
}

const pending = 'kstack.io/pending=:NoSchedule';

test('new nodes of a role or pool with taints wait for a master to set them; others do not', (t) => {
	t.deepEqual(
		registeredTaints(() => 2),
		{
			'gateway-contract-2': pending,
			'master-contract-2': pending,
			'minion-contract-2': '',
			'pool-gpu-contract-2': pending,
		},
	);
});

test('nodes register with the taints of their role while a master of the cluster cannot set them', (t) => {
	const taints = {
		gateway: 'kstack.io/gateway=:NoSchedule',
		master: 'node-role.kubernetes.io/master=:NoSchedule',
	};
	const of = (contractOf: PoolContracts, previous: number | null = null) =>
		Object.entries(registeredTaints(contractOf, previous)).map(([name, text]) => [
			name.split('-contract')[0],
			text,
		]);
	const before = [
		['gateway', taints.gateway],
		['master', taints.master],
		['minion', ''],
		['pool-gpu', pending],
	];
	t.deepEqual(
		of((id) => (id === 'master' ? 1 : 2)),
		before,
	);
	t.deepEqual(
		of(() => 1),
		before,
	);
	const upgrading = of((_, prefix) => (prefix === 'previous_' ? 1 : 2), 1);
	t.deepEqual(new Set(upgrading.map((one) => one.join(' '))), new Set(before.map((one) => one.join(' '))));
	t.deepEqual(
		of((id) => (id === 'master' ? 2 : 1)).map(([, text]) => text),
		[pending, pending, '', pending],
	);
});

test('Heat takes the templates and parameters of a cluster with a pool, at rest and in an upgrade', async (t) => {
	const { cluster, parameters } = stackWithPool();
	const candidates = [];
	for (const generations of [
		{ current: 1, previous: null },
		{ current: 3, previous: 1 },
	]) {
		const folder = await temporaryFolder();
		await writeTree(folder, renderTemplates(cluster, generations));
		candidates.push({ template: path.join(folder, 'cluster.yaml'), parameters });
	}
	for (const { error } of await judgeByHeat(candidates)) t.is(error, null);
});

test('an upgrade replaces an additional pool in the order of its role, and ends with the same number of members', (t) => {
	const heat = new SimulatedHeat(stackWithPool().parameters);
	let state = startUpgrade(upgradeState(heat.parameters), 'B');
	const seen: string[] = [];
	for (;;) {
		const step = nextStep(state, heat.members(), heat.settled, 1);
		if (step === undefined) break;
		for (const { pool, available, removed } of heat.update(
			parametersOfStep(state, step, membersToRemove(state, step, heat.members())),
			'success',
		)) {
			if (pool === 'gpu' && available < 2 - removed) t.fail('fewer than wanted');
		}
		if (step.pool !== undefined) seen.push(step.pool.id);
		state = upgradeState(heat.parameters);
	}
	t.deepEqual([...new Set(seen)], ['master', 'minion', 'gpu']);
	const names = heat.members().flatMap(({ name, pool }) => (pool === 'gpu' ? [name] : []));
	t.deepEqual(names, ['demo-gpu-g2-0', 'demo-gpu-g2-1']);
	t.is(heat.parameters.gpu_image, 'B');
});

test('pools are read from the stack; one of an earlier release has the default ones', (t) => {
	const heat = new SimulatedHeat(stackWithPool().parameters);
	t.like(poolsOf(heat.parameters).at(-1), { id: 'gpu', role: 'minion', labels: { accelerator: 'nvidia' } });
	t.deepEqual(poolsOf({ minion_count: '3' }), [...defaultPools]);
});

test('cluster.yaml gets the wanted count of a pool, and keeps all else', async (t) => {
	const cluster = path.join(await temporaryFolder(), 'cluster.yaml');
	const text =
		'name: demo\n# Ours.\npools: # further\n  - name: gpu # cards\n    count: 2 # two\n  - {name: big, count: 2}\nminions: 2\n';
	await writeFile(cluster, text);
	await setPoolCounts(cluster, { gpu: 5, big: 2 });
	t.is(await readFile(cluster, 'utf8'), text.replace('count: 2 # two', 'count: 5 # two'));
	await setPoolCounts(cluster, { gpu: 5, big: 7 });
	t.regex(await readFile(cluster, 'utf8'), /\{name: big, count: 7\}\nminions: 2\n$/);
	const { parameters } = stackWithPool();
	t.deepEqual(wantedPoolCounts({ ...parameters, gpu_count: '1', generations: { wanted: { gpu: 4 } } }), {
		gpu: 4,
	});
	t.deepEqual(
		wantedPoolCounts({ ...parameters, generations: { replacing: { node: 'x', extra: true } } }),
		{},
	);
});

test('parameters.yaml gets the parameters of a new pool and loses those of a removed one', async (t) => {
	const target = path.join(await temporaryFolder(), 'parameters.yaml');
	const text =
		'# Ours.\nparameters:\n  minion_count: 1 # one\n  old_count: 0\n  recorded_settings:\n    a: b\nresource_registry: {}\n';
	await writeFile(target, text.replaceAll('\n', '\r\n'));
	const declared = new Set(['minion_count', 'gpu_count', 'recorded_settings']);
	await syncParameters(target, { gpu_count: '2' }, declared);
	const after = await readFile(target, 'utf8');
	t.deepEqual(load(after), {
		parameters: { gpu_count: '2', minion_count: 1, recorded_settings: { a: 'b' } },
		resource_registry: {},
	});
	t.true(after.includes('minion_count: 1 # one'));
	t.notRegex(after, /(?<!\r)\n/, 'CRLF stays');
});

test('scale takes counts of several pools, and refuses what is no count or given twice', (t) => {
	t.deepEqual(
		[...countRequests({ minions: '3', pool: ['gpu=+1', 'big=0'] })].map(
			([name, { text }]) => `${name} ${text}`,
		),
		['minions 3', 'gpu +1', 'big 0'],
	);
	const error = t.throws(() => countRequests({ minions: '3', pool: ['gpu', 'minions=4', 'big=x'] }), {
		instanceOf: UserError,
	});
	for (const part of ['--pool gpu', 'minions', '"x"']) t.true(error?.message.includes(part), error?.message);
});

test('a cluster without additional pools renders as before', (t) => {
	t.deepEqual(renderTemplates(clusterOf()), renderTemplates({ ...clusterOf(), pools: [] }));
});
