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
import { type Fate, SimulatedHeat } from '../support/simulated-heat.ts';

const sizes: fc.Arbitrary<Counts> = fc.record({
	master: fc.constantFrom(1, 3, 5, 7),
	minion: fc.nat({ max: 6 }),
	gateway: fc.nat({ max: 3 }),
});

const fates: fc.Arbitrary<Fate> = fc.constantFrom('well', 'comers fail', 'goers stay', 'both', 'refused');

/** What happens before and in an update: `turn` is the operator's change of mind. */
interface Happening {
	readonly fate: Fate;
	readonly batch: number;
	readonly turn: boolean;
}

const story = fc.array(
	fc.record({
		fate: fates,
		batch: fc.integer({ min: 1, max: 4 }),
		turn: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
	}),
	{ maxLength: 40 },
);

const asked = (counts: Counts) => ({
	...Object.fromEntries(Object.entries(counts).map(([role, count]) => [`${role}_count`, count])),
	...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: '{}' },
});

/** One walk from its beginning to its end, and what was seen at each update. */
function walk(
	wanted: Counts,
	happenings: readonly Happening[],
	down: boolean,
	check: (heat: SimulatedHeat, place: UpgradeState, batch: number) => void = () => {},
) {
	const heat = new SimulatedHeat(asked(wanted));
	const start = startUpgrade(upgradeState(heat.parameters), 'B');
	let place: UpgradeState = { ...start, generations: { ...start.generations, mastersLast: down } };
	let updates = 0;
	for (; ; updates++) {
		const { fate, batch, turn } = happenings[updates] ?? { fate: 'well', batch: 1, turn: false };
		// Until Heat has taken the first update there is nothing to turn round.
		const going = upgradeState(heat.parameters).generations.previous !== null;
		if (going) place = upgradeState(heat.parameters);
		if (going && turn) place = reversedUpgrade(place, true);
		const members = heat.members();
		const step = nextStep(place, members, heat.settled, batch);
		if (step === undefined) break;
		if (updates > happenings.length + 60) throw new Error('it does not end');
		const told = parametersOfStep(place, step, membersToRemove(place, step, members));
		const seen = heat.update(told, fate);
		for (const { role, stayed, came, went } of seen) {
			if (stayed < (wanted[role] ?? 0))
				throw new Error(`${stayed} ${role}s of ${wanted[role]} served through an update`);
			if (role === 'master' && went + came > 1 && heat.settled && step.pool !== undefined)
				throw new Error('more than one master at a time');
			if (step.pool !== undefined && step.pool.role !== role && went + came > 0)
				throw new Error(`${role}s moved with the ${step.pool.name}`);
		}
		check(heat, upgradeState(heat.parameters), batch);
	}
	return { heat, place, updates };
}

test('an upgrade ends with as many members as there were, all of the new generation, whatever fails on the way', (t) => {
	fc.assert(
		fc.property(sizes, story, fc.boolean(), (wanted, happenings, down) => {
			const steady = happenings.map((one) => ({ ...one, turn: false }));
			const { heat, place } = walk(wanted, steady, down);
			t.deepEqual(place.now, wanted);
			t.deepEqual(place.before, { master: 0, minion: 0, gateway: 0 });
			const members = heat.members();
			t.true(members.every(({ generation, condition }) => generation === 2 && condition === 'well'));
			for (const role of ['master', 'minion', 'gateway'] as const)
				t.is(members.filter((member) => member.role === role).length, wanted[role] ?? 0);
		}),
	);
});

test('an upgrade reversed at any point, any number of times, ends in the generation it was reversed to', (t) => {
	fc.assert(
		fc.property(sizes, story, fc.boolean(), (wanted, happenings, down) => {
			const { heat, place } = walk(wanted, happenings, down);
			t.deepEqual(place.now, wanted);
			const members = heat.members();
			t.true(
				members.every(
					({ generation, condition }) => generation === place.generations.current && condition === 'well',
				),
			);
			const images = new Set(Object.values(place.nowImages));
			t.deepEqual([...images], [place.generations.current === 1 ? 'A' : 'B']);
			// Its own templates let go of the other pools only when they are empty.
			t.notThrows(() => heat.update({ generations: finished(place.generations) }, 'well'));
		}),
	);
});

