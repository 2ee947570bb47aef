import test from 'ava';
import fc from 'fast-check';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	reversedUpgrade,
	startUpgrade,
	type UpgradeState,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { byRole, type Counts, finished } from '../../src/cluster/spec/generations.ts';
import { SimulatedHeat, type UpdateOutcome } from '../support/simulated-heat.ts';

const sizes: fc.Arbitrary<Counts> = fc.record({
	master: fc.constantFrom(1, 3, 5, 7),
	minion: fc.nat({ max: 6 }),
	gateway: fc.nat({ max: 3 }),
});

const outcomes: fc.Arbitrary<UpdateOutcome> = fc.constantFrom(
	'success',
	'additions fail',
	'removals fail',
	'both fail',
	'refused',
);

/** One update: its outcome, the batch size, and whether the operator reverses the upgrade before it. */
interface UpdateEvent {
	readonly outcome: UpdateOutcome;
	readonly batch: number;
	readonly reverse: boolean;
}

const eventLists = fc.array(
	fc.record({
		outcome: outcomes,
		batch: fc.integer({ min: 1, max: 4 }),
		reverse: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
	}),
	{ maxLength: 40 },
);

const parametersWith = (counts: Counts) => ({
	...Object.fromEntries(Object.entries(counts).map(([role, count]) => [`${role}_count`, count])),
	...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: '{}' },
});

/** Simulates an upgrade until it is complete, and checks each update. */
function simulate(
	wanted: Counts,
	events: readonly UpdateEvent[],
	down: boolean,
	check: (heat: SimulatedHeat, state: UpgradeState, batch: number) => void = () => {},
) {
	const heat = new SimulatedHeat(parametersWith(wanted));
	const start = startUpgrade(upgradeState(heat.parameters), 'B');
	let state: UpgradeState = { ...start, generations: { ...start.generations, mastersLast: down } };
	let updates = 0;
	for (; ; updates++) {
		const { outcome, batch, reverse } = events[updates] ?? { outcome: 'success', batch: 1, reverse: false };
		// Before the first update there is nothing to reverse.
		const started = upgradeState(heat.parameters).generations.previous !== null;
		if (started) state = upgradeState(heat.parameters);
		if (started && reverse) state = reversedUpgrade(state, true);
		const members = heat.members();
		const step = nextStep(state, members, heat.settled, batch);
		if (step === undefined) break;
		if (updates > events.length + 60) throw new Error('it does not end');
		const parameters = parametersOfStep(state, step, membersToRemove(state, step, members));
		const seen = heat.update(parameters, outcome);
		for (const { role, available, added, removed } of seen) {
			if (available < (wanted[role] ?? 0))
				throw new Error(`${available} ${role}s of ${wanted[role]} served through an update`);
			if (role === 'master' && removed + added > 1 && heat.settled && step.pool !== undefined)
				throw new Error('more than one master at a time');
			if (step.pool !== undefined && step.pool.role !== role && removed + added > 0)
				throw new Error(`${role}s moved with the ${step.pool.name}`);
		}
		check(heat, upgradeState(heat.parameters), batch);
	}
	return { heat, state, updates };
}

test('an upgrade ends with the same number of members, all of the new generation, even if updates fail', (t) => {
	fc.assert(
		fc.property(sizes, eventLists, fc.boolean(), (wanted, events, down) => {
			const steady = events.map((one) => ({ ...one, reverse: false }));
			const { heat, state } = simulate(wanted, steady, down);
			t.deepEqual(state.now, wanted);
			t.deepEqual(state.before, { master: 0, minion: 0, gateway: 0 });
			const members = heat.members();
			t.true(members.every(({ generation, condition }) => generation === 2 && condition === 'ready'));
			for (const role of ['master', 'minion', 'gateway'] as const)
				t.is(members.filter((member) => member.role === role).length, wanted[role] ?? 0);
		}),
	);
});

test('an upgrade reversed at any point, any number of times, ends in the generation it was reversed to', (t) => {
	fc.assert(
		fc.property(sizes, eventLists, fc.boolean(), (wanted, events, down) => {
			const { heat, state } = simulate(wanted, events, down);
			t.deepEqual(state.now, wanted);
			const members = heat.members();
			t.true(
				members.every(
					({ generation, condition }) => generation === state.generations.current && condition === 'ready',
				),
			);
			const images = new Set(Object.values(state.nowImages));
			t.deepEqual([...images], [state.generations.current === 1 ? 'A' : 'B']);
			// The pools of the other generation must be empty before they are removed from the templates.
			t.notThrows(() => heat.update({ generations: finished(state.generations) }, 'success'));
		}),
	);
});

test('there are never more members than wanted plus one batch, and at most one additional master', (t) => {
	fc.assert(
		fc.property(sizes, eventLists, fc.boolean(), (wanted, events, down) => {
			let biggest = 1;
			simulate(wanted, events, down, (_, state, batch) => {
				biggest = Math.max(biggest, batch);
				for (const role of ['minion', 'gateway'] as const)
					t.true((state.now[role] ?? 0) + (state.before[role] ?? 0) <= (wanted[role] ?? 0) + biggest);
				t.true(state.now.master + state.before.master <= wanted.master + 1);
			});
		}),
	);
	t.pass();
});

