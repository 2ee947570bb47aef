import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { outcomeText } from '../status-table.ts';
import { clusterName, drainFlags, nameOf, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: {
		minions: { value: 'N', describe: 'Number of minions, or how many to add (+1) or remove (-1)' },
		gateways: { value: 'N', describe: 'Number of gateways, or how many to add (+1) or remove (-1)' },
		masters: {
			value: 'N',
			describe: 'Number of masters, or how many to add (+2) or remove (-2); the result must be 1, 3, 5 or 7',
		},
		pool: {
			value: 'POOL=N',
			repeated: true,
			describe:
				'Number of nodes of an additional pool, or how many to add (+1) or remove (-1); can be repeated',
		},
		remove: {
			value: 'NODE',
			repeated: true,
			describe: 'Node to remove; can be repeated',
			defaultText: 'the nodes with the highest index',
		},
		...drainFlags,
	},
	examples: [
		['scale demo --minions 5', 'Scale to five minions'],
		['scale demo --minions -1', 'Remove one minion'],
		['scale demo --pool gpu=+1', 'Add one node to the pool gpu'],
		['scale demo --remove demo-minion-1', 'Remove a specific node'],
	],
	interruptedHint: seeStatus,
	async run(values) {
		const { scaleCluster } = await import('../../cluster/operations/scale.ts');
		print(outcomeText(await scaleCluster(await nameOf(values), values)));
	},
});
