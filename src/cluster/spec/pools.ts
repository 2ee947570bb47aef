import { jsonParameter } from './json-parameter.ts';
import type { Parameters } from './parameters.ts';
import { defaultRoles, type Role } from './roles.ts';

/** The record of an additional pool in the stack's parameter `pools`. */
export interface PoolRecord {
	readonly role: Role;
	/** Labels of its nodes. */
	readonly labels: Readonly<Record<string, string>>;
	/** Taints of its nodes, each `KEY=VALUE:EFFECT` or `KEY:EFFECT`. */
	readonly taints: readonly string[];
	/** Names of its flavor, image and availability zone; absent for those of its role. */
	readonly flavor?: string;
	readonly image?: string;
	readonly availabilityZone?: string;
}

/** A group of members with the same image and flavor, and one count. */
export interface Pool {
	/** The prefix of its Heat parameters: `minion` for `minion_count`, `gpu` for `gpu_count`. */
	readonly id: string;
	/** Its name for users: `minions`, or `gpu`. */
	readonly name: string;
	readonly role: Role;
	/** Whether it is an additional pool, with an entry in cluster.yaml, and not the default pool of its role. */
	readonly further: boolean;
	/** Its group resource of the first generation, and the stack's output with its members. */
	readonly group: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly taints: readonly string[];
}

/** The default pool of each role, which every cluster has. Its Heat parameters and resources never change. */
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

/** The properties of an additional pool that the templates use. */
export type FurtherPool = Pick<Pool, 'name' | 'role' | 'labels' | 'taints'>;

/** The default pools, then the additional ones in the order of their names. */
export function withDefaultPools(further: readonly FurtherPool[]): Pool[] {
	const sorted = [...further].sort((a, b) => (a.name < b.name ? -1 : 1));
	return [
		...defaultPools,
		...sorted.map(({ name, role, labels, taints }) => ({
			...{ id: name, name, role, further: true, group: `pool_${name}`, labels, taints },
		})),
	];
}

/** The additional pools, from their records. */
export const furtherPools = (records: Readonly<Record<string, PoolRecord>>): FurtherPool[] =>
	Object.entries(records).map(([name, record]) => ({ name, ...record }));

/** The additional pools of a stack, from its parameters. */
export const furtherPoolsOf = (parameters: Parameters): FurtherPool[] => furtherPools(recordsOf(parameters));

/** All pools of a stack, from its parameters. */
export const poolsOf = (parameters: Parameters): Pool[] => withDefaultPools(furtherPoolsOf(parameters));

/** One value for each pool, by the pool's ID. Every cluster has the pool of the masters. */
export type ByPool<Value> = { readonly master: Value } & Readonly<Record<string, Value>>;

/** Maps the pools to one value each, by the pool's ID. */
export function byPool<Value>(pools: readonly Pool[], value: (pool: Pool) => Value): ByPool<Value> {
	return Object.fromEntries(pools.map((pool) => [pool.id, value(pool)])) as ByPool<Value>;
}

/** The group resource of a pool in a generation: `minions`, `minions_3`, `pool_gpu_2`. */
export function groupName({ group }: Pick<Pool, 'group'>, generation: number): string {
	return generation === 1 ? group : `${group}_${generation}`;
}

/**
 * The pool and the generation of a group resource; `undefined` for any other resource. Pool names have no underscore, so
 * the name is unambiguous.
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

/** The group of a nested stack, and for the stack of a member its index. */
export interface NestedStack {
	readonly id: string;
	readonly group: string;
	readonly generation: number;
	readonly index: number | undefined;
}

/**
 * Parses the name of a nested stack: `demo-minions-x7` is that of a group, `demo-minions-x7-2-k3` that of its member 2.
 * `undefined` for any other name.
 */
export function nestedStackOf(cluster: string, stackName: string): NestedStack | undefined {
	if (!stackName.startsWith(`${cluster}-`)) return undefined;
	const parts = stackName.slice(cluster.length + 1).split('-');
	const group = groupOf(parts[0] ?? '');
	if (group === undefined || (parts.length !== 2 && parts.length !== 4)) return undefined;
	if (parts.length === 4 && !/^\d+$/.test(parts[2] ?? '')) return undefined;
	return { ...group, index: parts.length === 4 ? Number(parts[2]) : undefined };
}

/** The part before the index in the names of a pool's members: `demo-minion`, or `demo-gpu-g3`. */
export function memberPrefix(cluster: string, id: string, generation: number): string {
	return generation === 1 ? `${cluster}-${id}` : `${cluster}-${id}-g${generation}`;
}

/** The name of a member, its server and its node. */
export function memberName(cluster: string, id: string, generation: number, index: number): string {
	return `${memberPrefix(cluster, id, generation)}-${index}`;
}
