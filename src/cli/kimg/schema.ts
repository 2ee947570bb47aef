import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
	examples: [['schema > profile.schema.json', 'Write the schema to a file']],
	async run() {
		const { schemaText } = await import('../../base/schema.ts');
		const { profileSchema } = await import('../../image/spec/profile-fields.ts');
		print(schemaText(profileSchema()).trimEnd());
	},
});
