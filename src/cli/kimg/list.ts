import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';

export const command = defineCommand({
	flags: { output },
	examples: [['list -o json', 'List the profiles, for programs']],
	async run(values) {
		const { listProfiles } = await import('../../image/operations/list.ts');
		print(listProfiles(values.output));
	},
});
