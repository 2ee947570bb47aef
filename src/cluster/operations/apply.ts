import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { CommandError } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { readTree, replaceTree, type Tree, writeTree } from '../../base/tree.ts';
import { inTemporaryFolder, openstackWith, textOf } from '../heat/arguments.ts';
import { readParameters, type StackDirectory, setValues, writeTemplates } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import { setPoolCounts, syncParameters, wantedPoolCounts } from '../heat/pool-files.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { readMapping, type Settings } from '../spec/config.ts';
import { type Parameters, parametersOf, settingsOf } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';
import { settings, type Value } from '../spec/settings.ts';

/** What is to become of a stack. What it does not name stays as it is. */
export interface StackChange {
	/** Settings that change: told as lines, and written back to the files of the stack directory. */
	readonly settings: Settings;
	/** Other Heat parameters, by name. */
	readonly parameters?: Parameters;
	/** Heat parameters that are neither told nor seen in a list of processes. */
	readonly secrets?: Parameters;
	/** New templates; without them the stack keeps its own. */
	readonly templates?: Tree;
}

/**
 * Minutes that Heat gives a whole operation: more than a member's, so that a member's own words come
 * first. Said each time, because Heat remembers the last one for later operations.
 */
export function timeoutMinutes(bootTimeout: number, drainTimeout = 0): number {
	return Math.ceil((bootTimeout + drainTimeout) / 60) + 20;
}

/** @throws UserError when Heat is at work on the stack */
export function requireIdle(stack: Stack): void {
	if (!stack.status.endsWith('_IN_PROGRESS')) return;
	throw new UserError(`${stack.name} is busy (${stack.status}).`, {
		hint: `Wait until it is done: kstack status ${stack.name}`,
	});
}

