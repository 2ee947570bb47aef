import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { yes } from '../flags.ts';
import { dryRunText } from '../status-table.ts';
import { dryRunFlag, requiredName, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: requiredName },
	flags: { yes, 'dry-run': dryRunFlag },
	examples: [
		['delete demo', 'Show what will be deleted, and ask'],
		['delete demo --yes', 'Delete without asking, in scripts'],
	],
	interruptedHint: seeStatus,
	async run(values) {
		const { deleteCluster } = await import('../../cluster/operations/delete.ts');
		const outcome = await deleteCluster(values.name, values);
		if (outcome !== undefined) print(dryRunText(outcome));
	},
});
