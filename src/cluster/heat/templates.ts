import path from 'node:path';
import { imageContract } from '../../base/contract.ts';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { sorted, type Tree } from '../../base/tree.ts';
import type { Settings } from '../spec/config.ts';
import type { PoolContracts } from '../spec/contracts.ts';
import type { Prefix } from '../spec/generations.ts';
import { type FurtherPool, groupName, memberPrefix, type Pool, withDefaultPools } from '../spec/pools.ts';
import {
	type DefaultRole,
	defaultRoles,
	packagedRoles,
	type RoleDefinition,
	type Roles,
	requireRole,
} from '../spec/roles.ts';
import { renderUserData } from './user-data.ts';

/** Numbers of the generations whose members a template is for; a previous one only during an upgrade. */
export interface GenerationNumbers {
	readonly current: number;
	readonly previous: number | null;
}

/** What the templates of a cluster depend on. */
export interface TemplateInput {
	readonly name: string;
	readonly settings: Settings;
	readonly pools?: readonly FurtherPool[];
	/** The roles that pools have; by default those of kstack. */
	readonly roles?: Roles;
}

/** The members of one pool and generation, as the root template has them. */
export interface GroupTerms {
	readonly generation: number;
	/** Its resource: `minions`, or `minions_3` in the third generation. */
	readonly name: string;
	/** What stands before the index in its servers' names, after the cluster's name: `minion`, or `minion-g3`. */
	readonly server: string;
	/** What its parameters begin with. */
	readonly prefix: Prefix;
	/** The contract of the image that its members are made from. */
	readonly contract: number;
	/** The template of its members, and the name of its user-data, without `.yaml`. */
	readonly file: string;
}

/** The first item of each key: a generation often has the same files as the one before. */
function distinctBy<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
	return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** All members have images that this version of kimg makes. */
const currentContract: PoolContracts = () => imageContract;

/** A pool as the root template has it. */
export interface PoolTerms
	extends Pool,
		Pick<RoleDefinition, 'controlPlane' | 'gatewayAddress' | 'openPorts'> {
	/** Its server group's resource. */
	readonly serverGroup: string;
	/** The resource of its security group, if its role opens ports. */
	readonly securityGroup: string;
	/** What its members are called in descriptions. */
	readonly title: string;
	readonly groups: readonly GroupTerms[];
}

/** What a member's files are named after: its role or additional pool, and the contract if there is one. */
function memberFile(pool: Pool, contract: number): string {
	const base = pool.further ? `pool-${pool.name}` : pool.role;
	return contract === 0 ? base : `${base}-contract-${contract}`;
}

function poolTerms(
	pool: Pool,
	{ current, previous }: GenerationNumbers,
	contractOf: PoolContracts,
	roles: Roles,
): PoolTerms {
	const { further } = pool;
	const { controlPlane, gatewayAddress, openPorts } = requireRole(roles, pool.role);
	const groups: [number | null, Prefix][] = [
		[current, ''],
		[previous, 'previous_'],
	];
	return {
		...pool,
		...{ controlPlane, gatewayAddress, openPorts },
		title: further ? `members of the pool ${pool.name}` : pool.name,
		securityGroup: `${pool.group}_security_group`,
		serverGroup: further ? `${pool.group}_group` : `${pool.id}_group`,
		groups: groups.flatMap(([generation, prefix]) => {
			if (generation === null) return [];
			const contract = contractOf(pool.id, prefix);
			return [
				{
					generation,
					name: groupName(pool, generation),
					server: memberPrefix('', pool.id, generation).slice(1),
					prefix,
					contract,
					file: memberFile(pool, contract),
				},
			];
		}),
	};
}

/** What the root template is rendered with. */
export function rootTerms(
	generations: GenerationNumbers,
	pools: readonly FurtherPool[] = [],
	contractOf: PoolContracts = currentContract,
	roles: Roles = packagedRoles,
): {
	defaultRoles: readonly DefaultRole[];
	upgrading: boolean;
	pools: PoolTerms[];
	furtherPools: PoolTerms[];
} {
	const all = withDefaultPools(pools).map((pool) => poolTerms(pool, generations, contractOf, roles));
	return {
		defaultRoles,
		upgrading: generations.previous !== null,
		pools: all,
		furtherPools: all.filter(({ further }) => further),
	};
}

/**
 * The HOT templates and the user-data they take in: all that a stack directory's `heat/` holds.
 *
 * @param contractOf  the contracts of the images that the pools are made from; by default what kimg makes now
 */
export function renderTemplates(
	cluster: TemplateInput,
	generations: GenerationNumbers = { current: 1, previous: null },
	contractOf: PoolContracts = currentContract,
): Tree {
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	const root = rootTerms(generations, cluster.pools, contractOf, cluster.roles);
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), root)),
		...root.pools.flatMap(({ role, groups, taints, controlPlane, gatewayAddress }) =>
			distinctBy(groups, ({ file: base }) => base).flatMap(({ file: base, contract }) => [
				file(
					`${base}.yaml`,
					render(path.join(heat, 'member.yaml.ejs'), { role, controlPlane, gatewayAddress, file: base }),
				),
				file(`user-data/${base}.yaml`, renderUserData(role, cluster, contract, taints.length > 0)),
			]),
		),
	]);
}
