import { usageError } from '../../base/errors.ts';
import type { JsonSchema } from '../../base/forms.ts';
import { print } from '../../base/say.ts';
import { similar } from '../../base/similar.ts';
import { defineCommand } from '../command.ts';

/** The schemas by the names of their files, without `.yaml`. */
const schemas: Readonly<Record<string, () => Promise<JsonSchema>>> = {
	cluster: async () => (await import('../../cluster/spec/cluster-fields.ts')).clusterSchema(),
	role: async () => (await import('../../cluster/spec/role-file.ts')).roleSchema(),
	addon: async () => (await import('../../cluster/spec/addon-fields.ts')).addonSchema(),
};

export const command = defineCommand({
	arguments: {
		file: { describe: 'File that the schema is for: cluster, role or addon (.yaml)', default: 'cluster' },
	},
	examples: [
		['schema > cluster.schema.json', 'Write the schema of cluster.yaml to a file'],
		['schema role > role.schema.json', 'Write the schema of role.yaml to a file'],
	],
	async run({ file }) {
		const schema = schemas[file];
		if (schema === undefined) {
			const names = Object.keys(schemas);
			const meant = similar(file, names);
			throw usageError(
				`There is no schema "${file}"${meant === undefined ? `. Available: ${names.join(', ')}.` : `; did you mean ${meant}?`}`,
				undefined,
				'unknown-schema',
			);
		}
		const { schemaText } = await import('../../base/schema.ts');
		print(schemaText(await schema()).trimEnd());
	},
});
