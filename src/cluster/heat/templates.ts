import path from 'node:path';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { sorted, type Tree } from '../../base/tree.ts';
import type { Settings } from '../spec/config.ts';
import { type FurtherPool, groupName, memberPrefix, type Pool, withDefaultPools } from '../spec/pools.ts';
import { roles } from '../spec/roles.ts';
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
}

/** The members of one pool and generation, as the root template has them. */
export interface GroupTerms {
	readonly generation: number;
	/** Its resource: `minions`, or `minions_3` in the third generation. */
	readonly name: string;
	/** What stands before the index in its servers' names, after the cluster's name: `minion`, or `minion-g3`. */
	readonly server: string;
	/** What its parameters begin with. */
	readonly prefix: '' | 'previous_';
}

/** A pool as the root template has it. */
export interface PoolTerms extends Pool {
	/** Its server group's resource. */
	readonly serverGroup: string;
	/** The template of its members, and the name of its user-data, without `.yaml`. */
	readonly file: string;
	readonly further: boolean;
	/** What its members are called in descriptions. */
	readonly title: string;
	readonly groups: readonly GroupTerms[];
}

function poolTerms(pool: Pool, { current, previous }: GenerationNumbers): PoolTerms {
	const further = pool.id !== pool.role;
	return {
		...pool,
		further,
		title: further ? `members of the pool ${pool.name}` : pool.name,
		serverGroup: further ? `${pool.group}_group` : `${pool.id}_group`,
		file: further ? `pool-${pool.name}` : pool.role,
		groups: [current, previous]
			.filter((generation) => generation !== null)
			.map((generation, index) => ({
				generation,
				name: groupName(pool, generation),
				server: memberPrefix('', pool.id, generation).slice(1),
				prefix: index === 0 ? '' : 'previous_',
			})),
	};
}

/** What the root template is rendered with. */
export function rootTerms(
	generations: GenerationNumbers,
	pools: readonly FurtherPool[] = [],
): { roles: typeof roles; upgrading: boolean; pools: PoolTerms[]; furtherPools: PoolTerms[] } {
	const all = withDefaultPools(pools).map((pool) => poolTerms(pool, generations));
	return {
		roles,
		upgrading: generations.previous !== null,
		pools: all,
		furtherPools: all.filter(({ further }) => further),
	};
}

/** The HOT templates and the user-data they take in: all that a stack directory's `heat/` holds. */
export function renderTemplates(
	cluster: TemplateInput,
	generations: GenerationNumbers = { current: 1, previous: null },
): Tree {
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	const root = rootTerms(generations, cluster.pools);
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), root)),
		...root.pools.flatMap(({ role, file: base, taints }) => [
			file(`${base}.yaml`, render(path.join(heat, 'member.yaml.ejs'), { role, file: base })),
			file(`user-data/${base}.yaml`, renderUserData(role, cluster, taints.length > 0)),
		]),
	]);
}
