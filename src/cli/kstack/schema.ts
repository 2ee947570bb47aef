import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
	examples: [['schema > cluster.schema.json', 'Write the schema to a file']],
	async run() {
		const { schemaText } = await import('../../base/schema.ts');
		const { clusterSchema } = await import('../../cluster/spec/cluster-fields.ts');
		print(schemaText(clusterSchema()).trimEnd());
	},
});
