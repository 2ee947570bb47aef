import path from 'node:path';
import { packageRoot } from '../package.ts';
import { render } from '../template.ts';
import { sorted, type Tree } from '../tree.ts';
import type { Cluster } from './config.ts';
import { renderUserData, roles } from './user-data.ts';

/** The HOT templates and the user-data they take in: all that a stack directory's `heat/` holds. */
export function renderTemplates(cluster: Cluster): Tree {
	const heat = path.join(packageRoot, 'heat');
	const file = (name: string, text: string) => ({ path: name, mode: 0o644, text });
	return sorted([
		file('cluster.yaml', render(path.join(heat, 'cluster.yaml.ejs'), {})),
		...roles.flatMap((role) => [
			file(`${role}.yaml`, render(path.join(heat, 'member.yaml.ejs'), { role })),
			file(`user-data/${role}.yaml`, renderUserData(role, cluster)),
		]),
	]);
}
