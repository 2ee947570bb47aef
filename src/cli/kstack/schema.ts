import { usageError } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { similar } from '../../base/similar.ts';
import { defineCommand } from '../command.ts';

const kinds = ['cluster', 'role'];

export const command = defineCommand({
	arguments: {
		kind: { describe: '`cluster` for cluster.yaml, `role` for role.yaml', default: 'cluster' },
	},
	examples: [
		['schema > cluster.schema.json', 'Write the schema of cluster.yaml to a file'],
		['schema role > role.schema.json', 'Write the schema of role.yaml to a file'],
	],
	async run({ kind }) {
		if (!kinds.includes(kind)) {
			const meant = similar(kind, kinds);
			throw usageError(
				`There is no schema "${kind}"; ${meant === undefined ? `there are: ${kinds.join(', ')}.` : `did you mean ${meant}?`}`,
				undefined,
				'unknown-schema',
			);
		}
		const { schemaText } = await import('../../base/schema.ts');
		const { clusterSchema } = await import('../../cluster/spec/cluster-fields.ts');
		const { roleSchema } = await import('../../cluster/spec/role-file.ts');
		print(schemaText(kind === 'role' ? roleSchema() : clusterSchema()).trimEnd());
	},
});
