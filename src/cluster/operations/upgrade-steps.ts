import type { MemberState } from '../heat/inventory.ts';
import {
	type Counts,
	countsOf,
	type Generations,
	generationsOf,
	nextGeneration,
	type Prefix,
	reversedGenerations,
} from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { type ByPool, byPool, type Pool, poolsOf } from '../spec/pools.ts';
import { standardRole } from '../spec/role-file.ts';
import { packagedRoles, type Roles, runsControlPlane } from '../spec/roles.ts';

type Images = ByPool<string>;

/** The progress of an upgrade: members of a new generation are added while those of the old one are removed. */
export interface UpgradeState {
	readonly pools: readonly Pool[];
	/** The roles that these pools have. */
	readonly roles: Roles;
	readonly generations: Generations;
	/** Counts in the stack's parameters by pool: `now` of the new generation, `before` of the old one. */
	readonly now: Counts;
	readonly before: Counts;
	/** Image IDs of the two, by pool. */
	readonly nowImages: Images;
	readonly beforeImages: Images;
}

/** One update of an upgrade: the counts after it. */
export interface UpgradeStep {
	readonly now: Counts;
	readonly before: Counts;
	/** The pool whose members change; absent if the step only retries a failed update. */
	readonly pool?: Pool;
}

/** Reads the progress of an upgrade from the parameters of the stack. */
export function upgradeState(parameters: Parameters, roles: Roles = packagedRoles): UpgradeState {
	const pools = poolsOf(parameters);
	const images = (prefix: Prefix) =>
		byPool(pools, ({ id }) => String(parameters[`${prefix}${id}_image`] ?? ''));
	return {
		pools,
		roles,
		generations: generationsOf(parameters),
		now: countsOf(parameters, ''),
		before: countsOf(parameters, 'previous_'),
		nowImages: images(''),
		beforeImages: images('previous_'),
	};
}

/** The initial state of an upgrade to an image with this contract: the new generation has no members yet. */
export function startUpgrade(state: UpgradeState, image: string, contract = 0): UpgradeState {
	return {
		pools: state.pools,
		roles: state.roles,
		generations: nextGeneration(state.generations, image, state.now, contract),
		now: byPool(state.pools, () => 0),
		before: state.now,
		nowImages: byPool(state.pools, () => image),
		beforeImages: state.nowImages,
	};
}

/** The state of the upgrade in the other direction: the old and the new generation are swapped. */
export function reversedUpgrade(state: UpgradeState, rollback: boolean): UpgradeState {
	return {
		pools: state.pools,
		roles: state.roles,
		generations: reversedGenerations(state.generations, rollback),
		now: state.before,
		before: state.now,
		nowImages: state.beforeImages,
		beforeImages: state.nowImages,
	};
}

const inPool = (members: readonly MemberState[], { id }: Pool, generation: number | null) =>
	members.filter((member) => member.pool === id && member.generation === generation);

/** The pools in the order of the upgrade, which depends on their roles. */
function ordered({ pools, generations, roles }: UpgradeState): Pool[] {
	const position = ({ role }: Pool) => (roles[role] ?? packagedRoles[standardRole])?.upgradeOrder ?? 0;
	const direction = generations.mastersLast === true ? -1 : 1;
	return [...pools].sort((one, other) => direction * (position(one) - position(other)));
}

const failed = (members: readonly MemberState[]) => members.filter(({ condition }) => condition === 'failed');

/**
 * The next step of an upgrade. It depends only on the state of the stack, so that an interrupted upgrade can be resumed.
 *
 * Masters are added and removed one at a time, because etcd changes one member at a time; they are upgraded first,
 * because no kubelet may be newer than an API server. Of the other roles, one batch is added while the members that
 * the previous batch replaced are removed. In a downgrade, masters are last.
 *
 * @param members  all members, in any condition
 * @param settled  whether the last update succeeded; if not, it is retried first
 * @param batch    members to add per step, except masters
 * @returns the step; `undefined` when the old generation has no members left
 */
export function nextStep(
	state: UpgradeState,
	members: readonly MemberState[],
	settled: boolean,
	batch: number,
): UpgradeStep | undefined {
	const { generations, now, before } = state;
	const wanted = generations.wanted ?? now;
	if (!settled || failed(members).length > 0) {
		const failedIn = (pool: Pool) => failed(inPool(members, pool, generations.previous)).length;
		const { pools } = state;
		return { now, before: byPool(pools, (pool) => Math.max(0, (before[pool.id] ?? 0) - failedIn(pool))) };
	}
	for (const pool of ordered(state)) {
		const { id } = pool;
		const oneByOne = runsControlPlane(pool);
		const [growing, old, target] = [now[id] ?? 0, before[id] ?? 0, wanted[id] ?? 0];
		const replaced = Math.min(old, Math.max(0, growing + old - target));
		const missing = Math.max(0, target - growing);
		if (replaced === 0 && missing === 0) continue;
		const added = oneByOne ? (replaced > 0 ? 0 : 1) : Math.min(missing, batch);
		const removed = oneByOne ? Math.min(replaced, 1) : replaced;
		return {
			now: { ...now, [id]: growing + added },
			before: { ...before, [id]: old - removed },
			pool,
		};
	}
	return undefined;
}

/**
 * The members to remove in a step: those that never became Ready, and members of the old generation, the highest index
 * first, until its count is that of the step.
 */
export function membersToRemove(
	state: UpgradeState,
	step: UpgradeStep,
	members: readonly MemberState[],
): MemberState[] {
	const { current, previous } = state.generations;
	return state.pools.flatMap((pool) => {
		const present = inPool(members, pool, previous).filter(({ condition }) => condition !== 'leaving');
		const healthy = present
			.filter(({ condition }) => condition === 'ready')
			.sort((one, other) => other.index - one.index);
		const count = (state.before[pool.id] ?? 0) - (step.before[pool.id] ?? 0);
		return [...failed(inPool(members, pool, current)), ...[...failed(present), ...healthy].slice(0, count)];
	});
}

/** The parameters that are passed to Heat for a step. */
export function parametersOfStep(
	state: UpgradeState,
	step: UpgradeStep,
	toRemove: readonly MemberState[],
): Parameters {
	const { generations } = state;
	const indexes = (pool: Pool, generation: number | null) =>
		inPool(toRemove, pool, generation)
			.map(({ index }) => index)
			.join(',');
	return {
		generations,
		...Object.fromEntries(
			state.pools.flatMap((pool) => {
				const { id, name } = pool;
				return [
					[`${id}_count`, step.now[id] ?? 0],
					[`${id}_image`, state.nowImages[id] ?? ''],
					[`removed_${name}`, indexes(pool, generations.current)],
					[`previous_${id}_count`, step.before[id] ?? 0],
					[`previous_${id}_image`, state.beforeImages[id] ?? ''],
					[`previous_removed_${name}`, indexes(pool, generations.previous)],
				];
			}),
		),
	};
}
