import { invalidFlags, refuse } from '../../base/errors.ts';
import type { Stack } from '../heat/stack.ts';
import type { DrainOptions } from '../kubernetes/leave.ts';
import { mistakeInName, readFlags, type Settings } from '../spec/config.ts';
import { settingsOf } from '../spec/parameters.ts';
import type { Value } from '../spec/settings.ts';

/** How members that go are treated and whether it is asked, as flags say it: for one command, and nothing is remembered. */
export interface DrainFlags {
	/** Seconds, as text; undefined leaves it at the cluster's setting. */
	readonly drainTimeout?: unknown;
	/** Pods that are left when the time is up are deleted. */
	readonly force?: boolean | undefined;
	/** Nobody is asked. */
	readonly yes?: boolean | undefined;
	/** Nothing is changed: the steps are shown. */
	readonly dryRun?: boolean | undefined;
}

/** Flags as settings, checked like all others. */
export function parseSettingFlags(name: string, flags: Readonly<Record<string, unknown>>): Settings {
	const mistakes = [mistakeInName(name) ?? []].flat();
	const found = readFlags(flags, mistakes);
	refuse(mistakes, undefined, invalidFlags);
	return found;
}

/** The seconds of this command; undefined when it says none. */
export function drainTimeoutOf(name: string, { drainTimeout }: DrainFlags): Value | undefined {
	return drainTimeout === undefined ? undefined : parseSettingFlags(name, { drainTimeout }).drainTimeout;
}

/**
 * How members leave: as flags say, else as the cluster's settings do.
 *
 * @param changed  settings that the same command changes
 */
export function drainOptions(stack: Stack, flags: DrainFlags, changed: Settings = {}): DrainOptions {
	const settings = { ...settingsOf(stack.parameters), ...changed };
	return {
		drainTimeout: Number(drainTimeoutOf(stack.name, flags) ?? settings.drainTimeout ?? 300),
		force: flags.force === true || settings.drainForce === true,
	};
}
