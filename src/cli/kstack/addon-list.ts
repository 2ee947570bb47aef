import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { output },
	examples: [['addon list demo', 'List the addons and their state']],
	async run(values) {
		const { listAddons } = await import('../../cluster/operations/addon-list.ts');
		print(await listAddons(await nameOf(values), values.output));
	},
});
