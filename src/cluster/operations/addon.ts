import { setTimeout } from 'node:timers/promises';
import { confirm } from '../../base/confirm.ts';
import { invalidFlags, refuse, UserError, usageError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { type StackDirectory, stackDirectory } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import {
	addonStatus,
	type ClusterAddon,
	clusterAddons,
	deleteAddonRecord,
	requireAddons,
	storeAddon,
} from '../kubernetes/addons.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { type Addon, packagedAddons, readAddon, renderAddon } from '../spec/addon.ts';
import { chooseValues } from '../spec/addon-values.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';

/** Milliseconds between two checks of a status. */
const interval = 2000;

/** The kubeconfig of a cluster whose masters apply addons. */
export async function kubeconfigOf(directory: StackDirectory, stack: Stack): Promise<string> {
	const cluster = stack.name;
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig === undefined) {
		throw new UserError(
			`There is no ${directory.kubeconfig}: addons are changed through the Kubernetes API.`,
			{
				code: 'no-kubeconfig',
				hint: `Run this in the folder of ${cluster}, or write its directory again: kstack adopt ${cluster}`,
			},
		);
	}
	await requireAddons(kubeconfig);
	return kubeconfig;
}

/** The value of `--timeout`, in seconds. */
function secondsOf(text: string): number {
	if (/^\d{1,5}$/.test(text) && Number(text) > 0) return Number(text);
	throw usageError(
		`--timeout is ${text}; it must be a number of seconds from 1 to 99999.`,
		undefined,
		invalidFlags,
	);
}

/** Waits until the addon has the desired state, or has failed. */
async function waitForAddon(
	kubeconfig: string,
	name: string,
	revision: string,
	desired: 'ready' | 'disabled',
	seconds: number,
): Promise<void> {
	const end = Date.now() + seconds * 1000;
	let printed = '';
	for (;;) {
		const status = await addonStatus(kubeconfig, name);
		const current = status?.revision === revision ? status : undefined;
		if (current?.state === desired) return;
		if (current?.state === 'failed') {
			throw new UserError(`The addon ${name} failed: ${current.message}`, {
				code: 'addon-failed',
				hint: 'The previous objects of the addon are unchanged. The cluster retries until the addon is changed or disabled.',
			});
		}
		const message = current?.message ?? 'waiting for the masters';
		if (message !== printed) say(`${name}: ${message}`);
		printed = message;
		if (Date.now() > end) {
			throw new UserError(`Timed out after ${seconds} s waiting for the addon ${name} (${message}).`, {
				code: 'addon-timeout',
				hint: 'The cluster continues by itself. Follow it with: kstack addon list',
			});
		}
		await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => {
			interrupted.signal.throwIfAborted();
		});
	}
}

/** Finds an addon by name or by the path of its folder. It may be the operator's, kstack's, or one of the node image. */
async function findAddon(nameOrPath: string, present: ReadonlyMap<string, ClusterAddon>): Promise<Addon> {
	if (nameOrPath.includes('/')) {
		const own = readAddon(nameOrPath);
		if (own.definition.image || present.get(own.definition.name)?.definition.image === true)
			throw usageError(
				`${nameOrPath}: ${own.definition.name} is an addon of the node image.`,
				undefined,
				'addon-of-image',
			);
		return own;
	}
	const packaged = await packagedAddons();
	const found = packaged.get(nameOrPath) ?? present.get(nameOrPath);
	if (found !== undefined) return found;
	const names = [...new Set([...packaged.keys(), ...present.keys()])].sort();
	throw usageError(
		`There is no addon ${nameOrPath}. Available: ${names.join(', ')}.`,
		undefined,
		'unknown-addon',
	);
}

type Request = Omit<ClusterAddon, 'revision' | 'status'>;

/** The steps that request an addon, or the deletion of its objects, and wait until the cluster has done so. */
function requestSteps(kubeconfig: string, request: Request, seconds: number): Step<unknown>[] {
	const { name } = request.definition;
	const desired = request.enabled ? 'ready' : 'disabled';
	let revision = '';
	return [
		{
			title: `Requesting that the cluster ${request.enabled ? 'enables' : 'disables'} ${name}`,
			run: async () => {
				const manifest = renderAddon(request.template, request.values);
				revision = await storeAddon(kubeconfig, request, manifest);
			},
		},
		{
			title: `Waiting until ${name} is ${desired}`,
			run: () => waitForAddon(kubeconfig, name, revision, desired, seconds),
		},
	];
}

