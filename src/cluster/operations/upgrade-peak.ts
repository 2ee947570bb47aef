import type { Counts } from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { nextStep, parametersOfStep, type Round, type UpgradeState } from './upgrade-steps.ts';

/** The greater count of each pool. */
const most = (one: Counts, other: Counts) =>
	Object.entries({ ...one, ...other }).map(([pool]) => Math.max(one[pool] ?? 0, other[pool] ?? 0));

/**
 * The update of an upgrade during which the most members exist, if every update succeeds.
 *
 * @param now    the stack's parameters
 * @param place  where the upgrade is, or begins
 * @param batch  members to add per step, except masters
 * @returns the stack's parameters before and after that update
 */
export function largestUpdate(
	now: Parameters,
	place: UpgradeState,
	batch: number,
): { before: Parameters; after: Parameters } {
	let state = place;
	let largest: { size: number; before: Round; after: Round } = { size: 0, before: place, after: place };
	for (;;) {
		const step = nextStep(state, [], true, batch);
		if (step === undefined) break;
		const counts = [...most(state.now, step.now), ...most(state.before, step.before)];
		const size = counts.reduce((sum, count) => sum + count, 0);
		if (size > largest.size)
			largest = { size, before: { now: state.now, before: state.before }, after: step };
		state = { ...state, now: step.now, before: step.before };
	}
	const parametersAt = (step: Round) => ({ ...now, ...parametersOfStep(place, step, []) });
	return { before: parametersAt(largest.before), after: parametersAt(largest.after) };
}
