import { usageError } from '../../base/errors.ts';
import type { JsonSchema } from '../../base/forms.ts';
import { print } from '../../base/say.ts';
import { similar } from '../../base/similar.ts';
import { defineCommand } from '../command.ts';

/** The schema of each file that operators write, by the argument of the command. */
const schemas: Readonly<Record<string, () => Promise<JsonSchema>>> = {
	cluster: async () => (await import('../../cluster/spec/cluster-fields.ts')).clusterSchema(),
	addon: async () => (await import('../../cluster/spec/addon-fields.ts')).addonSchema(),
	role: async () => (await import('../../cluster/spec/role-file.ts')).roleSchema(),
};

export const command = defineCommand({
	arguments: {
		file: {
			describe: 'cluster (cluster.yaml), addon (addon.yaml) or role (role.yaml)',
			default: 'cluster',
		},
	},
	examples: [
		['schema > cluster.schema.json', 'Write the schema of cluster.yaml to a file'],
		['schema role > role.schema.json', 'Write the schema of role.yaml to a file'],
	],
	async run({ file }) {
		const schema = schemas[file];
		if (schema === undefined) {
			const known = Object.keys(schemas);
			const meant = similar(file, known);
			throw usageError(
				`There is no schema "${file}": ${meant === undefined ? `it must be ${known.join(', ')}.` : `did you mean ${meant}?`}`,
				undefined,
				'unknown-schema',
			);
		}
		const { schemaText } = await import('../../base/schema.ts');
		print(schemaText(await schema()).trimEnd());
	},
});
