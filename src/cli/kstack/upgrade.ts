import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { outcomeText } from '../status-table.ts';
import { clusterName, drainFlags, nameOf, resumeUpgrade } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: {
		image: {
			value: 'IMAGE',
			describe: 'Target image, by name or ID',
			defaultText: 'the image of the upgrade in progress, which is resumed',
		},
		batch: {
			value: 'N',
			describe: 'Nodes of a pool to add per step; masters are replaced one at a time',
			range: { min: 1, max: 9999 },
			defaultText: '1',
		},
		rollback: { boolean: true, describe: 'Roll back to the previous image' },
		...drainFlags,
	},
	examples: [
		['upgrade demo --image debian12-x64-kubernetes', 'Replace the masters, then the other nodes'],
		['upgrade demo', 'Resume an interrupted upgrade'],
		['upgrade demo --rollback', 'Return to the previous image'],
	],
	interruptedHint: resumeUpgrade,
	async run(values) {
		const { upgradeCluster } = await import('../../cluster/operations/upgrade.ts');
		print(outcomeText(await upgradeCluster(await nameOf(values), values)));
	},
});
