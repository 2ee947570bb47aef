import path from 'node:path';
import { imageContract } from '../../base/contract.ts';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { sorted, type Tree } from '../../base/tree.ts';
import type { Cluster } from '../spec/config.ts';
import type { PoolContracts } from '../spec/contracts.ts';
import type { Pool } from '../spec/generations.ts';
import { type Role, roles } from '../spec/roles.ts';
import { renderUserData } from './user-data.ts';

/** Numbers of the generations whose members a template is for; a previous one only during an upgrade. */
export interface Pools {
	readonly current: number;
	readonly previous: number | null;
}

/** A pool as the root template has it. */
export interface PoolTerms {
	readonly generation: number;
	/** Its resource: `minions`, or `minions_3` in the third generation. */
	readonly name: string;
	/** What stands before the index in its servers' names, after the cluster's name: `minion`, or `minion-g3`. */
	readonly server: string;
	/** What its parameters begin with. */
	readonly prefix: Pool;
	/** The template of its members. */
	readonly template: string;
}

/** All members have images that this version of kimg makes. */
const current: PoolContracts = () => imageContract;

/** What a member's files are named after: its role, and the contract if there is one. */
const memberFile = (role: Role, contract: number) => (contract === 0 ? role : `${role}-contract-${contract}`);

/** What the root template is rendered with. */
export function rootTerms(pools: Pools, contractOf: PoolContracts = current) {
	const prefix = (index: number): Pool => (index === 0 ? '' : 'previous_');
	const of = (role: Role): PoolTerms[] =>
		[pools.current, pools.previous]
			.filter((generation) => generation !== null)
			.map((generation, index) => ({
				generation,
				name: generation === 1 ? `${role}s` : `${role}s_${generation}`,
				server: generation === 1 ? role : `${role}-g${generation}`,
				prefix: prefix(index),
				template: `${memberFile(role, contractOf(role, prefix(index)))}.yaml`,
			}));
	return {
		roles,
		upgrading: pools.previous !== null,
		pools: { master: of('master'), minion: of('minion'), gateway: of('gateway') },
	};
}

/**
 * The HOT templates and the user-data they take in: all that a stack directory's `heat/` holds.
 *
 * @param contractOf  the contracts of the images that the pools are made from; by default what kimg makes now
 */
export function renderTemplates(
	cluster: Cluster,
	pools: Pools = { current: 1, previous: null },
	contractOf: PoolContracts = current,
): Tree {
	const prefixes: Pool[] = pools.previous === null ? [''] : ['', 'previous_'];
	const contractsOf = (role: Role) => [...new Set(prefixes.map((prefix) => contractOf(role, prefix)))];
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), rootTerms(pools, contractOf))),
		...roles.flatMap((role) =>
			contractsOf(role).flatMap((contract) => {
				const name = memberFile(role, contract);
				return [
					file(`${name}.yaml`, render(path.join(heat, 'member.yaml.ejs'), { role, contract, name })),
					file(`user-data/${name}.yaml`, renderUserData(role, cluster, contract)),
				];
			}),
		),
	]);
}
