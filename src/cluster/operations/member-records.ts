import { say } from '../../base/say.ts';
import { missingRecords, storeRecords } from '../kubernetes/member-records.ts';
import type { StackContext } from './member-steps.ts';
import type { Step } from './runner.ts';

/**
 * Tells the masters the address and the server of each member, which they do not believe the members' own Node objects.
 * They know them already of members that joined with a token of their own.
 */
export async function* recordMembers({ stack, directory }: StackContext): AsyncGenerator<Step<StackContext>> {
	const records = await missingRecords(stack, directory).catch((error: Error) => {
		say(
			`Could not check which addresses and servers of members the masters know: ${error.message} Later, run: kstack update ${stack.name}`,
		);
		return {};
	});
	if (Object.keys(records).length === 0) return;
	yield {
		title: 'Storing the addresses and servers of members in the cluster',
		run: () => storeRecords(stack, directory, records),
	};
}
