import { setTimeout } from 'node:timers/promises';
import { confirm } from '../../base/confirm.ts';
import { refuse, UserError, usageError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { stackDirectory } from '../heat/directory.ts';
import { requireStack } from '../heat/stack.ts';
import {
	addonStatus,
	type ClusterAddon,
	clusterAddons,
	forgetAddon,
	requireAddons,
	storeAddon,
} from '../kubernetes/addons.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { type Addon, packagedAddons, readAddon, renderAddon } from '../spec/addon.ts';
import { chooseValues } from '../spec/addon-values.ts';

/** Milliseconds between two looks at a status. */
const interval = 2000;

/** The kubeconfig of a cluster whose masters apply addons. */
async function kubeconfigOf(cluster: string): Promise<string> {
	const directory = await stackDirectory(cluster);
	const kubeconfig = await readKubeconfig(directory, await requireStack(cluster));
	if (kubeconfig === undefined) {
		throw new UserError(
			`There is no ${directory.kubeconfig}, and addons are set through the Kubernetes API.`,
			{
				code: 'no-kubeconfig',
				hint: `Run this in the folder of ${cluster}, or write its directory again: kstack adopt ${cluster}`,
			},
		);
	}
	await requireAddons(kubeconfig);
	return kubeconfig;
}

/** Seconds that `--timeout` gives. */
function secondsOf(text: string): number {
	if (/^\d{1,5}$/.test(text) && Number(text) > 0) return Number(text);
	throw usageError(`--timeout is ${text}; it must be seconds from 1 to 99999.`);
}

/** Until the cluster says that it has done what was asked, or why it cannot. */
async function follow(
	kubeconfig: string,
	name: string,
	revision: string,
	wanted: 'ready' | 'disabled',
	seconds: number,
): Promise<void> {
	const end = Date.now() + seconds * 1000;
	let told = '';
	for (;;) {
		const status = await addonStatus(kubeconfig, name);
		const current = status?.revision === revision ? status : undefined;
		if (current?.state === wanted) return;
		if (current?.state === 'failed') {
			throw new UserError(`The addon ${name} failed: ${current.message}`, {
				code: 'addon-failed',
				hint: 'What ran before was left as it was. The cluster tries again until the addon is changed or disabled.',
			});
		}
		const message = current?.message ?? 'waiting for the masters';
		if (message !== told) say(`${name}: ${message}`);
		told = message;
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

/** The addon that a word names: a folder of the operator's, one of kstack's, or one that came with the image. */
async function find(word: string, present: ReadonlyMap<string, ClusterAddon>): Promise<Addon> {
	if (word.includes('/')) {
		const own = readAddon(word);
		if (own.definition.image || present.get(own.definition.name)?.definition.image === true)
			throw usageError(
				`${word}: ${own.definition.name} is an addon of the node image.`,
				undefined,
				'addon-of-image',
			);
		return own;
	}
	const packaged = await packagedAddons();
	const found = packaged.get(word) ?? present.get(word);
	if (found !== undefined) return found;
	const names = [...new Set([...packaged.keys(), ...present.keys()])].sort();
	throw usageError(`There is no addon ${word}; there are ${names.join(', ')}.`, undefined, 'unknown-addon');
}

/**
 * Enables an addon, or changes its values, and waits until it is ready.
 *
 * @param word  the addon's name, or the path of its folder
 * @throws UserError when the words are wrong, or when the addon is not ready in time
 */
export async function enableAddon(
	word: string,
	cluster: string,
	options: { readonly set: readonly string[]; readonly timeout: string },
): Promise<void> {
	const seconds = secondsOf(options.timeout);
	const kubeconfig = await kubeconfigOf(cluster);
	const present = await clusterAddons(kubeconfig);
	const { definition, template } = await find(word, present);
	const mistakes: string[] = [];
	const values = chooseValues(
		definition.values,
		present.get(definition.name)?.values ?? {},
		options.set,
		mistakes,
	);
	for (const needed of definition.needs)
		if (present.get(needed)?.enabled !== true)
			mistakes.push(`${definition.name} needs the addon ${needed}: kstack addon enable ${needed}`);
	refuse(mistakes);
	const revision = await storeAddon(
		kubeconfig,
		{ definition, values, template, enabled: true },
		renderAddon(template, values),
	);
	await follow(kubeconfig, definition.name, revision, 'ready', seconds);
	say(`${definition.name} is ready`);
}

/**
 * Deletes all objects of an addon, and waits until they are gone.
 *
 * @throws UserError when the addon must stay, or when its objects are not gone in time
 */
export async function disableAddon(
	name: string,
	cluster: string,
	options: { readonly yes: boolean; readonly timeout: string },
): Promise<void> {
	const seconds = secondsOf(options.timeout);
	const kubeconfig = await kubeconfigOf(cluster);
	const present = await clusterAddons(kubeconfig);
	const addon = present.get(name);
	if (addon === undefined)
		throw usageError(
			`The addon ${name} is not enabled; enabled are ${[...present.keys()].sort().join(', ')}.`,
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
	const users = [...present.values()].filter((one) => one.enabled && one.definition.needs.includes(name));
	if (users.length > 0)
		throw usageError(
			`The addon ${name} is needed by ${users.map((one) => one.definition.name).join(', ')}.`,
			undefined,
			'addon-needed',
		);
	if (definition.disable === 'confirm') await confirm(`Disable ${name}? ${definition.warning}`, options.yes);
	const revision = await storeAddon(
		kubeconfig,
		{ ...addon, enabled: false },
		renderAddon(addon.template, addon.values),
	);
	await follow(kubeconfig, name, revision, 'disabled', seconds);
	// What came with the image stays known, so that it can be enabled again and no new master enables it.
	if (!definition.image) await forgetAddon(kubeconfig, name);
	say(`${name} is disabled`);
}

/** The addons of a cluster and those that it could have, as text or JSON. */
export async function listAddons(cluster: string, output: 'table' | 'json'): Promise<string> {
	const kubeconfig = await kubeconfigOf(cluster);
	const [present, packaged] = await Promise.all([clusterAddons(kubeconfig), packagedAddons()]);
	const all = new Map<string, Addon | ClusterAddon>([...packaged, ...present]);
	const addons = [...all.keys()].sort().map((name) => {
		const addon = all.get(name) as Addon;
		const own = present.get(name);
		const isCurrent = own?.status?.revision === own?.revision;
		return {
			name,
			state:
				own === undefined ? 'disabled' : isCurrent ? (own.status?.state ?? 'progressing') : 'progressing',
			message: isCurrent ? (own?.status?.message ?? '') : '',
			values: own?.values ?? {},
			description: addon.definition.description,
		};
	});
	if (output === 'json') return JSON.stringify(addons, undefined, 2);
	return table(
		['NAME', 'STATE', 'VALUES', 'DESCRIPTION'],
		addons.map(({ name, state, message, values, description }) => [
			name,
			state,
			Object.entries(values)
				.map((pair) => pair.join('='))
				.join(' '),
			message === '' ? description : `${description} (${message})`,
		]),
	);
}
