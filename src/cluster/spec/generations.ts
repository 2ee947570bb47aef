import { jsonParameter } from './json-parameter.ts';
import type { Parameters } from './parameters.ts';
import { type ByPool, byPool, defaultPools, poolsOf } from './pools.ts';
import { type Role, roles } from './roles.ts';

/** How many members each pool has, by the pool's ID; that of a default pool is its role. */
export type Counts = ByPool<number>;

/** A node that is being replaced: with `extra` its pool has one additional member until the node is removed. */
export interface Replacing {
	readonly node: string;
	readonly extra: boolean;
}

/** The stack's parameter `generations`: the progress of an upgrade, so that it can be resumed. */
export interface Generations {
	/** The generation that new members belong to. */
	readonly current: number;
	/** The generation that an upgrade replaces; `null` if there is no upgrade. */
	readonly previous: number | null;
	/** The highest number ever used, so that server names are never reused. */
	readonly latest: number;
	/** Image IDs by generation, if known. */
	readonly images: Readonly<Record<string, string>>;
	/** Member counts of the pools after the upgrade. */
	readonly wanted?: Counts;
	/** Whether the upgrade in progress is a rollback. */
	readonly rollback?: boolean;
	/** Whether masters are replaced last, in a downgrade. */
	readonly mastersLast?: boolean;
	readonly replacing?: Replacing;
	/** Contracts (src/base/contract.ts) of the images of the pools, by image ID; 0 for images without an entry. */
	readonly contracts?: Readonly<Record<string, number>>;
	/** Whether each member has a join token of its own. Clusters created with kstack 0.3 or earlier share one. */
	readonly memberTokens?: boolean;
	/**
	 * The security groups of the members: `roles`, those of their role; `both`, also the one that all members of clusters of
	 * kstack 0.3 or earlier share; absent: that one alone.
	 */
	readonly securityGroups?: 'both' | 'roles';
	/** The version of kstack that rendered the templates; absent up to 0.2.0. */
	readonly kstack?: string;
}

/** Reads the parameter; a stack that has none is in its first generation. */
export function generationsOf(parameters: Parameters): Generations {
	const record = jsonParameter(parameters, 'generations') as Partial<Generations>;
	const current = record.current ?? 1;
	// If the pools have different images, there is no single previous image.
	const ids = poolsOf(parameters).map(({ id }) => id);
	const [image, ...others] = new Set(ids.flatMap((id) => parameters[`${id}_image`] ?? []));
	return {
		...record,
		current,
		previous: record.previous ?? null,
		latest: record.latest ?? current,
		images: record.images ?? (image === undefined || others.length > 0 ? {} : { [current]: String(image) }),
	};
}

/** The prefix of the parameters of the current generation, or of the previous one. */
export type Prefix = '' | 'previous_';

/** The member count of each pool, from the stack's parameters. */
export function countsOf(parameters: Parameters, prefix: Prefix): Counts {
	return byPool(poolsOf(parameters), ({ id }) => Number(parameters[`${prefix}${id}_count`] ?? 0));
}

/** The total member count of the additional pools. */
export const furtherNodes = (counts: Counts): number =>
	Object.entries(counts)
		.filter(([id]) => !defaultPools.some((pool) => pool.id === id))
		.reduce((sum, [, count]) => sum + count, 0);

/** One value for each role with a default pool. */
export function byRole<Value>(value: (role: Role) => Value): ByPool<Value> {
	return Object.fromEntries(roles.map((role) => [role, value(role)])) as ByPool<Value>;
}

/**
 * Which operation of a cluster is not finished, and how to resume it; `undefined` when there is none.
 * No other operation may change the number of members until then.
 */
export function unfinished(name: string, generations: Generations): string | undefined {
	if (generations.previous !== null) {
		const what = generations.rollback === true ? 'A rollback' : 'An upgrade';
		return `${what} of ${name} is not finished: resume it with \`kstack upgrade ${name}\`, or roll back with \`kstack upgrade ${name} --rollback\`.`;
	}
	if (generations.replacing?.extra === true) {
		const { node } = generations.replacing;
		return `${node} of ${name} is being replaced: resume with \`kstack replace ${name} ${node}\`.`;
	}
	return undefined;
}

/** The generations at the start of an upgrade to an image, by ID, with this contract. */
export function nextGeneration(now: Generations, image: string, wanted: Counts, contract = 0): Generations {
	const { replacing: _, ...kept } = now;
	const current = now.latest + 1;
	return {
		...kept,
		current,
		previous: now.current,
		latest: current,
		images: { ...now.images, [current]: image },
		...(contract === 0 ? {} : { contracts: { ...now.contracts, [image]: contract } }),
		wanted,
	};
}

/** The generations of the reversed upgrade: current and previous are swapped. */
export function reversedGenerations(now: Generations, rollback: boolean): Generations {
	if (now.previous === null) return now;
	return {
		...now,
		current: now.previous,
		previous: now.current,
		rollback,
		mastersLast: now.mastersLast !== true,
	};
}

/**
 * The generations after an upgrade. A generation that was rolled back is not a target of later rollbacks.
 * Only the contract of the current image is kept.
 */
export function finished(now: Generations): Generations {
	const { wanted: _, rollback: __, mastersLast: ___, previous, contracts = {}, ...kept } = now;
	const image = now.images[now.current];
	const images = Object.fromEntries(
		Object.entries(now.images).filter(
			([number]) => Number(number) !== previous || Number(number) < now.current,
		),
	);
	const left = Object.entries(contracts).filter(([id]) => image === undefined || id === image);
	return {
		...kept,
		previous: null,
		images,
		...(left.length === 0 ? {} : { contracts: Object.fromEntries(left) }),
	};
}

/** The image of the generation before the current one; `undefined` if unknown. */
export function imageBefore(now: Generations): string | undefined {
	const earlier = Object.keys(now.images)
		.map(Number)
		.filter((number) => number < now.current);
	return earlier.length === 0 ? undefined : now.images[Math.max(...earlier)];
}
