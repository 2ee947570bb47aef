import type { Settings } from './config.ts';
import { jsonParameter } from './json-parameter.ts';
import { formerValues, type Setting, settings, type Value } from './settings.ts';

/** Heat parameters by name. */
export type Parameters = Readonly<Record<string, unknown>>;

/** The Heat parameters of a cluster's settings, except those that contain IDs. */
export function parametersOf(cluster: Settings): Parameters {
	const parameters: Record<string, unknown> = {};
	const recorded: Record<string, Value> = {};
	for (const setting of settings) {
		const value = cluster[setting.key];
		if (value === undefined) continue;
		if (!setting.direct) recorded[setting.key] = value;
		for (const parameter of setting.parameters) parameters[parameter] = value;
	}
	return { ...parameters, recorded_settings: recorded };
}

function typed(setting: Setting, value: unknown): Value {
	if (['count', 'seconds', 'port', 'length'].includes(setting.type)) return Number(value);
	// Heat returns booleans as in Python, and lists as JSON.
	if (setting.type === 'switch') return String(value).toLowerCase() === 'true';
	return Array.isArray(value) ? value.join(',') : String(value ?? '');
}

/** The settings that parameters contain: the inverse of `parametersOf`. */
export function settingsIn(parameters: Parameters): Settings {
	const recorded = jsonParameter(parameters, 'recorded_settings');
	const found: Record<string, Value> = {};
	for (const setting of settings) {
		const value = setting.direct ? parameters[setting.parameters[0] as string] : recorded[setting.key];
		if (value !== undefined && value !== null) found[setting.key] = typed(setting, value);
	}
	return found;
}

/** The settings of a cluster, from its stack's parameters. Settings that its release did not know have former values. */
export const settingsOf = (stackParameters: Parameters): Settings => ({
	...formerValues,
	...settingsIn(stackParameters),
});
