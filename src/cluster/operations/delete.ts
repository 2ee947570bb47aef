import { rm } from 'node:fs/promises';
import { say } from '../../base/say.ts';
import { stackDirectory } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import { isAbsent, openstack, requireStack, resourcesOfType } from '../heat/stack.ts';

/** An earlier deletion may have come that far. */
function ignoreAbsent(error: unknown): void {
	if (!isAbsent(error)) throw error;
}

/** `kstack delete`: deletes the stack with all it made, and the secrets in its directory. */
export async function deleteCluster(name: string): Promise<void> {
	const directory = await stackDirectory(name);
	const stack = await requireStack(name);
	const known = await eventsUntilNow(stack.id);
	say(`Deleting ${name}`);
	const servers = await resourcesOfType(stack.id, 'OS::Nova::Server');
	// Heat would wait for each node's leave, and for ever for one that is dead; here nothing is left to leave to.
	if (servers.length > 0) await openstack(['server', 'delete', ...servers]).catch(ignoreAbsent);
	await openstack(['stack', 'delete', '--yes', name]);
	const outcome = await follow(name, stack.id, 'DELETE', known);
	if (outcome.status !== '' && outcome.status !== 'DELETE_COMPLETE') {
		throw await explainFailure(`Deleting ${name}`, outcome, `Try again: kstack delete ${name}`);
	}
	for (const file of [directory.secrets, directory.kubeconfig, directory.operatorKey])
		await rm(file, { force: true });
	say(`${name} is deleted`);
}
