import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { nextMove } from '../../src/cluster/operations/replace.ts';
import {
	parametersOfStep,
	type UpgradeState,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { type Counts, unfinished } from '../../src/cluster/spec/generations.ts';
import { type Fate, SimulatedHeat } from '../support/simulated-heat.ts';

const asked = (counts: Counts) => ({
	...Object.fromEntries(Object.entries(counts).map(([role, count]) => [`${role}_count`, count])),
	...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: '{}' },
});

const started = { master: 3, minion: 3, gateway: 1 };

/** Replaces a member to the end, with what becomes of each update; tells what was there after each. */
function replace(heat: SimulatedHeat, node: string, fates: readonly Fate[], isDead: boolean): string[] {
	const seen: string[] = [];
	const role = /^demo-(\w+)-/.exec(node)?.[1];
	for (let updates = 0; ; updates++) {
		if (updates > fates.length + 10) throw new Error('it does not end');
		const move = nextMove(node, upgradeState(heat.parameters), heat.members(), heat.settled, isDead);
		if (move === undefined) return seen;
		const fate = fates[updates] ?? 'well';
		const done = heat.update(parametersOfStep(move.place, move.place, move.goes), fate);
		for (const { role: of, stayed } of done) {
			const needed = (started[of as 'minion'] ?? 0) - (isDead && of === role ? 1 : 0);
			if (stayed < needed) throw new Error(`${stayed} ${of}s served through an update`);
		}
		seen.push(
			heat
				.members()
				.filter((member) => member.role === role)
				.map(({ index, condition }) => `${index} ${condition}`)
				.join(', '),
		);
	}
}

test('a replaced member is gone, and as many are there as before, whatever fails on the way', (t) => {
	const fates = fc.array(fc.constantFrom<Fate>('well', 'comers fail', 'goers stay', 'both', 'refused'), {
		maxLength: 12,
	});
	const node = fc.constantFrom('demo-master-1', 'demo-minion-0', 'demo-minion-2', 'demo-gateway-0');
	fc.assert(
		fc.property(node, fates, fc.boolean(), (name, happenings, isDead) => {
			const heat = new SimulatedHeat(asked(started));
			replace(heat, name, happenings, isDead);
			const members = heat.members();
			t.false(members.some((member) => member.name === name));
			t.true(members.every(({ condition }) => condition === 'well'));
			for (const role of ['master', 'minion', 'gateway'] as const)
				t.is(members.filter((member) => member.role === role).length, started[role]);
			t.is(unfinished('demo', upgradeState(heat.parameters).generations), undefined);
		}),
	);
});

test('a living member goes when another is there; a dead one goes at once', (t) => {
	const living = new SimulatedHeat(asked(started));
	t.deepEqual(replace(living, 'demo-master-0', [], false), [
		'0 well, 1 well, 2 well, 3 well',
		'1 well, 2 well, 3 well',
	]);
	const dead = new SimulatedHeat(asked(started));
	t.deepEqual(replace(dead, 'demo-master-0', [], true), ['1 well, 2 well, 3 well']);
});

test('a new member that fails is another one the next time, and the old one stays until one is Ready', (t) => {
	const heat = new SimulatedHeat(asked(started));
	t.deepEqual(replace(heat, 'demo-minion-1', ['comers fail', 'comers fail'], false), [
		'0 well, 1 well, 2 well, 3 failed',
		'0 well, 1 well, 2 well, 4 failed',
		'0 well, 1 well, 2 well, 5 well',
		'0 well, 2 well, 5 well',
	]);
});

test('a replacement that has been brought to its end is not done a second time', (t) => {
	const heat = new SimulatedHeat(asked(started));
	replace(heat, 'demo-minion-1', [], false);
	t.deepEqual(replace(heat, 'demo-minion-1', [], false), []);
});

test('in the middle of a replacement that is said, with the command that goes on', (t) => {
	const heat = new SimulatedHeat(asked(started));
	const move = nextMove('demo-minion-1', upgradeState(heat.parameters), heat.members(), true, false);
	const place = move?.place as UpgradeState;
	heat.update(parametersOfStep(place, place, []), 'well');
	t.regex(
		unfinished('demo', upgradeState(heat.parameters).generations) ?? '',
		/being replaced: .*`kstack replace demo demo-minion-1`/,
	);
});

test('a member that somebody else removed meanwhile is not missed', (t) => {
	const heat = new SimulatedHeat(asked(started));
	const move = nextMove('demo-minion-1', upgradeState(heat.parameters), heat.members(), true, false);
	const place = move?.place as UpgradeState;
	heat.update(parametersOfStep(place, place, []), 'well');
	heat.update({ removed_minions: '1', minion_count: 3 }, 'well');
	t.deepEqual(replace(heat, 'demo-minion-1', [], false), ['0 well, 2 well, 3 well']);
	t.is(upgradeState(heat.parameters).now.minion, 3);
});

test('a name that is no member is refused with those that are', (t) => {
	const heat = new SimulatedHeat(asked({ master: 1, minion: 1, gateway: 0 }));
	const error = t.throws(
		() => nextMove('demo-minion-7', upgradeState(heat.parameters), heat.members(), true, false),
		{
			instanceOf: UserError,
		},
	) as UserError;
	t.is(error.exitCode, 2);
	t.is(error.message, 'There is no node demo-minion-7. Nodes: demo-master-0, demo-minion-0.');
});
