import { collect, refuse } from '../../base/errors.ts';
import { type Form, line } from '../../base/forms.ts';
import { Mapping } from '../../base/mapping.ts';
import { readMapping, type SettingsFile } from './config.ts';
import type { Parameters } from './parameters.ts';
import { defaultPools, furtherPoolsOf } from './pools.ts';
import { countForm, formOf } from './setting-forms.ts';
import { settings } from './settings.ts';

/** Any value: kstack writes these parameters, and compares them with those of the stack. */
const anyValue: Form = { description: 'a value', read: (value) => value, schema: {} };

/** A mapping, or its JSON text: Heat accepts both for a parameter of type json. */
const mappingOrJson: Form<object> = {
	description: 'a mapping, or the JSON text of one',
	read: (value) => {
		try {
			const read: unknown = typeof value === 'string' ? JSON.parse(value || '{}') : value;
			return typeof read === 'object' && read !== null && !Array.isArray(read) ? read : undefined;
		} catch {
			return undefined;
		}
	},
	schema: { type: ['object', 'string'] },
};

/** Parameters that kstack sets: the identity of the cluster, and the progress of changes. */
export const identityParameters: readonly string[] = [
	...['cluster_state', 'join_token', 'master_token', 'operator_request', 'recorded_settings', 'generations'],
	...defaultPools.flatMap(({ id, name }) => [
		...[`removed_${name}`, `previous_${id}_count`, `previous_${id}_image`],
		`previous_removed_${name}`,
	]),
];

/** The form of each parameter; a parameter for a setting has the form of the setting. */
function parameterForms(): Map<string, Form> {
	return new Map<string, Form>([
		...identityParameters.map((name): [string, Form] => [name, anyValue]),
		['recorded_settings', mappingOrJson],
		['generations', mappingOrJson],
		...settings.flatMap((setting) =>
			setting.parameters.map((name): [string, Form] => [name, setting.direct ? formOf(setting) : line]),
		),
	]);
}

/** The forms of the parameters of a stack's additional pools. */
function poolForms(existing: Parameters): [string, Form][] {
	const pools = furtherPoolsOf(existing).flatMap(({ name }): [string, Form][] => [
		[`${name}_count`, countForm],
		...['image', 'flavor', 'availability_zone'].map((what): [string, Form] => [`${name}_${what}`, line]),
		...[
			`removed_${name}`,
			`previous_removed_${name}`,
			`previous_${name}_count`,
			`previous_${name}_image`,
		].map((parameter): [string, Form] => [parameter, anyValue]),
	]);
	return [['pools', mappingOrJson], ...pools];
}

/** A value as text, to compare the file with Heat. */
const textOf = (value: unknown) =>
	Array.isArray(value)
		? value.join(',')
		: typeof value === 'object'
			? JSON.stringify(value)
			: String(value ?? '');

const isBoolean = (text: string) => /^(true|false)$/i.test(text);

/** Whether a value of the file equals that of the stack; Heat returns booleans as in Python. */
function isSame(value: unknown, now: unknown): boolean {
	const [one, other] = [textOf(value), textOf(now)];
	return one === other || (isBoolean(one) && one.toLowerCase() === other.toLowerCase());
}

/**
 * The parameters of a stack directory's parameters.yaml, checked like cluster.yaml.
 *
 * @param existing  the parameters of the stack, whose values are always valid
 * @param all       receives the mistakes; without it, they are thrown
 * @throws UserError exit code 2, with all mistakes
 */
export function readParametersFile(
	file: SettingsFile,
	existing: Parameters = {},
	all?: string[],
): Parameters {
	const mistakes: string[] = all ?? [];
	const content = collect(all, () => readMapping(file.text, file.path));
	if (content === undefined) return {};
	const top = new Mapping(content, file.path, mistakes);
	top.allowOnly('parameters', 'resource_registry');
	if (!top.holdsMapping('parameters'))
		top.addMistake('parameters', 'is missing: it must be a mapping of parameters');
	const parameters = top.within('parameters');
	const forms = new Map([...parameterForms(), ...poolForms(existing)]);
	parameters.allowOnly(...forms.keys());
	const found: Record<string, unknown> = {};
	for (const [name, form] of forms) {
		const value = parameters.raw(name);
		if (value === undefined) continue;
		found[name] = value;
		if (name in existing && isSame(value, existing[name])) continue;
		const read = parameters.value(name, form);
		if (read !== undefined) found[name] = read;
	}
	if (all === undefined) refuse(mistakes, 'Nothing was changed.', 'invalid-parameters');
	return found;
}
