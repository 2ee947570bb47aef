import { table } from '../../base/table.ts';
import { stackDirectory } from '../heat/directory.ts';
import { requireStack } from '../heat/stack.ts';
import { type ClusterAddon, clusterAddons } from '../kubernetes/addons.ts';
import { renewIfDue } from '../kubernetes/kubeconfig.ts';
import { type Addon, packagedAddons } from '../spec/addon.ts';
import { kubeconfigOf } from './addon.ts';

/** The enabled and the available addons of a cluster, as text or JSON. */
export async function listAddons(cluster: string, output: 'table' | 'json'): Promise<string> {
	const [directory, stack] = [await stackDirectory(cluster), await requireStack(cluster)];
	await renewIfDue(directory, stack, false);
	const kubeconfig = await kubeconfigOf(directory, stack);
	const [present, packaged] = await Promise.all([clusterAddons(kubeconfig), packagedAddons()]);
	const all = new Map<string, Addon | ClusterAddon>([...packaged, ...present]);
	const addons = [...all.keys()].sort().map((name) => {
		const addon = all.get(name) as Addon;
		const own = present.get(name);
		const isCurrent = own?.status?.revision === own?.revision;
		return {
			name,
			state:
				own === undefined ? 'disabled' : isCurrent ? (own.status?.state ?? 'progressing') : 'progressing',
			message: isCurrent ? (own?.status?.message ?? '') : '',
			values: own?.values ?? {},
			description: addon.definition.description,
		};
	});
	if (output === 'json') return JSON.stringify(addons, undefined, 2);
	return table(
		['NAME', 'STATE', 'VALUES', 'DESCRIPTION'],
		addons.map(({ name, state, message, values, description }) => [
			name,
			state,
			Object.entries(values)
				.map((pair) => pair.join('='))
				.join(' '),
			message === '' ? description : `${description} (${message})`,
		]),
	);
}
