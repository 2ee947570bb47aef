import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { readTree, writeTree } from '../../base/tree.ts';
import { ClientTimeout } from '../../openstack/failure.ts';
import { inTemporaryFolder, openstackWith } from '../heat/arguments.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { comparable } from '../spec/heat-values.ts';
import { requestedParameters, type StackChange, updateMinutes } from './stack-change.ts';
import { writeBack } from './write-back.ts';

/**
 * Updates the stack, or with `dry` requests Heat's preview of the update.
 *
 * @param template  path of the root template if the templates change
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
	const minutes = updateMinutes(stack.parameters, now);
	// The restricted actions in this file also protect members that this update adds.
	const environment = existsSync(directory.parameters) ? ['-e', directory.parameters] : [];
	return openstackWith(requestedParameters(stack, change), change.secrets ?? {}, (args) => [
		...['stack', 'update', ...(dry ? ['--dry-run'] : []), '--existing'],
		...(template === undefined ? [] : ['-t', template, ...environment]),
		...[...args, '--timeout', String(minutes), '-f', 'json', stack.name],
	]);
}

/**
 * Heat's preview of the change, as the client prints it. It covers the root template only: with nested stacks, Heat's
 * preview fails for every group that grows. Changes neither the stack nor the files.
 */
export async function previewUpdate(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
): Promise<string> {
	const { templates } = change;
	if (templates === undefined) return sendUpdate(stack, directory, change, undefined, true);
	const present = existsSync(directory.template)
		? await readTree(path.dirname(directory.template))
		: undefined;
	// Unchanged templates keep their paths, which Heat compares.
	if (JSON.stringify(present) === JSON.stringify(templates))
		return sendUpdate(stack, directory, change, directory.template, true);
	return inTemporaryFolder(async (folder) => {
		await writeTree(folder, templates);
		return sendUpdate(stack, directory, change, path.join(folder, 'cluster.yaml'), true);
	});
}

/** @throws UserError when the stack has changed since the change was planned */
async function requireUnchanged(stack: Stack): Promise<void> {
	const now = await requireStack(stack.name);
	if (now.status.endsWith('_IN_PROGRESS')) {
		throw new UserError(`A concurrent update of ${stack.name} began (${now.status}): nothing was updated.`, {
			code: 'stack-busy',
			hint: `Follow it with: kstack status ${stack.name}; then try again.`,
		});
	}
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

/** @throws UserError when the stack does not have the requested parameters */
function requireOutcome(after: Stack, requested: Readonly<Record<string, string>>): void {
	const other = Object.entries(requested).filter(
		([name, value]) => name !== 'cluster_state' && comparable(after.parameters[name]) !== comparable(value),
	);
	if (other.length === 0) return;
	const differences = other.map(
		([name, value]) =>
			`${name} is ${JSON.stringify(after.parameters[name] ?? '')}, not ${JSON.stringify(value)}`,
	);
	throw new UserError(`A concurrent update of ${after.name} overwrote this one: ${differences.join('; ')}.`, {
		hint: `Look at it with: kstack status ${after.name}; then try again.`,
	});
}

/**
 * Sends the update to Heat. If it was not sent, or Heat rejected it, the files are restored.
 *
 * @param keep  called when Heat has received the update, or may have received it
 * @returns the IDs of the events before the update
 */
async function request(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	keep: () => void,
): Promise<Set<string>> {
	let restore = async () => {};
	let sending = false;
	let sent = false;
	try {
		await requireUnchanged(stack);
		const known = await eventsUntilNow(stack.id);
		restore = await writeBack(stack, directory, change, requestedParameters(stack, change));
		const { templates } = change;
		const send = async (template: string | undefined) => {
			await sendUpdate(stack, directory, change, template, false);
			sent = true;
		};
		sending = true;
		if (templates === undefined) await send(undefined);
		else if (existsSync(directory.path)) await send(directory.template);
		else {
			await inTemporaryFolder(async (folder) => {
				await writeTree(folder, templates);
				await send(path.join(folder, 'cluster.yaml'));
			});
		}
		keep();
		return known;
	} catch (error) {
		// A client that was interrupted or killed may have sent the request; the files then keep the new values.
		const unknown = error instanceof ClientTimeout || interrupted.signal.aborted;
		if (sent || (sending && unknown)) keep();
		else await restore();
		throw error;
	}
}

/**
 * Applies one stack update, waits for its end, and verifies that the stack has the requested parameters.
 *
 * @param stack  the stack as the caller read it; if it has changed since, nothing is updated
 * @param keep   called when Heat has received the update, or may have received it
 * @returns the stack after the update
 * @throws UserError when the update failed, or when there was a concurrent update
 */
export async function applyChange(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	keep: () => void,
): Promise<Stack> {
	const { name } = stack;
	const known = await request(stack, directory, change, keep);
	const outcome = await follow(name, stack.id, 'UPDATE', known);
	if (outcome.status !== 'UPDATE_COMPLETE') {
		throw await explainFailure(`Updating ${name}`, outcome, `See 'kstack status ${name}'; then try again.`);
	}
	const after = await requireStack(name);
	requireOutcome(after, requestedParameters(stack, change));
	return after;
}