/** Checks what needs no cluster: the form of `--set`, and the addon's folder if a path is given. */
function requireValidArguments(nameOrPath: string, set: readonly string[]): void {
	const mistakes: string[] = [];
	const specs = nameOrPath.includes('/') ? readAddon(nameOrPath).definition.values : undefined;
	if (specs !== undefined) chooseValues(specs, {}, set, mistakes);
	else for (const one of set) if (!/^[^=]+=/.test(one)) mistakes.push(`--set ${one}: must be KEY=VALUE.`);
	refuse(mistakes, undefined, invalidFlags);
}

/** The request that enables an addon with these values. @throws UserError exit code 2 for invalid values */
function enableRequest(
	{ definition, template }: Addon,
	present: ReadonlyMap<string, ClusterAddon>,
	set: readonly string[],
	cluster: string,
): Request {
	const mistakes: string[] = [];
	const now = present.get(definition.name)?.values ?? {};
	const values = chooseValues(definition.values, now, set, mistakes);
	for (const needed of definition.needs)
		if (present.get(needed)?.enabled !== true)
			mistakes.push(`${definition.name} needs the addon ${needed}: kstack addon enable ${cluster} ${needed}`);
	refuse(mistakes);
	return { definition, values, template, enabled: true };
}

/**
 * Enables an addon, or changes its values, and waits until it is ready.
 *
 * @param nameOrPath  the addon's name, or the path of its folder
 * @returns the steps of a dry run
 * @throws UserError when the arguments are invalid, or when the addon is not ready in time
 */
export async function enableAddon(
	word: string,
	cluster: string,
	options: {
		readonly set: readonly string[];
		readonly timeout: string;
		readonly dryRun?: boolean | undefined;
	},
): Promise<DryRun | undefined> {
	const seconds = secondsOf(options.timeout);
	requireValidArguments(word, options.set);
	const directory = await stackDirectory(cluster);
	return runOperation({
		...{ name: cluster, directory, dryRun: options.dryRun },
		prepare: async (stack) => {
			const kubeconfig = await kubeconfigOf(directory, stack);
			const present = await clusterAddons(kubeconfig);
			const request = enableRequest(await findAddon(word, present), present, options.set, cluster);
			return { context: request, steps: requestSteps(kubeconfig, request, seconds) };
		},
		result: async ({ definition }) => void say(`${definition.name} is ready`),
	});
}

/** The addon to disable. @throws UserError exit code 2 when it cannot be disabled */
function requireDisableable(name: string, present: ReadonlyMap<string, ClusterAddon>): ClusterAddon {
	const addon = present.get(name);
	if (addon === undefined)
		throw usageError(
			`The addon ${name} is not enabled. Enabled addons: ${[...present.keys()].sort().join(', ')}.`,
			undefined,
			'addon-not-enabled',
		);
	const { definition } = addon;
	if (definition.disable === 'never')
		throw usageError(
			`The addon ${name} cannot be disabled. ${definition.warning}`,
			undefined,
			'addon-required',
		);
	const dependents = [...present.values()].filter(
		(one) => one.enabled && one.definition.needs.includes(name),
	);
	if (dependents.length > 0)
		throw usageError(
			`The addon ${name} is needed by ${dependents.map((one) => one.definition.name).join(', ')}.`,
			undefined,
			'addon-needed',
		);
	return addon;
}

/**
 * Deletes all objects of an addon, and waits until they are deleted.
 *
 * @returns the steps of a dry run
 * @throws UserError when the addon cannot be disabled, or when its objects are not deleted in time
 */
export async function disableAddon(
	name: string,
	cluster: string,
	options: { readonly yes: boolean; readonly timeout: string; readonly dryRun?: boolean | undefined },
): Promise<DryRun | undefined> {
	const seconds = secondsOf(options.timeout);
	const directory = await stackDirectory(cluster);
	return runOperation({
		...{ name: cluster, directory, dryRun: options.dryRun },
		prepare: async (stack) => {
			const kubeconfig = await kubeconfigOf(directory, stack);
			const addon = requireDisableable(name, await clusterAddons(kubeconfig));
			const { definition } = addon;
			if (definition.disable === 'confirm')
				await confirm(`Disable ${name}? ${definition.warning}`, options.yes || options.dryRun === true);
			const deleteRecord: Step<unknown> = {
				title: `Deleting the Secret and the status of ${name}`,
				// The record of an addon of the image is kept: it can be enabled again, and a new master does not enable it.
				skip: () => definition.image,
				run: () => deleteAddonRecord(kubeconfig, name),
			};
			const steps = [...requestSteps(kubeconfig, { ...addon, enabled: false }, seconds), deleteRecord];
			return { context: addon, steps };
		},
		result: async () => void say(`${name} is disabled`),
	});
}
