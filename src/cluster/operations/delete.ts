import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { confirm } from '../../base/confirm.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { readIfThere, type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import {
	isAbsent,
	list,
	openstack,
	requireStack,
	type Stack,
	type StackResource,
	stackResources,
} from '../heat/stack.ts';
import { isKubeconfigOf } from '../kubernetes/kubeconfig.ts';

/** The types of resources that an operator would miss, as `kstack delete` shows them. */
const shown: Readonly<Record<string, string>> = {
	'OS::Nova::Server': 'server',
	'OS::Cinder::Volume': 'volume',
	'OS::Neutron::FloatingIP': 'floating IP',
	'OS::Neutron::Net': 'network',
	'OS::Neutron::Router': 'router',
};

/** How often servers are deleted while Heat deletes them as well. */
const tries = 3;

/** The files that are of no use, or a secret, once the cluster is gone: those of them that are this cluster's. */
async function filesOf(stack: Stack, directory: StackDirectory): Promise<string[]> {
	const kubeconfig = await readIfThere(directory.kubeconfig);
	if (kubeconfig !== undefined && !isKubeconfigOf(stack, kubeconfig, directory.kubeconfig)) {
		say(`${directory.kubeconfig} is of another cluster: no file in ${directory.path} will be deleted`);
		return [];
	}
	return [directory.secrets, directory.kubeconfig, directory.operatorKey].filter(existsSync);
}

async function showWhatGoes(
	stack: Stack,
	resources: readonly StackResource[],
	files: readonly string[],
): Promise<void> {
	const servers = await list(['server']);
	const nameOf = (id: string) => String(servers.find(({ ID }) => ID === id)?.Name ?? id);
	const rows = Object.entries(shown).flatMap(([type, kind]) =>
		resources.filter((resource) => resource.type === type).map(({ id }) => [kind, nameOf(id)]),
	);
	say(table(['DELETE', 'NAME'], [['stack', stack.name], ...rows, ...files.map((file) => ['file', file])]));
}

/**
 * Deletes the stack's own servers. Heat waits for each node to leave the cluster, and without end for one that
 * does not run; it stops waiting when the server is gone. Heat deletes the same servers at the same time, and the
 * client stops at the first one that is missing, so the rest is tried again.
 */
async function deleteServers(ids: readonly string[]): Promise<void> {
	for (let left = tries; left > 0; left--) {
		const present = new Set((await list(['server'])).map(({ ID }) => String(ID)));
		const servers = ids.filter((id) => present.has(id));
		if (servers.length === 0) return;
		try {
			await openstack(['server', 'delete', ...servers]);
			return;
		} catch (error) {
			if (!isAbsent(error)) throw error;
		}
	}
}

/**
 * `kstack delete`: deletes the stack with everything that it made, and the secrets in its directory.
 *
 * @param yes  whether the operator confirmed on the command line
 * @throws UserError exit code 2 where nobody can be asked; 1 when the answer is no, or when Heat refuses or fails
 */
export async function deleteCluster(name: string, yes: boolean): Promise<void> {
	const directory = await stackDirectory(name);
	const stack = await requireStack(name);
	const files = await filesOf(stack, directory);
	const resources = await stackResources(stack.id);
	await showWhatGoes(stack, resources, files);
	await confirm(`Delete ${name}?`, yes);
	const known = await eventsUntilNow(stack.id);
	say(`Deleting ${name}`);
	// Heat first: where it refuses, the servers stay.
	await openstack(['stack', 'delete', '--yes', stack.id]);
	const servers = resources.filter(({ type }) => type === 'OS::Nova::Server').map(({ id }) => id);
	await deleteServers(servers).catch((error: Error) => {
		say(`Could not delete the servers: ${error.message}\nHeat continues with them`);
	});
	const outcome = await follow(name, stack.id, 'DELETE', known);
	if (outcome.status !== '' && outcome.status !== 'DELETE_COMPLETE') {
		throw await explainFailure(`Deleting ${name}`, outcome, `Try again: kstack delete ${name}`);
	}
	for (const file of files) await rm(file, { force: true });
	say(`${name} is deleted`);
}
