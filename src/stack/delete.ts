import { rm } from 'node:fs/promises';
import { say } from '../say.ts';
import { stackDirectory } from './directory.ts';
import { explainFailure } from './failure.ts';
import { eventsUntilNow, follow } from './follow.ts';
import { openstack } from './openstack.ts';
import { needStack } from './status.ts';

/** `kstack delete`: deletes the stack with all it made, and the secrets in its directory. */
export async function deleteCluster(name: string): Promise<void> {
	const directory = await stackDirectory(name);
	const stack = await needStack(name);
	const known = await eventsUntilNow(stack.id);
	say(`Deleting ${name}`);
	await openstack(['stack', 'delete', '--yes', name]);
	const outcome = await follow(name, stack.id, 'DELETE', known);
	if (outcome.status !== '' && outcome.status !== 'DELETE_COMPLETE') {
		throw await explainFailure(`Deleting ${name}`, outcome, `Try again: kstack delete ${name}`);
	}
	for (const file of [directory.secrets, directory.kubeconfig, directory.operatorKey])
		await rm(file, { force: true });
	say(`${name} is deleted`);
}
