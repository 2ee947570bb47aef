import { Answer } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { changeFlags, clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { ...changeFlags(), output },
	examples: [
		[
			'plan demo',
			'Show the changes; exit code 0: none, 3: changes, 4: servers, volumes or addresses would be lost',
		],
		['plan demo -o json', 'Print the same for programs'],
	],
	async run(values) {
		const { planCluster } = await import('../../cluster/operations/plan.ts');
		const { text, code } = await planCluster(await nameOf(values), values, values.output);
		print(text);
		if (code !== 0) throw new Answer(code);
	},
});
