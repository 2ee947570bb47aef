import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { requiredName, userFlag } from './flags.ts';

export const command = defineCommand({
	arguments: { name: requiredName },
	flags: { user: userFlag },
	examples: [['adopt demo', 'Write ./demo for a cluster that was created elsewhere']],
	async run(values) {
		const { adoptCluster } = await import('../../cluster/operations/adopt.ts');
		print(await adoptCluster(values.name, values.user));
	},
});
