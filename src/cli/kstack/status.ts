import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { statusText } from '../status-table.ts';
import { clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { output },
	examples: [
		['status demo', 'Show the state of each node, and warnings'],
		['status demo -o json', 'Print the same for programs'],
	],
	async run(values) {
		const { stackDirectory } = await import('../../cluster/heat/directory.ts');
		const { requireStack } = await import('../../cluster/heat/stack.ts');
		const { clusterStatus } = await import('../../cluster/operations/status.ts');
		const name = await nameOf(values);
		const status = await clusterStatus(await requireStack(name), await stackDirectory(name));
		print(values.output === 'json' ? JSON.stringify(status, undefined, 2) : statusText(status));
	},
});
