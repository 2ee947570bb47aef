import { refuse } from '../../base/errors.ts';
import { cut, invalidValue, printable } from '../../base/forms.ts';
import type { Settings } from './config.ts';
import { type FurtherNodes, newContradictions } from './contradictions.ts';
import { comparable, textOf } from './heat-values.ts';
import { jsonParameter } from './json-parameter.ts';
import type { Parameters } from './parameters.ts';
import { recordsOf } from './pools.ts';
import { formOf } from './setting-forms.ts';
import { flagOf, settings, type Value } from './settings.ts';

/** The sources of a change of a cluster. */
export interface RequestedSettings {
	/** Settings given as flags. */
	readonly flags: Settings;
	/** Settings of cluster.yaml, and its path for messages. */
	readonly cluster: Settings;
	readonly clusterPath: string;
	/** Settings of parameters.yaml, and its path for messages. */
	readonly parameters: Settings;
	readonly parametersPath: string;
}

/**
 * The settings to change: those that differ from the current values of the cluster.
 *
 * Both files are compared with the cluster, so the file that differs was edited. If both differ, another client may have
 * changed the cluster, and only a flag can state the desired value.
 *
 * @param now      the current settings, from the stack's parameters
 * @param further  nodes of additional pools
 * @throws UserError exit code 2 for settings that cannot be changed in a running cluster, and for contradictions
 */
export function changes(now: Settings, requested: RequestedSettings, further?: FurtherNodes): Settings {
	const mistakes: string[] = [];
	const changed: Record<string, Value> = {};
	const sources: Record<string, string> = {};
	for (const setting of settings) {
		const { key } = setting;
		const flag = requested.flags[key];
		// A setting that did not exist in the cluster's release has the default value, also in Heat's templates.
		const has = now[key] ?? setting.default;
		const edits = [
			{ value: requested.cluster[key], place: requested.clusterPath },
			{ value: requested.parameters[key], place: requested.parametersPath },
		].filter(({ value }) => value !== undefined && value !== has);
		if (flag === undefined && edits.length === 2) {
			mistakes.push(
				`${key} is ${has} in the cluster, ${edits.map(({ value, place }) => `${cut(String(value))} in ${place}`).join(' and ')}: the cluster was changed elsewhere, or both files were edited. ${key === 'drainTimeout' ? 'Write the same value to both files.' : `Set the value with --${flagOf(setting)}.`}`,
			);
			continue;
		}
		const wanted = flag ?? edits[0]?.value;
		if (wanted === undefined || wanted === has) continue;
		if (setting.fixed) {
			const place = flag === undefined ? `in ${edits[0]?.place}` : `by --${flagOf(setting)}`;
			mistakes.push(
				`${key} is ${printable(wanted)} ${place}; this cluster was created with ${JSON.stringify(has)}, which cannot be changed: that would replace its servers.`,
			);
			continue;
		}
		changed[key] = wanted;
		sources[key] = flag === undefined ? `${edits[0]?.place}: ${key}` : `--${flagOf(setting)}`;
	}
	mistakes.push(...newContradictions(now, changed, (key) => sources[key] ?? key, further));
	refuse(mistakes, 'Nothing was changed.', 'invalid-change');
	return changed;
}

/**
 * Checks changed node counts.
 *
 * @param now      the current settings, from the stack's parameters
 * @param counts   the counts that change, such as `{ minions: 5 }`
 * @param further  nodes of additional pools
 * @throws UserError exit code 2 for counts out of range, and if there are not enough addresses for the nodes
 */
export function requireCounts(now: Settings, counts: Settings, further?: FurtherNodes): void {
	const mistakes = settings
		.filter(({ key }) => counts[key] !== undefined)
		.flatMap((setting) => {
			const form = formOf(setting);
			const value = counts[setting.key];
			return form.read(value) === undefined ? [invalidValue(`--${flagOf(setting)}`, value, form)] : [];
		});
	const room =
		mistakes.length > 0
			? []
			: newContradictions(now, counts, (key) => (key in counts ? `--${key}` : key), further);
	refuse([...mistakes, ...room], 'Nothing was changed.', 'invalid-change');
}

/**
 * A parameter to compare. What kstack records in `generations` as it updates the stack is left out: after an interruption,
 * or an update from another directory, the file has another value, which nobody has edited and the next update writes.
 */
function edited(name: string, value: unknown): string {
	if (name !== 'generations') return comparable(value);
	const { kstack: _, securityGroups: __, ...others } = jsonParameter({ [name]: value }, name);
	return comparable(others);
}

/** Edits of parameters that cannot be changed in parameters.yaml, such as image IDs, a sentence each. */
export function editsOfFixed(now: Parameters, file: Parameters, path: string): string[] {
	const direct = new Set(
		settings.filter((setting) => setting.direct).flatMap((setting) => setting.parameters),
	);
	const counts = Object.keys(recordsOf(now)).map((pool) => `${pool}_count`);
	const other = ['recorded_settings', 'cluster_state', 'pools', ...counts];
	return Object.entries(file)
		.filter(([name, value]) => {
			const kept = !direct.has(name) && !other.includes(name) && name in now;
			return kept && edited(name, value) !== edited(name, now[name]);
		})
		.map(([name, value]) =>
			name === 'operator_request'
				? `${path} was rendered again after the cluster was created: its operator_request has changed, which an existing cluster does not support. Restore the former file, or run \`kstack adopt\` in another folder.`
				: `${name} is ${cut(textOf(value))} in ${path}; the cluster has ${cut(textOf(now[name]))}, which cannot be changed.`,
		);
}
