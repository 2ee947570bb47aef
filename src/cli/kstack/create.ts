import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { statusText } from '../status-table.ts';
import { clusterName, configFlag, nameOf, seeStatus, settingFlags } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { ...settingFlags(() => true), config: configFlag },
	examples: [
		['create demo --masters 1 --minions 3', 'Create a cluster of four nodes'],
		['create demo -f cluster.yaml', 'Create a cluster with the settings of a file'],
	],
	interruptedHint: seeStatus,
	async run(values) {
		const { createCluster } = await import('../../cluster/operations/create.ts');
		print(statusText(await createCluster(await nameOf(values), values, values.config)));
	},
});
