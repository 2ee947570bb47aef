import test from 'ava';
import { load } from 'js-yaml';
import { renderTemplates } from '../../src/cluster/heat/templates.ts';
import {
	countsOf,
	finished,
	type Generations,
	generationsOf,
	imageBefore,
	nextGeneration,
	reversedGenerations,
	unfinished,
} from '../../src/cluster/spec/generations.ts';
import { clusterOf } from '../support/clusters.ts';

const counts = { master: 3, minion: 2, gateway: 0 };

test('a stack without a record is in its first generation, of the image that it has', (t) => {
	const first = { current: 1, previous: null, latest: 1, images: { 1: 'A' } };
	t.deepEqual(generationsOf({ master_image: 'A' }), first);
	t.deepEqual(generationsOf({ master_image: 'A', generations: '{}' }), first);
	t.deepEqual(generationsOf({ master_image: 'A', generations: '' }), first);
	t.deepEqual(generationsOf({}), { ...first, images: {} });
});

test('what is written is read back, as a mapping and as the text that Heat shows', (t) => {
	const startUpgrade = nextGeneration(generationsOf({ master_image: 'A' }), 'B', counts);
	t.deepEqual(generationsOf({ generations: startUpgrade }), startUpgrade);
	t.deepEqual(generationsOf({ generations: JSON.stringify(startUpgrade) }), startUpgrade);
	t.deepEqual(startUpgrade, {
		...{ current: 2, previous: 1, latest: 2, images: { 1: 'A', 2: 'B' }, wanted: counts },
	});
});

test('counts are those of the pool asked for, and none where Heat has none', (t) => {
	const parameters = { master_count: '3', minion_count: '2', previous_minion_count: '4' };
	t.deepEqual(countsOf(parameters, ''), counts);
	t.deepEqual(countsOf(parameters, 'previous_'), { master: 0, minion: 4, gateway: 0 });
});

test('a number is never used twice, even after a rollback', (t) => {
	const first = generationsOf({ master_image: 'A' });
	const back = finished(reversedGenerations(nextGeneration(first, 'B', counts), true));
	t.deepEqual(back, { current: 1, previous: null, latest: 2, images: { 1: 'A' } });
	t.is(nextGeneration(back, 'C', counts).current, 3);
});

test('the previous image is the one that the members had, not one that was rolled back', (t) => {
	const first = generationsOf({ master_image: 'A' });
	t.is(imageBefore(first), undefined);
	const second = finished(nextGeneration(first, 'B', counts));
	t.is(imageBefore(second), 'A');
	const third = finished(nextGeneration(second, 'A', counts));
	t.is(imageBefore(third), 'B');
	const back = finished(reversedGenerations(nextGeneration(first, 'B', counts), true));
	t.is(imageBefore(finished(nextGeneration(back, 'C', counts))), 'A');
});

test('if the roles had different images, there is no previous image', (t) => {
	const mixed = generationsOf({ master_image: 'A', minion_image: 'B', gateway_image: 'A' });
	t.is(imageBefore(finished(nextGeneration(mixed, 'B', counts))), undefined);
	const same = generationsOf({ master_image: 'A', minion_image: 'A', gateway_image: 'A' });
	t.is(imageBefore(finished(nextGeneration(same, 'B', counts))), 'A');
});

test('an upgrade that is reversed twice is the same as before, and not a rollback', (t) => {
	const startUpgrade: Generations = { ...nextGeneration(generationsOf({}), 'B', counts), mastersLast: false };
	t.like(reversedGenerations(startUpgrade, true), {
		current: 1,
		previous: 2,
		rollback: true,
		mastersLast: true,
	});
	t.deepEqual(reversedGenerations(reversedGenerations(startUpgrade, true), false), {
		...startUpgrade,
		rollback: false,
	});
	t.deepEqual(
		reversedGenerations(generationsOf({}), true),
		generationsOf({}),
		'at rest there is nothing to turn',
	);
});

test('the message for an unfinished upgrade has the command that resumes it', (t) => {
	const first = generationsOf({});
	const startUpgrade = nextGeneration(first, 'B', counts);
	t.is(unfinished('demo', first), undefined);
	t.regex(unfinished('demo', startUpgrade) ?? '', /^An upgrade of demo .*`kstack upgrade demo`.*--rollback/);
	t.regex(unfinished('demo', reversedGenerations(startUpgrade, true)) ?? '', /^A rollback of demo/);
	t.is(unfinished('demo', { ...first, replacing: { node: 'demo-minion-1', extra: false } }), undefined);
});

test('each generation has pools of its own, and at rest there is one', (t) => {
	const pools = (current: number, previous: number | null) => {
		const [root] = renderTemplates(clusterOf(), { current, previous }).filter(
			({ path: file }) => file === 'cluster.yaml',
		);
		const { resources } = load(root?.text ?? '') as { resources: Record<string, { type: string }> };
		return Object.keys(resources).filter((name) => resources[name]?.type === 'OS::Heat::ResourceGroup');
	};
	t.deepEqual(pools(1, null).sort(), ['gateways', 'masters', 'minions']);
	t.deepEqual(pools(3, 1).sort(), ['gateways', 'gateways_3', 'masters', 'masters_3', 'minions', 'minions_3']);
	t.deepEqual(pools(3, null).sort(), ['gateways_3', 'masters_3', 'minions_3']);
});
