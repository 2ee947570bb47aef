import { invalidFlags, refuse } from '../../base/errors.ts';
import type { Stack } from '../heat/stack.ts';
import type { DrainOptions } from '../kubernetes/leave.ts';
import { mistakeInName, readFlags, type Settings } from '../spec/config.ts';
import { settingsOf } from '../spec/parameters.ts';
import type { Value } from '../spec/settings.ts';

/** Flags for draining, confirmation and dry runs. They apply to one command and are not stored. */
export interface DrainFlags {
	/** Seconds, as text; by default the cluster's setting. */
	readonly drainTimeout?: unknown;
	/** Delete pods that remain after the timeout. */
	readonly force?: boolean | undefined;
	/** Do not ask for confirmation. */
	readonly yes?: boolean | undefined;
	/** Only print the steps. */
	readonly dryRun?: boolean | undefined;
}

/** Parses and checks flags as settings. */
export function parseSettingFlags(name: string, flags: Readonly<Record<string, unknown>>): Settings {
	const mistakes = [mistakeInName(name) ?? []].flat();
	const found = readFlags(flags, mistakes);
	refuse(mistakes, undefined, invalidFlags);
	return found;
}

/** The value of --drain-timeout in seconds; undefined without the flag. */
export function drainTimeoutOf(name: string, { drainTimeout }: DrainFlags): Value | undefined {
	return drainTimeout === undefined ? undefined : parseSettingFlags(name, { drainTimeout }).drainTimeout;
}

/**
 * The drain options: from flags, otherwise from the settings of the cluster.
 *
 * @param changed  settings that the same command changes
 */
export function drainOptionsOf(stack: Stack, flags: DrainFlags, changed: Settings = {}): DrainOptions {
	const settings = { ...settingsOf(stack.parameters), ...changed };
	return {
		drainTimeout: Number(drainTimeoutOf(stack.name, flags) ?? settings.drainTimeout ?? 300),
		force: flags.force === true || settings.drainForce === true,
		forceFlag: flags.force === true,
	};
}
