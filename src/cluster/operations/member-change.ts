import { say } from '../../base/say.ts';
import { inventory } from '../heat/inventory.ts';
import { requireResources } from '../heat/resource-limit.ts';
import type { Stack } from '../heat/stack.ts';
import { settingsOf } from '../spec/parameters.ts';
import { poolsOf } from '../spec/pools.ts';
import { type DrainFlags, drainOptionsOf } from './drain-options.ts';
import type { MemberChange } from './member-steps.ts';
import { confirmRemoval, type Removal, removedParameters } from './removals.ts';
import { requestedParameters, type StackChange } from './stack-change.ts';

/** Prints the settings and counts that change, one per line. */
export function printChanges(stack: Stack, { settings, parameters = {} }: StackChange): void {
	const now = settingsOf(stack.parameters);
	for (const [key, value] of Object.entries(settings)) {
		if (now[key] !== value) say(`${key}: ${now[key] ?? ''} -> ${value}`);
	}
	for (const [parameter, value] of Object.entries(parameters)) {
		if (parameter.endsWith('_count')) say(`${parameter}: ${stack.parameters[parameter] ?? 0} -> ${value}`);
	}
}

/**
 * Prints a change of the member counts, asks for confirmation, and returns it.
 *
 * @param change    settings and templates; the counts are among the settings
 * @param removals  the members to remove
 */
export async function changeMembers(
	stack: Stack,
	change: StackChange,
	removals: readonly Removal[],
	flags: DrainFlags,
	title = `Updating the stack ${stack.name}`,
): Promise<MemberChange> {
	const requested = { ...stack.parameters, ...requestedParameters(stack, change) };
	requireResources(stack.name, requested, stack.parameters);
	printChanges(stack, change);
	await confirmRemoval(removals, flags.yes === true || flags.dryRun === true);
	const { masters } = settingsOf(stack.parameters);
	return {
		title,
		change: {
			...change,
			parameters: { ...change.parameters, ...removedParameters(poolsOf(stack.parameters), removals) },
		},
		members: await inventory(stack),
		toRemove: removals.map(({ member }) => member),
		newMasters: Number(change.settings.masters ?? masters) > Number(masters),
		drainOptions: drainOptionsOf(stack, flags, change.settings),
	};
}
