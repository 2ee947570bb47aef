import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';

export const command = defineCommand({
	flags: { output },
	examples: [['list --os-cloud mycloud', 'List the clusters of another cloud']],
	async run(values) {
		const { listClusters } = await import('../../cluster/operations/list.ts');
		print(await listClusters(values.output));
	},
});
