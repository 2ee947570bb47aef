import { usageError } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
	arguments: { file: { describe: 'cluster (cluster.yaml) or addon (addon.yaml)', default: 'cluster' } },
	examples: [
		['schema > cluster.schema.json', 'Write the schema of cluster.yaml to a file'],
		['schema addon > addon.schema.json', 'Write the schema of addon.yaml to a file'],
	],
	async run({ file }) {
		const { schemaText } = await import('../../base/schema.ts');
		if (file === 'addon') {
			const { addonSchema } = await import('../../cluster/spec/addon-fields.ts');
			return print(schemaText(addonSchema()).trimEnd());
		}
		if (file !== 'cluster') throw usageError(`There is no schema "${file}": it must be cluster or addon.`);
		const { clusterSchema } = await import('../../cluster/spec/cluster-fields.ts');
		print(schemaText(clusterSchema()).trimEnd());
	},
});