test('no kubelet is ever newer than an API server, in an upgrade or a downgrade', (t) => {
	fc.assert(
		fc.property(sizes, eventLists, fc.boolean(), (wanted, events, down) => {
			const version = (generation: number) => (down ? -generation : generation);
			simulate(wanted, events, down, (heat) => {
				const members = heat.members();
				const servers = members.filter(({ role }) => role === 'master').map((one) => version(one.generation));
				for (const { role, generation, name } of members)
					t.true(role === 'master' || version(generation) <= Math.min(...servers), name);
			});
		}),
	);
	t.pass();
});

test('an upgrade replaces one master after the other, then the gateways, then the minions in batches', (t) => {
	const seen: string[] = [];
	const events = Array.from({ length: 9 }, () => ({ outcome: 'success' as const, batch: 2, reverse: false }));
	simulate({ master: 3, minion: 3, gateway: 1 }, events, false, (heat) => {
		const names = heat
			.members()
			.map(({ role, generation, index }) => `${role[0]}${role[1]}${generation}.${index}`);
		seen.push(names.sort().join(' '));
	});
	t.deepEqual(seen, [
		'ga1.0 ma1.0 ma1.1 ma1.2 ma2.0 mi1.0 mi1.1 mi1.2',
		'ga1.0 ma1.0 ma1.1 ma2.0 mi1.0 mi1.1 mi1.2',
		'ga1.0 ma1.0 ma1.1 ma2.0 ma2.1 mi1.0 mi1.1 mi1.2',
		'ga1.0 ma1.0 ma2.0 ma2.1 mi1.0 mi1.1 mi1.2',
		'ga1.0 ma1.0 ma2.0 ma2.1 ma2.2 mi1.0 mi1.1 mi1.2',
		'ga1.0 ma2.0 ma2.1 ma2.2 mi1.0 mi1.1 mi1.2',
		'ga1.0 ga2.0 ma2.0 ma2.1 ma2.2 mi1.0 mi1.1 mi1.2',
		'ga2.0 ma2.0 ma2.1 ma2.2 mi1.0 mi1.1 mi1.2',
		'ga2.0 ma2.0 ma2.1 ma2.2 mi1.0 mi1.1 mi1.2 mi2.0 mi2.1',
		'ga2.0 ma2.0 ma2.1 ma2.2 mi1.0 mi2.0 mi2.1 mi2.2',
		'ga2.0 ma2.0 ma2.1 ma2.2 mi2.0 mi2.1 mi2.2',
	]);
});

test('a rollback after the first update removes only the members that it added', (t) => {
	const wanted = { master: 3, minion: 2, gateway: 0 };
	const heat = new SimulatedHeat(parametersWith(wanted));
	const state = startUpgrade(upgradeState(heat.parameters), 'B');
	const first = nextStep(state, heat.members(), true, 1);
	t.truthy(first);
	heat.update(parametersOfStep(state, first ?? state, []), 'additions fail');
	const reversed = reversedUpgrade(upgradeState(heat.parameters), true);
	const step = nextStep(reversed, heat.members(), heat.settled, 1) ?? reversed;
	const toRemove = membersToRemove(reversed, step, heat.members());
	t.deepEqual(
		toRemove.map(({ name }) => name),
		['demo-master-g2-0'],
	);
	heat.update(parametersOfStep(reversed, step, toRemove), 'success');
	t.is(nextStep(upgradeState(heat.parameters), heat.members(), heat.settled, 1), undefined);
	t.is(heat.parameters.generations, JSON.stringify(reversed.generations));
});

test('of the old generation, failed members are removed first, then those with the highest index', (t) => {
	const member = (index: number, condition: 'ready' | 'failed' | 'leaving') => ({
		...{
			name: `demo-minion-${index}`,
			role: 'minion' as const,
			pool: 'minion',
			address: '',
			server: '',
			generation: 1,
		},
		...{ index, condition },
	});
	const members = [
		member(0, 'ready'),
		member(1, 'failed'),
		member(7, 'leaving'),
		member(10, 'ready'),
		member(9, 'ready'),
	];
	const state = reversedUpgrade(
		startUpgrade(upgradeState(parametersWith({ master: 1, minion: 4, gateway: 0 })), 'B'),
		true,
	);
	const reversedGenerations = reversedUpgrade(state, false);
	const step = { now: reversedGenerations.now, before: { ...reversedGenerations.before, minion: 2 } };
	t.deepEqual(
		membersToRemove(reversedGenerations, step, members).map(({ index }) => index),
		[1, 10],
	);
	t.like(parametersOfStep(reversedGenerations, step, membersToRemove(reversedGenerations, step, members)), {
		previous_removed_minions: '1,10',
		removed_minions: '',
		previous_minion_count: 2,
		previous_minion_image: 'A',
		minion_image: 'B',
		minion_count: 0,
	});
});

test('an upgrade completes even if another client changes the counts meanwhile', (t) => {
	const heat = new SimulatedHeat(parametersWith({ master: 1, minion: 3, gateway: 0 }));
	let state = startUpgrade(upgradeState(heat.parameters), 'B');
	for (let updates = 0; ; updates++) {
		t.true(updates < 20);
		const step = nextStep(state, heat.members(), heat.settled, 1);
		if (step === undefined) break;
		heat.update(parametersOfStep(state, step, membersToRemove(state, step, heat.members())), 'success');
		if (updates === 3) heat.update({ minion_count: 5 }, 'success');
		state = upgradeState(heat.parameters);
	}
	t.deepEqual(
		state.before,
		byRole(() => 0),
	);
	t.is(state.now.minion, 5);
});
