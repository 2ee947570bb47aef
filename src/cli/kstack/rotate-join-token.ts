import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { dryRunText } from '../status-table.ts';
import { clusterName, dryRunFlag, nameOf, seeStatus } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { 'dry-run': dryRunFlag },
	examples: [['rotate join-token demo', 'Revoke all join tokens']],
	interruptedHint: seeStatus,
	async run(values) {
		const { rotateJoinToken } = await import('../../cluster/operations/rotate-join-token.ts');
		const outcome = await rotateJoinToken(await nameOf(values), values);
		if (outcome !== undefined) print(dryRunText(outcome));
	},
});
