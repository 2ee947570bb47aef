import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { outcomeText } from '../status-table.ts';
import { changeFlags, clusterName, drainFlags, nameOf, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: {
		...changeFlags(),
		...drainFlags,
		'allow-replace': {
			boolean: true,
			describe: 'Proceed even if servers, volumes or addresses are replaced or deleted',
		},
	},
	examples: [['update demo', 'Apply demo/cluster.yaml and demo/parameters.yaml after an edit']],
	interruptedHint: seeStatus,
	async run(values) {
		const { updateCluster } = await import('../../cluster/operations/update.ts');
		print(outcomeText(await updateCluster(await nameOf(values), values)));
	},
});
