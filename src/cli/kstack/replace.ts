import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { outcomeText } from '../status-table.ts';
import { drainFlags, requiredName, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: requiredName, node: { describe: 'Name of the node', required: true } },
	flags: drainFlags,
	examples: [['replace demo demo-minion-1', 'Add a new minion, then drain and remove demo-minion-1']],
	interruptedHint: seeStatus,
	async run(values) {
		const { replaceNode } = await import('../../cluster/operations/replace.ts');
		print(outcomeText(await replaceNode(values.name, values.node, values)));
	},
});
