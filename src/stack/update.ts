import { existsSync } from 'node:fs';
import { refuse, UserError, usageError } from '../errors.ts';
import { say } from '../say.ts';
import { readTree } from '../tree.ts';
import { changes, editsOfKept } from './changes.ts';
import { readCluster, type Settings } from './config.ts';
import {
	readIfThere,
	readParameters,
	type StackDirectory,
	setValues,
	stackDirectory,
	writeTemplates,
} from './directory.ts';
import { explainFailure } from './failure.ts';
import { eventsUntilNow, follow } from './follow.ts';
import { deleteNode } from './kubernetes-api.ts';
import { membersOf } from './members.ts';
import { openstack, type Stack } from './openstack.ts';
import { parametersOf, settingsOf } from './parameters.ts';
import { settings } from './settings.ts';
import { clusterStatus, needStack, statusText } from './status.ts';
import { renderTemplates } from './templates.ts';

/**
 * Minutes that Heat gives a whole operation: more than a member's, so that a member's own words come
 * first. Said each time, because Heat remembers the last one for later operations.
 */
export function timeoutMinutes(bootTimeout: number): number {
	return Math.ceil(bootTimeout / 60) + 20;
}

function needIdle(stack: Stack): void {
	if (!stack.status.endsWith('_IN_PROGRESS')) return;
	throw new UserError(`${stack.name} is busy (${stack.status}).`, {
		hint: `Wait until it is done: kstack status ${stack.name}`,
	});
}

/** The parameters of changed settings as arguments of the client. */
function parameterArguments(changed: Settings): string[] {
	return settings.flatMap((setting) =>
		changed[setting.key] === undefined || !setting.direct
			? []
			: setting.parameters.flatMap((parameter) => ['--parameter', `${parameter}=${changed[setting.key]}`]),
	);
}

/** Makes both files say what the cluster is to have, so that the next edit is the only difference. */
async function writeBack(directory: StackDirectory, wanted: Settings): Promise<void> {
	const changeable = Object.fromEntries(
		settings.filter(({ fixed }) => !fixed).map(({ key }) => [key, wanted[key] ?? '']),
	);
	const { recorded_settings: _, ...parameters } = parametersOf(changeable);
	if (existsSync(directory.cluster)) await setValues(directory.cluster, '', changeable);
	if (existsSync(directory.parameters)) {
		// A creation that was not watched to its end has not closed the formation of etcd.
		await setValues(directory.parameters, '  ', { ...(parameters as Settings), cluster_state: 'existing' });
	}
}

/** Node objects of machines that are no more; Kubernetes itself keeps them for ever. */
async function forgetNodes(directory: StackDirectory, before: Stack, after: Stack): Promise<void> {
	const left = new Set(membersOf(after).map((member) => member.server));
	const gone = membersOf(before).filter((member) => !left.has(member.server));
	if (gone.length === 0) return;
	const kubeconfig = await readIfThere(directory.kubeconfig);
	if (kubeconfig === undefined) {
		say(
			`There is no ${directory.kubeconfig}; remove their nodes: kubectl delete node ${gone.map(({ name }) => name).join(' ')}`,
		);
		return;
	}
	for (const { name } of gone) {
		await deleteNode(kubeconfig, name);
		say(`Node ${name} is gone`);
	}
}

async function apply(
	stack: Stack,
	directory: StackDirectory,
	changed: Settings,
	templates: readonly string[],
) {
	const { name } = stack;
	const now = settingsOf(stack.parameters);
	for (const [key, value] of Object.entries(changed)) say(`${key}: ${now[key]} -> ${value}`);
	await writeBack(directory, { ...now, ...changed });
	const known = await eventsUntilNow(stack.id);
	const minutes = timeoutMinutes(Number(stack.parameters.boot_timeout));
	await openstack([
		...[
			'stack',
			'update',
			'--existing',
			...templates,
			...parameterArguments(changed),
			'--parameter',
			'cluster_state=existing',
		],
		...['--timeout', String(minutes), '-f', 'json', name],
	]);
	const outcome = await follow(name, stack.id, 'UPDATE', known);
	if (outcome.status !== 'UPDATE_COMPLETE') {
		throw await explainFailure(`Updating ${name}`, outcome, `See 'kstack status ${name}'; then try again.`);
	}
	const after = await needStack(name);
	await forgetNodes(directory, stack, after);
	return statusText(await clusterStatus(after, directory));
}

/** Flags as settings, checked like all others. */
function understoodFlags(name: string, flags: Readonly<Record<string, unknown>>): Settings {
	const checked = readCluster(name, flags, undefined).settings;
	return Object.fromEntries(Object.entries(checked).filter(([key]) => flags[key] !== undefined));
}

/**
 * `kstack scale`: sets counts, and changes nothing else; works without the stack directory too.
 *
 * @returns the node table
 */
export async function scaleCluster(name: string, flags: Readonly<Record<string, unknown>>): Promise<string> {
	const counts = understoodFlags(name, flags);
	if (Object.keys(counts).length === 0) throw usageError('Say what to scale: --minions N, --gateways N.');
	const directory = await stackDirectory(name);
	const stack = await needStack(name);
	needIdle(stack);
	const now = settingsOf(stack.parameters);
	const changed = Object.fromEntries(Object.entries(counts).filter(([key, value]) => now[key] !== value));
	if (Object.keys(changed).length > 0) return apply(stack, directory, changed, []);
	say(`${name} has that size already.`);
	return statusText(await clusterStatus(stack, directory));
}

/**
 * `kstack update`: brings the cluster to what cluster.yaml, parameters.yaml and flags say, with the
 * templates of this release.
 *
 * @returns the node table
 */
export async function updateCluster(name: string, flags: Readonly<Record<string, unknown>>): Promise<string> {
	const directory = await stackDirectory(name);
	const text = await readIfThere(directory.cluster);
	const parameters = await readParameters(directory);
	if (text === undefined || parameters === undefined) {
		throw usageError(
			`There is no stack directory of ${name} here (${directory.cluster} and ${directory.parameters}).`,
			`Run this where it lies; \`kstack scale ${name}\` needs none.`,
		);
	}
	const wanted = readCluster(name, {}, { text, path: directory.cluster });
	const wishes = {
		flags: understoodFlags(name, flags),
		cluster: wanted.settings,
		clusterPath: directory.cluster,
		parameters: settingsOf(parameters),
		parametersPath: directory.parameters,
	};
	const stack = await needStack(name);
	needIdle(stack);
	const now = settingsOf(stack.parameters);
	refuse(editsOfKept(stack.parameters, parameters, directory.parameters), 'Nothing was changed.');
	const changed = changes(now, wishes);
	const templates = renderTemplates({ name, settings: { ...now, ...changed } });
	const same = JSON.stringify(await readTree(`${directory.path}/heat`)) === JSON.stringify(templates);
	if (same && Object.keys(changed).length === 0) {
		say(`${name} is as asked: nothing to change.`);
		return statusText(await clusterStatus(stack, directory));
	}
	await writeTemplates(directory, templates);
	return apply(stack, directory, changed, ['-t', directory.template, '-e', directory.parameters]);
}
