import type { Counts } from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { nextStep, parametersOfStep, type UpgradeState, type UpgradeStep } from './upgrade-steps.ts';

/** The greater count of each pool. */
const largerCounts = (one: Counts, other: Counts) =>
	Object.entries({ ...one, ...other }).map(([pool]) => Math.max(one[pool] ?? 0, other[pool] ?? 0));

/**
 * The update of an upgrade during which the most members exist, if every update succeeds.
 *
 * @param now      the stack's parameters
 * @param initial  the current or initial state of the upgrade
 * @param batch    members to add per step, except masters
 * @returns the stack's parameters before and after that update
 */
export function largestUpdate(
	now: Parameters,
	initial: UpgradeState,
	batch: number,
): { before: Parameters; after: Parameters } {
	let state = initial;
	let largest: { size: number; before: UpgradeStep; after: UpgradeStep } = {
		size: 0,
		before: initial,
		after: initial,
	};
	for (;;) {
		const step = nextStep(state, [], true, batch);
		if (step === undefined) break;
		const counts = [...largerCounts(state.now, step.now), ...largerCounts(state.before, step.before)];
		const size = counts.reduce((sum, count) => sum + count, 0);
		if (size > largest.size)
			largest = { size, before: { now: state.now, before: state.before }, after: step };
		state = { ...state, now: step.now, before: step.before };
	}
	const parametersAt = (step: UpgradeStep) => ({ ...now, ...parametersOfStep(initial, step, []) });
	return { before: parametersAt(largest.before), after: parametersAt(largest.after) };
}