test('there are never more members than wanted and one batch, and never more than one master too many', (t) => {
	fc.assert(
		fc.property(sizes, story, fc.boolean(), (wanted, happenings, down) => {
			let biggest = 1;
			walk(wanted, happenings, down, (_, place, batch) => {
				biggest = Math.max(biggest, batch);
				for (const role of ['minion', 'gateway'] as const)
					t.true((place.now[role] ?? 0) + (place.before[role] ?? 0) <= (wanted[role] ?? 0) + biggest);
				t.true(place.now.master + place.before.master <= wanted.master + 1);
			});
		}),
	);
	t.pass();
});

test('no kubelet is ever newer than an API server, whichever way it goes', (t) => {
	fc.assert(
		fc.property(sizes, story, fc.boolean(), (wanted, happenings, down) => {
			const version = (generation: number) => (down ? -generation : generation);
			walk(wanted, happenings, down, (heat) => {
				const members = heat.members();
				const servers = members.filter(({ role }) => role === 'master').map((one) => version(one.generation));
				for (const { role, generation, name } of members)
					t.true(role === 'master' || version(generation) <= Math.min(...servers), name);
			});
		}),
	);
	t.pass();
});

test('an upgrade takes one master after the other, then the gateways, then the minions in batches', (t) => {
	const seen: string[] = [];
	const happenings = Array.from({ length: 9 }, () => ({ fate: 'well' as const, batch: 2, turn: false }));
	walk({ master: 3, minion: 3, gateway: 1 }, happenings, false, (heat) => {
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

test('a rollback of an upgrade that has hardly begun moves nothing else', (t) => {
	const wanted = { master: 3, minion: 2, gateway: 0 };
	const heat = new SimulatedHeat(asked(wanted));
	const place = startUpgrade(upgradeState(heat.parameters), 'B');
	const first = nextStep(place, heat.members(), true, 1);
	t.truthy(first);
	heat.update(parametersOfStep(place, first ?? place, []), 'comers fail');
	const back = reversedUpgrade(upgradeState(heat.parameters), true);
	const step = nextStep(back, heat.members(), heat.settled, 1) ?? back;
	const goes = membersToRemove(back, step, heat.members());
	t.deepEqual(
		goes.map(({ name }) => name),
		['demo-master-g2-0'],
	);
	heat.update(parametersOfStep(back, step, goes), 'well');
	t.is(nextStep(upgradeState(heat.parameters), heat.members(), heat.settled, 1), undefined);
	t.is(heat.parameters.generations, JSON.stringify(back.generations));
});

test('of the generation that goes those that failed go first, then the highest index', (t) => {
	const member = (index: number, condition: 'well' | 'failed' | 'leaving') => ({
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
		member(0, 'well'),
		member(1, 'failed'),
		member(7, 'leaving'),
		member(10, 'well'),
		member(9, 'well'),
	];
	const place = reversedUpgrade(
		startUpgrade(upgradeState(asked({ master: 1, minion: 4, gateway: 0 })), 'B'),
		true,
	);
	const reversedGenerations = reversedUpgrade(place, false);
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

test('whoever changes the counts in the middle of an upgrade does not keep it from ending', (t) => {
	const heat = new SimulatedHeat(asked({ master: 1, minion: 3, gateway: 0 }));
	let place = startUpgrade(upgradeState(heat.parameters), 'B');
	for (let updates = 0; ; updates++) {
		t.true(updates < 20);
		const step = nextStep(place, heat.members(), heat.settled, 1);
		if (step === undefined) break;
		heat.update(parametersOfStep(place, step, membersToRemove(place, step, heat.members())), 'well');
		if (updates === 3) heat.update({ minion_count: 5 }, 'well');
		place = upgradeState(heat.parameters);
	}
	t.deepEqual(
		place.before,
		byRole(() => 0),
	);
	t.is(place.now.minion, 5);
});