/** One spelling for values that Heat takes for the same: `True` and true, a list and its items with commas. */
function comparable(value: unknown): string {
	const ordered = (part: unknown): unknown => {
		if (Array.isArray(part)) return part.map(ordered);
		if (typeof part !== 'object' || part === null) return part;
		return Object.fromEntries(
			Object.entries(part)
				.sort(([a], [b]) => (a < b ? -1 : 1))
				.map(([key, inner]) => [key, ordered(inner)]),
		);
	};
	const text = textOf(value);
	if (/^[[{]/.test(text)) {
		try {
			const parsed: unknown = JSON.parse(text);
			return Array.isArray(parsed) ? parsed.join(',') : JSON.stringify(ordered(parsed));
		} catch {
			return text;
		}
	}
	return /^(true|false)$/i.test(text) ? text.toLowerCase() : text;
}

/** Whether a parameter names members to remove: that holds for one update, but Heat would keep it for the next. */
const isRemoval = (parameter: string) => /^(previous_)?removed_/.test(parameter);

/** The parameters that the stack will have: those of its new templates, else those it has. */
function declared(stack: Stack, templates: Tree | undefined): ReadonlySet<string> {
	const root = templates?.find((file) => file.path === 'cluster.yaml');
	if (root === undefined) return new Set(Object.keys(stack.parameters));
	return new Set(Object.keys(readMapping(root.text, root.path).parameters as object));
}

/**
 * The parameters that Heat is told for a change, as text, without the secret ones.
 *
 * @throws UserError for one that the stack's templates do not know: Heat would pass over it
 */
export function requestedParameters(stack: Stack, change: StackChange): Record<string, string> {
	const known = declared(stack, change.templates);
	const requested: Record<string, string> = {};
	const recorded: Record<string, Value> = {};
	for (const setting of settings) {
		const value = change.settings[setting.key];
		if (value === undefined) continue;
		if (setting.direct) for (const name of setting.parameters) requested[name] = textOf(value);
		else recorded[setting.key] = value;
	}
	if (Object.keys(recorded).length > 0) {
		const now = parametersOf(settingsOf(stack.parameters)).recorded_settings as object;
		requested.recorded_settings = textOf({ ...now, ...recorded });
	}
	for (const [name, value] of Object.entries(change.parameters ?? {})) requested[name] = textOf(value);
	const unknown = [...Object.keys(requested), ...Object.keys(change.secrets ?? {})].filter(
		(name) => !known.has(name),
	);
	if (unknown.length > 0) {
		throw new UserError(`${stack.name} has templates of an earlier release, without ${unknown.join(', ')}.`, {
			hint: `Bring them up to date first: kstack update ${stack.name}`,
		});
	}
	for (const name of [...known].filter(isRemoval)) {
		const left = comparable(stack.parameters[name]) !== '';
		if (left && known.has(name) && requested[name] === undefined) requested[name] = '';
	}
	// A creation that was not watched to its end has not closed the formation of etcd.
	requested.cluster_state = 'existing';
	return requested;
}

/**
 * Asks Heat to update the stack, or with `dry` what that would do.
 *
 * @param template  the root template to be read, when the stack is to have new ones
 * @returns what the client printed
 */
async function sendUpdate(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	template: string | undefined,
	dry: boolean,
): Promise<string> {
	const now = { ...stack.parameters, ...requestedParameters(stack, change) };
	const minutes = timeoutMinutes(Number(now.boot_timeout), Number(now.drain_timeout ?? 0));
	// The guards in this file are for members to come too.
	const environment = existsSync(directory.parameters) ? ['-e', directory.parameters] : [];
	return openstackWith(requestedParameters(stack, change), change.secrets ?? {}, (words) => [
		...['stack', 'update', ...(dry ? ['--dry-run'] : []), '--existing'],
		...(template === undefined ? [] : ['-t', template, ...environment]),
		...[...words, '--timeout', String(minutes), '-f', 'json', stack.name],
	]);
}

/**
 * What Heat says that the change would do, as the client prints it; nothing is changed, no file either. Of
 * the root template only: with nested ones Heat's preview breaks on every group that grows.
 */
export async function dryRun(stack: Stack, directory: StackDirectory, change: StackChange): Promise<string> {
	const { templates } = change;
	if (templates === undefined) return sendUpdate(stack, directory, change, undefined, true);
	const present = existsSync(directory.template)
		? await readTree(path.dirname(directory.template))
		: undefined;
	// Where they are the same, Heat sees them at the place that it knows them by.
	if (JSON.stringify(present) === JSON.stringify(templates))
		return sendUpdate(stack, directory, change, directory.template, true);
	return inTemporaryFolder(async (folder) => {
		await writeTree(folder, templates);
		return sendUpdate(stack, directory, change, path.join(folder, 'cluster.yaml'), true);
	});
}

/**
 * Makes the files of the stack directory say what the stack is to have, so that the next edit is the only
 * difference.
 *
 * @returns what puts them back as they were
 */
async function writeBack(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	requested: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
	const undo: (() => Promise<void>)[] = [];
	const remember = async (file: string) => {
		const text = await readFile(file, 'utf8');
		undo.push(() => writeFile(file, text));
	};
	const wanted: Settings = { ...settingsOf(stack.parameters), ...change.settings };
	const keys = settings.filter(({ key, fixed }) => !fixed || change.settings[key] !== undefined);
	const values = Object.fromEntries(keys.map(({ key }) => [key, wanted[key] ?? '']));
	if (existsSync(directory.cluster)) {
		await remember(directory.cluster);
		await setValues(directory.cluster, '', values);
		await setPoolCounts(directory.cluster, wantedPoolCounts({ ...stack.parameters, ...requested }));
	}
	if (existsSync(directory.parameters)) {
		await remember(directory.parameters);
		if (change.templates !== undefined) {
			const ofPools = Object.entries(requested).filter(([name]) => isOfPool(name, change.parameters));
			const known = declared(stack, change.templates);
			await syncParameters(directory.parameters, Object.fromEntries(ofPools), known);
		}
		const { recorded_settings: _, ...parameters } = parametersOf(
			Object.fromEntries(Object.entries(values).filter(([key]) => isDirect(key))),
		);
		await setValues(directory.parameters, '  ', {
			...(change.templates === undefined ? {} : await changedElsewhere(stack, directory)),
			...requested,
			...(parameters as Settings),
			// In the middle of an upgrade a pool has fewer members than the cluster is to have; Heat reads this file last.
			...countsAmong(change.parameters ?? {}),
		});
	}
	if (change.templates !== undefined && existsSync(directory.path)) {
		const heat = path.dirname(directory.template);
		const present = existsSync(heat) ? await readTree(heat) : [];
		undo.push(() => replaceTree(heat, present));
		await writeTemplates(directory, change.templates);
	}
	return async () => {
		for (const step of undo) await step();
	};
}

/** Whether a parameter belongs to the further pools that a change names. */
function isOfPool(parameter: string, changed: Parameters = {}): boolean {
	if (parameter === 'pools') return true;
	const names = Object.keys(recordsOf(changed));
	const own = names.flatMap((name) =>
		['count', 'image', 'flavor', 'availability_zone'].map((what) => `${name}_${what}`),
	);
	return own.includes(parameter);
}

/** Writes to the files of the stack directory what the stack has, when nothing else is to be changed. */
export async function syncFiles(stack: Stack, directory: StackDirectory): Promise<void> {
	await writeBack(stack, directory, { settings: {} }, {});
}

/** Those of the parameters that are counts. */
const countsAmong = (parameters: Parameters) =>
	Object.fromEntries(
		Object.entries(parameters)
			.filter(([name]) => name.endsWith('_count'))
			.map(([name, value]) => [name, Number(value)]),
	);

const isDirect = (key: string) => settings.find((setting) => setting.key === key)?.direct === true;

/** Parameters in which parameters.yaml is behind the stack: given to Heat, they would undo another's change. */
async function changedElsewhere(stack: Stack, directory: StackDirectory): Promise<Record<string, string>> {
	const file = (await readParameters(directory)) ?? {};
	return Object.fromEntries(
		Object.entries(file).flatMap(([name, value]) => {
			const now = stack.parameters[name];
			return now === undefined || comparable(now) === comparable(value) ? [] : [[name, textOf(now)]];
		}),
	);
}

/** @throws UserError when the stack is not as it was when the change was thought out */
async function requireUnchanged(stack: Stack): Promise<void> {
	const now = await requireStack(stack.name);
	requireIdle(now);
	const names = new Set([...Object.keys(now.parameters), ...Object.keys(stack.parameters)]);
	const other = [...names].filter(
		(name) => comparable(now.parameters[name]) !== comparable(stack.parameters[name]),
	);
	if (now.id === stack.id && other.length === 0) return;
	throw new UserError(
		`A concurrent update changed ${stack.name}${other.length === 0 ? '' : ` (${other.join(', ')})`}: nothing was updated.`,
		{ hint: `Look at it with: kstack status ${stack.name}; then try again.` },
	);
}

/** @throws UserError when the stack does not have what was asked for */
function requireOutcome(after: Stack, requested: Readonly<Record<string, string>>): void {
	const other = Object.entries(requested).filter(
		([name, value]) => name !== 'cluster_state' && comparable(after.parameters[name]) !== comparable(value),
	);
	if (other.length === 0) return;
	const words = other.map(
		([name, value]) =>
			`${name} is ${JSON.stringify(after.parameters[name] ?? '')}, not ${JSON.stringify(value)}`,
	);
	throw new UserError(`A concurrent update of ${after.name} won: ${words.join('; ')}.`, {
		hint: `Look at it with: kstack status ${after.name}; then try again.`,
	});
}

/** Asks Heat for the update. Where Heat was not asked, or refused, all is left as it was. */
async function request(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	undo: () => Promise<void>,
): Promise<Set<string>> {
	let restore = async () => {};
	let asked = false;
	try {
		await requireUnchanged(stack);
		const known = await eventsUntilNow(stack.id);
		restore = await writeBack(stack, directory, change, requestedParameters(stack, change));
		const { templates } = change;
		const send = (template: string | undefined) => sendUpdate(stack, directory, change, template, false);
		asked = true;
		if (templates === undefined) await send(undefined);
		else if (existsSync(directory.path)) await send(directory.template);
		else {
			await inTemporaryFolder(async (folder) => {
				await writeTree(folder, templates);
				await send(path.join(folder, 'cluster.yaml'));
			});
		}
		return known;
	} catch (error) {
		// An interrupted client may have told Heat already; then the files rather say so.
		if (!asked || error instanceof CommandError) {
			await restore();
			await undo();
		}
		throw error;
	}
}

/**
 * Applies one stack update, follows it to its end, and checks that the stack then has what was asked for.
 *
 * @param stack     the stack as the caller knows it; if it is another by now, nothing is updated
 * @param undo  undoes what was done for the change before, when in the end nothing is updated
 * @returns the stack after it
 * @throws UserError when it failed, when somebody else was faster, or changed the same at the same time
 */
export async function applyChange(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	undo: () => Promise<void> = async () => {},
): Promise<Stack> {
	const { name } = stack;
	const now = settingsOf(stack.parameters);
	for (const [key, value] of Object.entries(change.settings)) {
		if (now[key] !== value) say(`${key}: ${now[key] ?? ''} -> ${value}`);
	}
	const known = await request(stack, directory, change, undo);
	const outcome = await follow(name, stack.id, 'UPDATE', known);
	if (outcome.status !== 'UPDATE_COMPLETE') {
		throw await explainFailure(`Updating ${name}`, outcome, `See 'kstack status ${name}'; then try again.`);
	}
	const after = await requireStack(name);
	requireOutcome(after, requestedParameters(stack, change));
	return after;
}
