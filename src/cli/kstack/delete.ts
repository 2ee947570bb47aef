import { defineCommand } from '../command.ts';
import { yes } from '../flags.ts';
import { requiredName, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: requiredName },
	flags: { yes },
	examples: [
		['delete demo', 'Show what will be deleted, and ask'],
		['delete demo --yes', 'Delete without asking, in scripts'],
	],
	interruptedHint: seeStatus,
	async run(values) {
		const { deleteCluster } = await import('../../cluster/operations/delete.ts');
		await deleteCluster(values.name, values.yes === true);
	},
});
