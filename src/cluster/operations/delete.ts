import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { confirm } from '../../base/confirm.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { readIfThere, type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import {
	isNotFound,
	list,
	openstack,
	type Stack,
	type StackResource,
	stackResources,
} from '../heat/stack.ts';
import { isKubeconfigOf } from '../kubernetes/kubeconfig.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';

/** The types of resources that `kstack delete` lists before it asks for confirmation. */
const shownTypes: Readonly<Record<string, string>> = {
	'OS::Nova::Server': 'server',
	'OS::Cinder::Volume': 'volume',
	'OS::Neutron::FloatingIP': 'floating IP',
	'OS::Neutron::Net': 'network',
	'OS::Neutron::Router': 'router',
};

/** How often the deletion of servers is tried while Heat deletes them too. */
const tries = 3;

/** The files to delete with the cluster: its secrets and its kubeconfig, if they belong to this cluster. */
async function filesOf(stack: Stack, directory: StackDirectory): Promise<string[]> {
	const kubeconfig = await readIfThere(directory.kubeconfig);
	if (kubeconfig !== undefined && !isKubeconfigOf(stack, kubeconfig, directory.kubeconfig)) {
		say(`${directory.kubeconfig} is of another cluster: no file in ${directory.path} will be deleted`);
		return [];
	}
	return [directory.secrets, directory.kubeconfig, directory.operatorKey].filter(existsSync);
}

async function showDeletions(
	stack: Stack,
	resources: readonly StackResource[],
	files: readonly string[],
): Promise<void> {
	const servers = await list(['server']);
	const nameOf = (id: string) => String(servers.find(({ ID }) => ID === id)?.Name ?? id);
	const rows = Object.entries(shownTypes).flatMap(([type, kind]) =>
		resources.filter((resource) => resource.type === type).map(({ id }) => [kind, nameOf(id)]),
	);
	say(table(['DELETE', 'NAME'], [['stack', stack.name], ...rows, ...files.map((file) => ['file', file])]));
}

/**
 * Deletes the servers of the stack. Heat waits until each node has left the cluster, or its server is deleted; for a
 * server that does not run it would wait forever. Heat deletes the same servers at the same time, and the client stops
 * at the first missing one, so the remaining servers are retried.
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
			if (!isNotFound(error)) throw error;
		}
	}
}

/** What the steps of a deletion work on. */
interface Deletion {
	readonly stack: Stack;
	/** Nova's IDs. */
	readonly servers: readonly string[];
	/** The files that are deleted with it. */
	readonly files: readonly string[];
	/** IDs of the events before the deletion. */
	known: Set<string>;
}

const steps = ({ stack: { name, id }, servers, files }: Deletion): Step<Deletion>[] => [
	{
		// Heat first: if it refuses, the servers are kept.
		title: `Deleting ${name}`,
		run: async (deletion) => {
			deletion.known = await eventsUntilNow(id);
			await openstack(['stack', 'delete', '--yes', id]);
		},
	},
	{
		title: 'Deleting its servers',
		skip: () => servers.length === 0,
		run: async () => {
			await deleteServers(servers).catch((error: Error) => {
				say(`Could not delete the servers: ${error.message}\nHeat deletes them instead`);
			});
		},
	},
	{
		title: 'Waiting until Heat has deleted the rest',
		run: async ({ known }) => {
			const outcome = await follow(name, id, 'DELETE', known);
			if (outcome.status !== '' && outcome.status !== 'DELETE_COMPLETE') {
				throw await explainFailure(`Deleting ${name}`, outcome, `Try again: kstack delete ${name}`);
			}
		},
	},
	{
		title: `Deleting ${files.join(', ')}`,
		skip: () => files.length === 0,
		run: async () => {
			for (const file of files) await rm(file, { force: true });
		},
	},
];

/**
 * `kstack delete`: deletes the stack with all its resources, and the secrets in its directory. It does not wait for an
 * operation of Heat in progress, which Heat aborts, but for another kstack that holds the lock of the directory.
 *
 * @param flags.yes  whether the operator confirmed on the command line
 * @returns the steps of a dry run; `undefined` when the cluster is deleted
 * @throws UserError exit code 2 without a terminal and without `yes`; 1 when the answer is no, or when Heat fails
 */
export async function deleteCluster(
	name: string,
	{
		yes = false,
		dryRun = false,
	}: { readonly yes?: boolean | undefined; readonly dryRun?: boolean | undefined },
): Promise<DryRun | undefined> {
	const directory = await stackDirectory(name);
	return runOperation<Deletion, undefined>({
		...{ name, directory, dryRun, interruptsHeat: true },
		prepare: async (stack) => {
			const files = await filesOf(stack, directory);
			const resources = await stackResources(stack.id);
			await showDeletions(stack, resources, files);
			await confirm(`Delete ${name}?`, yes || dryRun);
			const servers = resources.filter(({ type }) => type === 'OS::Nova::Server').map(({ id }) => id);
			const context: Deletion = { stack, servers, files, known: new Set() };
			return { context, steps: steps(context) };
		},
		result: async () => {
			say(`${name} is deleted`);
			return undefined;
		},
	});
}
