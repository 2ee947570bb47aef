import { print } from '../../base/say.ts';
import { renderDefaults } from '../../cluster/spec/render-defaults.ts';
import { defineCommand } from '../command.ts';
import { clusterName, configFlag, nameOf, newClusterFlags } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { ...newClusterFlags(renderDefaults), config: configFlag },
	examples: [['render demo --minions 3 --image ID', 'Write ./demo, for use with the openstack client']],
	async run(values) {
		const { renderCluster } = await import('../../cluster/operations/render.ts');
		print(await renderCluster(await nameOf(values), values, values.config));
	},
});
