import path from 'node:path';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { sorted, type Tree } from '../../base/tree.ts';
import type { Cluster } from '../spec/config.ts';
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
	readonly prefix: '' | 'previous_';
}

/** What the root template is rendered with. */
export function rootTerms(pools: Pools) {
	const of = (role: Role): PoolTerms[] =>
		[pools.current, pools.previous]
			.filter((generation) => generation !== null)
			.map((generation, index) => ({
				generation,
				name: generation === 1 ? `${role}s` : `${role}s_${generation}`,
				server: generation === 1 ? role : `${role}-g${generation}`,
				prefix: index === 0 ? '' : 'previous_',
			}));
	return {
		roles,
		upgrading: pools.previous !== null,
		pools: { master: of('master'), minion: of('minion'), gateway: of('gateway') },
	};
}

/** The HOT templates and the user-data they take in: all that a stack directory's `heat/` holds. */
export function renderTemplates(cluster: Cluster, pools: Pools = { current: 1, previous: null }): Tree {
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), rootTerms(pools))),
		...roles.flatMap((role) => [
			file(`${role}.yaml`, render(path.join(heat, 'member.yaml.ejs'), { role })),
			file(`user-data/${role}.yaml`, renderUserData(role, cluster)),
		]),
	]);
}
