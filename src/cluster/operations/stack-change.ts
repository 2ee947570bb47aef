import { UserError } from '../../base/errors.ts';
import type { Tree } from '../../base/tree.ts';
import { withOwnVersion } from '../heat/kstack-version.ts';
import type { Stack } from '../heat/stack.ts';
import { readMapping, type Settings } from '../spec/config.ts';
import { comparable, textOf } from '../spec/heat-values.ts';
import { type Parameters, parametersOf, settingsOf } from '../spec/parameters.ts';
import { settings, type Value } from '../spec/settings.ts';

/** A change of a stack. Everything else stays unchanged. */
export interface StackChange {
	/** Settings that change: printed, and written to the files of the stack directory. */
	readonly settings: Settings;
	/** Other Heat parameters, by name. */
	readonly parameters?: Parameters;
	/** Secret Heat parameters: never printed, and not visible in the process list. */
	readonly secrets?: Parameters;
	/** New templates; without them the stack keeps its own. */
	readonly templates?: Tree;
}

/**
 * Heat's timeout of an operation, in minutes. It is longer than that of a member, so that the error of a member is
 * reported first. It is passed with each operation, because Heat keeps the last value for later ones.
 */
export function timeoutMinutes(bootTimeout: number, drainTimeout = 0): number {
	return Math.ceil((bootTimeout + drainTimeout) / 60) + 20;
}

/**
 * Heat's timeout of an update, in minutes. Heat deletes members with the drain timeout that the stack had before the
 * update, and keeps this timeout for a later update by another client, which has the drain timeout of afterwards.
 */
export function updateMinutes(before: Parameters, after: Parameters): number {
	const drain = Math.max(...[before, after].map((parameters) => Number(parameters.drain_timeout ?? 0)));
	return timeoutMinutes(Number(after.boot_timeout), drain);
}

/** Whether a parameter contains members to remove: it applies to one update, but Heat would keep it for the next. */
const isRemoval = (parameter: string) => /^(previous_)?removed_/.test(parameter);

/** The names of the stack's parameters after the change. */
export function declared(stack: Stack, templates: Tree | undefined): ReadonlySet<string> {
	const root = templates?.find((file) => file.path === 'cluster.yaml');
	if (root === undefined) return new Set(Object.keys(stack.parameters));
	return new Set(Object.keys(readMapping(root.text, root.path).parameters as object));
}

/**
 * The parameters that are passed to Heat for a change, as text, without the secret ones.
 *
 * @throws UserError for one that the stack's templates do not declare: Heat would ignore it
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
	if (change.templates !== undefined)
		requested.generations = withOwnVersion({ ...stack.parameters, ...requested });
	const unknown = [...Object.keys(requested), ...Object.keys(change.secrets ?? {})].filter(
		(name) => !known.has(name),
	);
	if (unknown.length > 0) {
		throw new UserError(
			`The stack ${stack.name} has templates of an earlier release, without the parameters ${unknown.join(', ')}.`,
			{
				hint: `Update them first: kstack update ${stack.name}`,
			},
		);
	}
	for (const name of [...known].filter(isRemoval)) {
		const left = comparable(stack.parameters[name]) !== '';
		if (left && known.has(name) && requested[name] === undefined) requested[name] = '';
	}
	// etcd bootstrap is still enabled if `kstack create` was interrupted.
	requested.cluster_state = 'existing';
	return requested;
}
