import path from 'node:path';
import { imageContract } from '../../base/contract.ts';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { sorted, type Tree } from '../../base/tree.ts';
import type { Settings } from '../spec/config.ts';
import { type ImageSupport, type PoolContracts, setRoleTaints } from '../spec/contracts.ts';
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

/** The current generation, and during an upgrade the previous one. */
export interface GenerationNumbers {
	readonly current: number;
	readonly previous: number | null;
}

/** The input for the templates of a cluster. */
export interface TemplateInput {
	readonly name: string;
	readonly settings: Settings;
	readonly pools?: readonly FurtherPool[];
	/** The available roles; by default those of kstack. */
	readonly roles?: Roles;
}

/** The resource group of one pool and generation in the root template. */
export interface GroupTerms {
	readonly generation: number;
	/** The name of its resource: `minions`, or `minions_3` in the third generation. */
	readonly name: string;
	/** The part between cluster name and index in the names of its servers: `minion`, or `minion-g3`. */
	readonly server: string;
	/** The prefix of its parameters. */
	readonly prefix: Prefix;
	/** The contract of its image. */
	readonly contract: number;
	/** The template of its members, and the name of its user-data, without `.yaml`. */
	readonly file: string;
}

/** One item per key: a generation often has the same files as the previous one. */
function distinctBy<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
	return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** The contract of images that this version of kimg builds, for all pools. */
const currentContract: PoolContracts = () => imageContract;
const currentSupport: ImageSupport = { contractOf: currentContract, memberTokens: true };

/** A pool in the root template. */
export interface PoolTerms
	extends Pool,
		Pick<RoleDefinition, 'controlPlane' | 'gatewayAddress' | 'openPorts'> {
	/** The name of its server group resource. */
	readonly serverGroup: string;
	/** The name of its security group resource, which exists if its role opens ports. */
	readonly securityGroup: string;
	/** Its members in descriptions. */
	readonly title: string;
	readonly groups: readonly GroupTerms[];
}

/** The base name of a member's files: its role or additional pool, and the contract if there is one. */
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

/** The input for the root template. */
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
 * The HOT templates and user-data files: the content of `heat/` in a stack directory.
 *
 * @param support  what the images of the pools support; default: what images of this kimg do
 */
export function renderTemplates(
	cluster: TemplateInput,
	generations: GenerationNumbers = { current: 1, previous: null },
	{ contractOf, memberTokens }: ImageSupport = currentSupport,
): Tree {
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	const root = rootTerms(generations, cluster.pools, contractOf, cluster.roles);
	const masters = root.pools.filter(({ controlPlane }) => controlPlane).flatMap(({ groups }) => groups);
	const roleTaints = setRoleTaints(masters.map(({ contract }) => contract));
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), root)),
		...root.pools.flatMap(({ role, groups, taints, controlPlane, gatewayAddress }) =>
			distinctBy(groups, ({ file: base }) => base).flatMap(({ file: base, contract }) => [
				file(
					`${base}.yaml`,
					render(path.join(heat, 'member.yaml.ejs'), {
						role,
						controlPlane,
						gatewayAddress,
						memberTokens,
						file: base,
					}),
				),
				file(
					`user-data/${base}.yaml`,
					renderUserData(role, cluster, contract, { memberTokens, roleTaints, pending: taints.length > 0 }),
				),
			]),
		),
	]);
}
