import type { MemberState } from '../heat/inventory.ts';
import {
	byRole,
	type Counts,
	countsOf,
	type Generations,
	generationsOf,
	nextGeneration,
	type Pool,
	reversedGenerations,
} from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { type Role, roles } from '../spec/roles.ts';

/** Where an upgrade is: one generation grows to what is wanted while another goes. */
export interface UpgradeState {
	readonly generations: Generations;
	/** How many members Heat was told to have, of the generation that grows and of the one that goes. */
	readonly now: Counts;
	readonly before: Counts;
	/** Image IDs of the two. */
	readonly nowImages: Readonly<Record<Role, string>>;
	readonly beforeImages: Readonly<Record<Role, string>>;
}

/** The next update: what Heat is to have after it. */
export interface Step {
	readonly now: Counts;
	readonly before: Counts;
	/** Whose members it is about; none when it only brings the last one to a good end. */
	readonly role?: Role;
}

/** The place that a stack's parameters tell of. */
export function upgradeState(parameters: Parameters): UpgradeState {
	const images = (pool: Pool) => byRole((role) => String(parameters[`${pool}${role}_image`] ?? ''));
	return {
		generations: generationsOf(parameters),
		now: countsOf(parameters, ''),
		before: countsOf(parameters, 'previous_'),
		nowImages: images(''),
		beforeImages: images('previous_'),
	};
}

/** The place at which an upgrade to that image, of that contract, begins: nothing of the new generation is there yet. */
export function startUpgrade(place: UpgradeState, image: string, contract = 0): UpgradeState {
	return {
		generations: nextGeneration(place.generations, image, place.now, contract),
		now: byRole(() => 0),
		before: place.now,
		nowImages: byRole(() => image),
		beforeImages: place.nowImages,
	};
}

/** The place seen from the other end: what grew goes, and what went grows. */
export function reversedUpgrade(place: UpgradeState, rollback: boolean): UpgradeState {
	return {
		generations: reversedGenerations(place.generations, rollback),
		now: place.before,
		before: place.now,
		nowImages: place.beforeImages,
		beforeImages: place.nowImages,
	};
}

const order = (mastersLast: boolean): readonly Role[] =>
	mastersLast ? ['minion', 'gateway', 'master'] : ['master', 'gateway', 'minion'];

const inPool = (members: readonly MemberState[], role: Role, generation: number | null) =>
	members.filter((member) => member.role === role && member.generation === generation);

const failed = (members: readonly MemberState[]) => members.filter(({ condition }) => condition === 'failed');

/**
 * The next step of an upgrade, by nothing but where it is: so it goes on from wherever it stopped.
 *
 * A master comes or goes by itself: etcd changes one member at a time, and no newer kubelet joins before the
 * last older API server is gone. Of the other roles one batch comes while those that the batch before has
 * replaced go. With versions that go down masters are last: no kubelet may be newer than an API server.
 *
 * @param members  those there are, in whatever condition
 * @param settled  whether Heat brought the last update to a good end; if not, that comes first
 * @param batch    how many members of a role but the masters come at a time
 * @returns the step; `undefined` when nothing of the generation that goes is left
 */
export function nextStep(
	place: UpgradeState,
	members: readonly MemberState[],
	settled: boolean,
	batch: number,
): Step | undefined {
	const { generations, now, before } = place;
	const wanted = generations.wanted ?? now;
	if (!settled || failed(members).length > 0) {
		const without = (role: Role) => failed(inPool(members, role, generations.previous)).length;
		return { now, before: byRole((role) => Math.max(0, before[role] - without(role))) };
	}
	for (const role of order(generations.mastersLast === true)) {
		const replaced = Math.min(before[role], Math.max(0, now[role] + before[role] - wanted[role]));
		const missing = Math.max(0, wanted[role] - now[role]);
		if (replaced === 0 && missing === 0) continue;
		const come = role === 'master' ? (replaced > 0 ? 0 : 1) : Math.min(missing, batch);
		const go = role === 'master' ? Math.min(replaced, 1) : replaced;
		return {
			now: { ...now, [role]: now[role] + come },
			before: { ...before, [role]: before[role] - go },
			role,
		};
	}
	return undefined;
}

/**
 * Who goes in a step: those that never became Ready, and of the generation that goes as many more as the
 * step says, the highest index first.
 */
export function membersToRemove(
	place: UpgradeState,
	step: Step,
	members: readonly MemberState[],
): MemberState[] {
	const { current, previous } = place.generations;
	return roles.flatMap((role) => {
		const present = inPool(members, role, previous).filter(({ condition }) => condition !== 'leaving');
		const healthy = present
			.filter(({ condition }) => condition === 'well')
			.sort((one, other) => other.index - one.index);
		const fewer = place.before[role] - step.before[role];
		return [...failed(inPool(members, role, current)), ...[...failed(present), ...healthy].slice(0, fewer)];
	});
}

/** What Heat is told for a step. */
export function parametersOfStep(place: UpgradeState, step: Step, goes: readonly MemberState[]): Parameters {
	const { generations } = place;
	const indexes = (role: Role, generation: number | null) =>
		inPool(goes, role, generation)
			.map(({ index }) => index)
			.join(',');
	return {
		generations,
		...Object.fromEntries(
			roles.flatMap((role) => [
				[`${role}_count`, step.now[role]],
				[`${role}_image`, place.nowImages[role]],
				[`removed_${role}s`, indexes(role, generations.current)],
				[`previous_${role}_count`, step.before[role]],
				[`previous_${role}_image`, place.beforeImages[role]],
				[`previous_removed_${role}s`, indexes(role, generations.previous)],
			]),
		),
	};
}
