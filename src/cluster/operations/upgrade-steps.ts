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

/** The next update: what Heat is to have after it. */
export interface Round {
	readonly now: Counts;
	readonly before: Counts;
	/** The pool whose members change; none when the step only repeats an update that failed. */
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
export function startUpgrade(place: UpgradeState, image: string, contract = 0): UpgradeState {
	return {
		pools: place.pools,
		roles: place.roles,
		generations: nextGeneration(place.generations, image, place.now, contract),
		now: byPool(place.pools, () => 0),
		before: place.now,
		nowImages: byPool(place.pools, () => image),
		beforeImages: place.nowImages,
	};
}

/** The state of the upgrade in the other direction: the old and the new generation change places. */
export function reversedUpgrade(place: UpgradeState, rollback: boolean): UpgradeState {
	return {
		pools: place.pools,
		roles: place.roles,
		generations: reversedGenerations(place.generations, rollback),
		now: place.before,
		before: place.now,
		nowImages: place.beforeImages,
		beforeImages: place.nowImages,
	};
}

const inPool = (members: readonly MemberState[], { id }: Pool, generation: number | null) =>
	members.filter((member) => member.pool === id && member.generation === generation);

/** The pools in the order in which an upgrade takes them: each in the turn of its role. */
function ordered({ pools, generations, roles }: UpgradeState): Pool[] {
	const turn = ({ role }: Pool) => (roles[role] ?? packagedRoles[standardRole])?.upgradeOrder ?? 0;
	const direction = generations.mastersLast === true ? -1 : 1;
	return [...pools].sort((one, other) => direction * (turn(one) - turn(other)));
}

const failed = (members: readonly MemberState[]) => members.filter(({ condition }) => condition === 'failed');

/**
 * The next step of an upgrade. It depends only on the state of the stack, so that an interrupted upgrade can be resumed.
 *
 * Masters are added and removed one at a time, because etcd changes one member at a time; they are upgraded first,
 * because no kubelet may be newer than an API server. Of the other roles, one batch is added while the members that
 * the previous batch replaced are removed. In a downgrade, masters are last.
 *
 * @param members  those there are, in whatever condition
 * @param settled  whether Heat brought the last update to a good end; if not, that comes first
 * @param batch    members to add per step, except masters
 * @returns the step; `undefined` when the old generation has no members left
 */
export function nextStep(
	place: UpgradeState,
	members: readonly MemberState[],
	settled: boolean,
	batch: number,
): Round | undefined {
	const { generations, now, before } = place;
	const wanted = generations.wanted ?? now;
	if (!settled || failed(members).length > 0) {
		const without = (pool: Pool) => failed(inPool(members, pool, generations.previous)).length;
		const { pools } = place;
		return { now, before: byPool(pools, (pool) => Math.max(0, (before[pool.id] ?? 0) - without(pool))) };
	}
	for (const pool of ordered(place)) {
		const { id } = pool;
		const oneByOne = runsControlPlane(pool);
		const [growing, old, target] = [now[id] ?? 0, before[id] ?? 0, wanted[id] ?? 0];
		const replaced = Math.min(old, Math.max(0, growing + old - target));
		const missing = Math.max(0, target - growing);
		if (replaced === 0 && missing === 0) continue;
		const come = oneByOne ? (replaced > 0 ? 0 : 1) : Math.min(missing, batch);
		const go = oneByOne ? Math.min(replaced, 1) : replaced;
		return {
			now: { ...now, [id]: growing + come },
			before: { ...before, [id]: old - go },
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
	place: UpgradeState,
	step: Round,
	members: readonly MemberState[],
): MemberState[] {
	const { current, previous } = place.generations;
	return place.pools.flatMap((pool) => {
		const present = inPool(members, pool, previous).filter(({ condition }) => condition !== 'leaving');
		const healthy = present
			.filter(({ condition }) => condition === 'well')
			.sort((one, other) => other.index - one.index);
		const fewer = (place.before[pool.id] ?? 0) - (step.before[pool.id] ?? 0);
		return [...failed(inPool(members, pool, current)), ...[...failed(present), ...healthy].slice(0, fewer)];
	});
}

/** The parameters that are passed to Heat for a step. */
export function parametersOfStep(place: UpgradeState, step: Round, goes: readonly MemberState[]): Parameters {
	const { generations } = place;
	const indexes = (pool: Pool, generation: number | null) =>
		inPool(goes, pool, generation)
			.map(({ index }) => index)
			.join(',');
	return {
		generations,
		...Object.fromEntries(
			place.pools.flatMap((pool) => {
				const { id, name } = pool;
				return [
					[`${id}_count`, step.now[id] ?? 0],
					[`${id}_image`, place.nowImages[id] ?? ''],
					[`removed_${name}`, indexes(pool, generations.current)],
					[`previous_${id}_count`, step.before[id] ?? 0],
					[`previous_${id}_image`, place.beforeImages[id] ?? ''],
					[`previous_removed_${name}`, indexes(pool, generations.previous)],
				];
			}),
		),
	};
}
