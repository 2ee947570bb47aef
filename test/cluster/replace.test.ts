import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { nextReplacementStep } from '../../src/cluster/operations/replace.ts';
import {
	parametersOfStep,
	type UpgradeState,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { type Counts, unfinished } from '../../src/cluster/spec/generations.ts';
import { SimulatedHeat, type UpdateOutcome } from '../support/simulated-heat.ts';

const parametersWith = (counts: Counts) => ({
	...Object.fromEntries(Object.entries(counts).map(([role, count]) => [`${role}_count`, count])),
	...{ master_image: 'A', minion_image: 'A', gateway_image: 'A', generations: '{}' },
});

const started = { master: 3, minion: 3, gateway: 1 };

/** Replaces a member, with these outcomes of the updates. Returns the members after each update. */
function replace(
	heat: SimulatedHeat,
	node: string,
	outcomes: readonly UpdateOutcome[],
	isDead: boolean,
): string[] {
	const seen: string[] = [];
	const role = /^demo-(\w+)-/.exec(node)?.[1];
	for (let updates = 0; ; updates++) {
		if (updates > outcomes.length + 10) throw new Error('it does not end');
		const step = nextReplacementStep(
			node,
			upgradeState(heat.parameters),
			heat.members(),
			heat.settled,
			isDead,
		);
		if (step === undefined) return seen;
		const outcome = outcomes[updates] ?? 'success';
		const done = heat.update(parametersOfStep(step.state, step.state, step.toRemove), outcome);
		for (const { role: of, available } of done) {
			const needed = (started[of as 'minion'] ?? 0) - (isDead && of === role ? 1 : 0);
			if (available < needed) throw new Error(`${available} ${of}s served through an update`);
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

test('a replaced member is removed, and the number of members is the same, even if updates fail', (t) => {
	const outcomes = fc.array(
		fc.constantFrom<UpdateOutcome>('success', 'additions fail', 'removals fail', 'both fail', 'refused'),
		{
			maxLength: 12,
		},
	);
	const node = fc.constantFrom('demo-master-1', 'demo-minion-0', 'demo-minion-2', 'demo-gateway-0');
	fc.assert(
		fc.property(node, outcomes, fc.boolean(), (name, events, isDead) => {
			const heat = new SimulatedHeat(parametersWith(started));
			replace(heat, name, events, isDead);
			const members = heat.members();
			t.false(members.some((member) => member.name === name));
			t.true(members.every(({ condition }) => condition === 'ready'));
			for (const role of ['master', 'minion', 'gateway'] as const)
				t.is(members.filter((member) => member.role === role).length, started[role]);
			t.is(unfinished('demo', upgradeState(heat.parameters).generations), undefined);
		}),
	);
});

test('a live member is removed once another one has joined; a dead one is removed at once', (t) => {
	const alive = new SimulatedHeat(parametersWith(started));
	t.deepEqual(replace(alive, 'demo-master-0', [], false), [
		'0 ready, 1 ready, 2 ready, 3 ready',
		'1 ready, 2 ready, 3 ready',
	]);
	const dead = new SimulatedHeat(parametersWith(started));
	t.deepEqual(replace(dead, 'demo-master-0', [], true), ['1 ready, 2 ready, 3 ready']);
});

test('a new member that fails is replaced by another one, and the old one is kept until one is Ready', (t) => {
	const heat = new SimulatedHeat(parametersWith(started));
	t.deepEqual(replace(heat, 'demo-minion-1', ['additions fail', 'additions fail'], false), [
		'0 ready, 1 ready, 2 ready, 3 failed',
		'0 ready, 1 ready, 2 ready, 4 failed',
		'0 ready, 1 ready, 2 ready, 5 ready',
		'0 ready, 2 ready, 5 ready',
	]);
});

test('a completed replacement is not repeated', (t) => {
	const heat = new SimulatedHeat(parametersWith(started));
	replace(heat, 'demo-minion-1', [], false);
	t.deepEqual(replace(heat, 'demo-minion-1', [], false), []);
});

test('during a replacement, the message has the command that resumes it', (t) => {
	const heat = new SimulatedHeat(parametersWith(started));
	const step = nextReplacementStep(
		'demo-minion-1',
		upgradeState(heat.parameters),
		heat.members(),
		true,
		false,
	);
	const state = step?.state as UpgradeState;
	heat.update(parametersOfStep(state, state, []), 'success');
	t.regex(
		unfinished('demo', upgradeState(heat.parameters).generations) ?? '',
		/being replaced: .*`kstack replace demo demo-minion-1`/,
	);
});

test('a replacement completes if another client has removed the member meanwhile', (t) => {
	const heat = new SimulatedHeat(parametersWith(started));
	const step = nextReplacementStep(
		'demo-minion-1',
		upgradeState(heat.parameters),
		heat.members(),
		true,
		false,
	);
	const state = step?.state as UpgradeState;
	heat.update(parametersOfStep(state, state, []), 'success');
	heat.update({ removed_minions: '1', minion_count: 3 }, 'success');
	t.deepEqual(replace(heat, 'demo-minion-1', [], false), ['0 ready, 2 ready, 3 ready']);
	t.is(upgradeState(heat.parameters).now.minion, 3);
});

test('an unknown name is refused, and the message lists the members', (t) => {
	const heat = new SimulatedHeat(parametersWith({ master: 1, minion: 1, gateway: 0 }));
	const error = t.throws(
		() => nextReplacementStep('demo-minion-7', upgradeState(heat.parameters), heat.members(), true, false),
		{
			instanceOf: UserError,
		},
	) as UserError;
	t.is(error.exitCode, 2);
	t.is(error.message, 'There is no node demo-minion-7. Nodes: demo-master-0, demo-minion-0.');
});
