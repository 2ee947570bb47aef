// Heat counts the resources of a stack and of those nested in it, and fails in the middle beyond its limit.
import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { resourcesOf, type Template } from '../../src/cluster/heat/evaluate.ts';
import { peakOf, requireResources } from '../../src/cluster/heat/resource-limit.ts';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import { largestUpdate } from '../../src/cluster/operations/upgrade-peak.ts';
import { startUpgrade, upgradeState } from '../../src/cluster/operations/upgrade-steps.ts';
import { readMapping } from '../../src/cluster/spec/config.ts';
import { type Parameters, parametersOf } from '../../src/cluster/spec/parameters.ts';
import { clusterOf } from '../support/clusters.ts';

/** The parameters of a cluster with a network of its own and so many minions. */
const withMinions = (minions: number, more: Parameters = {}): Parameters => ({
	...parametersOf(clusterOf({ minions: '2' }).settings),
	generations: { securityGroups: 'roles' },
	...{ external_network: 'network-1', minion_count: minions, ...more },
});

/** Resources without any member. */
const base = peakOf(withMinions(0, { master_count: 0 })).total;

/** The greatest number of minions beside a master that fits into a limit. */
const fitting = (limit: number) => Math.floor((limit - base) / 6) - 1;

const refusal = (after: Parameters, before?: Parameters) => {
	try {
		requireResources('demo', after, before);
		return undefined;
	} catch (error) {
		return error as UserError;
	}
};

test('the count is that of the rendered templates, with groups and the stacks of members', (t) => {
	const parameters = withMinions(3, { gateway_count: 2 });
	const tree = renderTemplates(clusterOf({ minions: '2' }));
	const file = (name: string) => tree.find((one) => one.path === name)?.text;
	const root = readMapping(file('cluster.yaml') ?? '', 'cluster.yaml') as Template;
	const rows = new Set<string>();
	const resources = resourcesOf({ root, file }, parameters, ({ name, count }) => {
		rows.add(name);
		return Array.from({ length: count }, (_, index) => index);
	});
	for (const { path } of resources) {
		const parts = path.split('/');
		for (let length = 1; length <= parts.length; length++) rows.add(parts.slice(0, length).join('/'));
	}
	t.deepEqual(peakOf(parameters), { total: rows.size, members: 6, each: 6 });
	t.is(rows.size, base + 36);
});

test('resources without their condition are not counted', (t) => {
	const less = withMinions(0, { master_count: 0, external_network: '' });
	t.is(peakOf(less).total, base - 3); // router, router interface, floating IP of the API
});

test('a new stack may have as many resources as Heat allows, and none more', (t) => {
	const minions = fitting(1000);
	t.is(refusal(withMinions(minions)), undefined);
	const error = refusal(withMinions(minions + 1));
	t.true(error instanceof UserError);
	t.like(error, { exitCode: 2, code: 'resource-limit' });
	for (const word of ['demo', '1000', String(minions + 2), String(minions + 1)])
		t.true(error?.message.includes(word), `${word}: ${error?.message}`);
	t.regex(String(error?.hint), /KSTACK_MAX_RESOURCES/);
});

test('members of additional pools count as those of the default ones', (t) => {
	const pools = { pools: JSON.stringify({ gpu: { role: 'minion', labels: {}, taints: [] } }) };
	const without = peakOf(withMinions(2, { ...pools, gpu_count: 0 }));
	t.is(peakOf(withMinions(2, { ...pools, gpu_count: 5 })).total, without.total + 30);
	t.is(without.total, peakOf(withMinions(2)).total + 2); // its group and its server group
});

test('members of a role of which the folder is not here are counted too', (t) => {
	const record = { role: 'builder', labels: {}, taints: [] };
	const pools = { pools: JSON.stringify({ ci: record }), ci_image: 'A', ci_flavor: '3' };
	const of = (count: number) => peakOf(withMinions(2, { ...pools, ci_count: count })).total;
	t.is(of(5), of(0) + 30);
});

test('while an update runs, a replaced member is there beside the new one', (t) => {
	const minions = fitting(1000);
	const now = withMinions(minions);
	t.is(refusal(now, now), undefined);
	t.like(refusal(withMinions(minions, { removed_minions: '3' }), now), { code: 'resource-limit' });
	t.is(refusal(withMinions(minions - 1, { removed_minions: '3' }), now), undefined);
});

test('a stack beyond the limit may become smaller, and not greater', (t) => {
	const now = withMinions(300);
	t.is(refusal(withMinions(250), now), undefined);
	t.is(refusal(now, now), undefined);
	t.like(refusal(withMinions(301), now), { code: 'resource-limit' });
});

test('in the largest step of an upgrade, a batch is added while the previous one is removed', (t) => {
	const minions = 40;
	const parameters = withMinions(minions, { master_count: 3, master_image: 'A', minion_image: 'A' });
	const place = startUpgrade(upgradeState(parameters), 'B');
	const peak = (batch: number) => {
		const { before, after } = largestUpdate(parameters, place, batch);
		return peakOf(after, before);
	};
	t.deepEqual(
		[1, 4, 10].map((batch) => peak(batch).members),
		[1, 4, 10].map((batch) => 3 + minions + 2 * batch),
	);
});

test.serial('the environment sets another limit', (t) => {
	t.teardown(() => {
		delete process.env.KSTACK_MAX_RESOURCES;
	});
	process.env.KSTACK_MAX_RESOURCES = '100';
	t.is(refusal(withMinions(fitting(100))), undefined);
	t.like(refusal(withMinions(fitting(100) + 1)), { code: 'resource-limit' });
	process.env.KSTACK_MAX_RESOURCES = '-1';
	t.is(refusal(withMinions(5000)), undefined);
	process.env.KSTACK_MAX_RESOURCES = 'many';
	t.regex(String(refusal(withMinions(1))?.message), /KSTACK_MAX_RESOURCES is "many"/);
});
