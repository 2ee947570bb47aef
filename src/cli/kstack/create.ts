import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { outcomeText } from '../status-table.ts';
import { clusterName, configFlag, dryRunFlag, nameOf, newClusterFlags, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { ...newClusterFlags(), config: configFlag, 'dry-run': dryRunFlag },
	examples: [
		['create demo --masters 1 --minions 3', 'Create a cluster of four nodes'],
		['create demo -f cluster.yaml', 'Create a cluster with the settings of a file'],
	],
	interruptedHint: seeStatus,
	async run(values) {
		const { createCluster } = await import('../../cluster/operations/create.ts');
		const name = await nameOf(values);
		print(outcomeText(await createCluster(name, values, values.config, values.dryRun)));
	},
});
