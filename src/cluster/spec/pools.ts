import { jsonParameter } from './json-parameter.ts';
import type { Parameters } from './parameters.ts';
import { defaultRoles, type Role } from './roles.ts';

/** What the cluster records about an additional pool, in the stack's parameter `pools`, by the pool's name. */
export interface PoolRecord {
	readonly role: Role;
	/** Labels of its nodes. */
	readonly labels: Readonly<Record<string, string>>;
	/** Taints of its nodes, each `KEY=VALUE:EFFECT` or `KEY:EFFECT`. */
	readonly taints: readonly string[];
	/** Names of its flavor, image and availability zone as asked for; absent for those of its role. */
	readonly flavor?: string;
	readonly image?: string;
	readonly availabilityZone?: string;
}

/** Members that are counted together and made from one image and flavor. */
export interface Pool {
	/** What its Heat parameters begin with: `minion` for `minion_count`, `gpu` for `gpu_count`. */
	readonly id: string;
	/** What users call it: `minions`, or `gpu`. */
	readonly name: string;
	readonly role: Role;
	/** Whether cluster.yaml has an entry for it; else it is the default pool of its role. */
	readonly further: boolean;
	/** Its group resource of the first generation, and the stack's output with its members. */
	readonly group: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly taints: readonly string[];
}

/** The pool that each role has in every cluster. Its Heat parameters and resources never change. */
export const defaultPools: readonly Pool[] = defaultRoles.map(({ name: role, defaultPool: { name } }) => ({
	id: role,
	name,
	role,
	further: false,
	group: name,
	labels: {},
	taints: [],
}));

/** The records of the additional pools of a stack, by name; none for a stack of an earlier release. */
export function recordsOf(parameters: Parameters): Readonly<Record<string, PoolRecord>> {
	return jsonParameter(parameters, 'pools') as Record<string, PoolRecord>;
}

/** What the templates need to know of an additional pool. */
export type FurtherPool = Pick<Pool, 'name' | 'role' | 'labels' | 'taints'>;

/** The default pools and the additional ones, those in the order of their names. */
export function withDefaultPools(further: readonly FurtherPool[]): Pool[] {
	const sorted = [...further].sort((a, b) => (a.name < b.name ? -1 : 1));
	return [
		...defaultPools,
		...sorted.map(({ name, role, labels, taints }) => ({
			...{ id: name, name, role, further: true, group: `pool_${name}`, labels, taints },
		})),
	];
}

/** The additional pools that records are of. */
export const furtherPools = (records: Readonly<Record<string, PoolRecord>>): FurtherPool[] =>
	Object.entries(records).map(([name, record]) => ({ name, ...record }));

/** The additional pools of a stack, by its parameters alone. */
export const furtherPoolsOf = (parameters: Parameters): FurtherPool[] => furtherPools(recordsOf(parameters));

/** All pools of a stack, by its parameters alone. */
export const poolsOf = (parameters: Parameters): Pool[] => withDefaultPools(furtherPoolsOf(parameters));

/** One value for each pool, by the pool's ID. Every cluster has the pool of the masters. */
export type ByPool<Value> = { readonly master: Value } & Readonly<Record<string, Value>>;

/** One value for each of the pools, by the pool's ID. */
export function byPool<Value>(pools: readonly Pool[], value: (pool: Pool) => Value): ByPool<Value> {
	return Object.fromEntries(pools.map((pool) => [pool.id, value(pool)])) as ByPool<Value>;
}

/** The group resource of a pool in a generation: `minions`, `minions_3`, `pool_gpu_2`. */
export function groupName({ group }: Pick<Pool, 'group'>, generation: number): string {
	return generation === 1 ? group : `${group}_${generation}`;
}

/**
 * The pool and the generation that a group resource belongs to; `undefined` for any other resource. Pool names
 * have no underscore, so a group has one meaning only.
 */
export function groupOf(resource: string): { id: string; group: string; generation: number } | undefined {
	const parts = resource.split('_');
	const further = parts[0] === 'pool';
	const [name, number, ...rest] = further ? parts.slice(1) : parts;
	if (name === undefined || rest.length > 0) return undefined;
	if (number !== undefined && !/^[1-9]\d*$/.test(number)) return undefined;
	const generation = Number(number ?? 1);
	if (further) return { id: name, group: `pool_${name}`, generation };
	const pool = defaultPools.find(({ group }) => group === name);
	return pool && { id: pool.id, group: pool.group, generation };
}

/** The group, and for a member's own stack the index, that a nested stack of a cluster is for. */
export interface NestedStack {
	readonly id: string;
	readonly group: string;
	readonly generation: number;
	readonly index: number | undefined;
}

/**
 * What a nested stack is for, by its name: `demo-minions-x7` holds the members of a group, `demo-minions-x7-2-k3`
 * is member 2 of them. `undefined` for anything else.
 */
export function nestedStackOf(cluster: string, stackName: string): NestedStack | undefined {
	if (!stackName.startsWith(`${cluster}-`)) return undefined;
	const parts = stackName.slice(cluster.length + 1).split('-');
	const group = groupOf(parts[0] ?? '');
	if (group === undefined || (parts.length !== 2 && parts.length !== 4)) return undefined;
	if (parts.length === 4 && !/^\d+$/.test(parts[2] ?? '')) return undefined;
	return { ...group, index: parts.length === 4 ? Number(parts[2]) : undefined };
}

/** What stands before the index in the names of a pool's members: `demo-minion`, or `demo-gpu-g3`. */
export function memberPrefix(cluster: string, id: string, generation: number): string {
	return generation === 1 ? `${cluster}-${id}` : `${cluster}-${id}-g${generation}`;
}

/** The name of a member, which its server and its node have. */
export function memberName(cluster: string, id: string, generation: number, index: number): string {
	return `${memberPrefix(cluster, id, generation)}-${index}`;
}
