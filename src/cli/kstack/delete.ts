import { defineCommand } from '../command.ts';
import { requiredName, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: requiredName },
	examples: [['delete demo', 'Delete the servers, volumes, networks and addresses of demo']],
	interruptedHint: seeStatus,
	async run(values) {
		const { deleteCluster } = await import('../../cluster/operations/delete.ts');
		await deleteCluster(values.name);
	},
});
