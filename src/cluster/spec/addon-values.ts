import type { Form } from '../../base/forms.ts';
import type { Mapping } from '../../base/mapping.ts';
import { addonForms, keysOfValue } from './addon-fields.ts';

/** The definition of a value of an addon. */
export interface ValueSpec {
	readonly type: 'string' | 'integer' | 'boolean';
	readonly default: string | number | boolean;
	readonly description: string;
	/** For a string: a regular expression that must match all of it. */
	readonly pattern?: string;
	/** For an integer. */
	readonly minimum?: number;
	readonly maximum?: number;
}

export type Values = Readonly<Record<string, string | number | boolean>>;

/** Describes the allowed values, for messages. */
function formOf({ type, pattern, minimum, maximum }: ValueSpec): string {
	if (type === 'boolean') return 'true or false';
	if (type === 'string') return `text that matches ${pattern}`;
	const range = [
		minimum === undefined ? '' : ` from ${minimum}`,
		maximum === undefined ? '' : ` to ${maximum}`,
	];
	return `an integer${range.join('')}`;
}

/** Parses a value; returns `undefined` if it is invalid. */
function parse(
	text: string,
	{ type, pattern, minimum, maximum }: ValueSpec,
): string | number | boolean | undefined {
	if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
	if (type === 'string') return new RegExp(`^(?:${pattern})$`).test(text) ? text : undefined;
	const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
	return number >= (minimum ?? Number.NEGATIVE_INFINITY) && number <= (maximum ?? Number.POSITIVE_INFINITY)
		? number
		: undefined;
}

function readValueSpec(spec: Mapping): ValueSpec | undefined {
	const before = spec.mistakes.length;
	const type = spec.text('type', addonForms.valueType) as ValueSpec['type'];
	if (spec.mistakes.length > before) return undefined;
	spec.allowOnly(...keysOfValue(type));
	const description = spec.text('description', addonForms.line);
	// Without a pattern, a value could inject whole objects into the manifest.
	const pattern = type === 'string' ? spec.text('pattern', addonForms.pattern) : undefined;
	const minimum = spec.value('minimum', addonForms.integer);
	const maximum = spec.value('maximum', addonForms.integer);
	const form = { string: addonForms.text, integer: addonForms.integer, boolean: addonForms.boolean }[type];
	const defaultValue = spec.value<string | number | boolean>(
		'default',
		form as Form<string | number | boolean>,
	);
	if (!spec.has('default')) spec.addMistake('default', `is missing: it must be ${form.description}`);
	if (spec.mistakes.length > before || defaultValue === undefined) return undefined;
	const read = {
		...{ type, default: defaultValue, description },
		...(pattern === undefined ? {} : { pattern }),
		...(minimum === undefined ? {} : { minimum }),
		...(maximum === undefined ? {} : { maximum }),
	};
	if (parse(String(defaultValue), read) === undefined)
		spec.addMistake('default', `is ${JSON.stringify(defaultValue)}: it must be ${formOf(read)}`);
	return read;
}

/** Reads the value definitions of an addon.yaml; adds mistakes to those of the mapping. */
export function readValueSpecs(values: Mapping): Record<string, ValueSpec> {
	return Object.fromEntries(
		values.keys.flatMap((name) => {
			if (addonForms.valueName.read(name) === undefined)
				values.addMistake(name, `must be ${addonForms.valueName.description}`);
			const spec = readValueSpec(values.within(name));
			return spec === undefined ? [] : [[name, spec] as const];
		}),
	);
}

/**
 * The values of an addon: from `--set`, otherwise the previous value, otherwise the default.
 *
 * @param assignments  each as KEY=VALUE
 * @param mistakes     receives a sentence for each mistake
 */
export function chooseValues(
	specs: Readonly<Record<string, ValueSpec>>,
	before: Values,
	assignments: readonly string[],
	mistakes: string[],
): Values {
	const chosen = new Map<string, string | number | boolean>();
	for (const [name, spec] of Object.entries(specs)) {
		const kept = before[name] === undefined ? undefined : parse(String(before[name]), spec);
		chosen.set(name, kept ?? spec.default);
	}
	const seen = new Set<string>();
	for (const word of assignments) {
		const [, name = '', text = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
		const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
		const known = Object.keys(specs);
		if (name === '') mistakes.push(`--set ${word}: must be KEY=VALUE.`);
		else if (spec === undefined)
			mistakes.push(
				`--set ${word}: the addon has no value ${name}; ${known.length === 0 ? 'it has none' : `it has: ${known.join(', ')}`}.`,
			);
		else if (seen.has(name)) mistakes.push(`--set ${word}: ${name} is set twice.`);
		else {
			const value = parse(text, spec);
			if (value === undefined) mistakes.push(`--set ${word}: ${name} must be ${formOf(spec)}.`);
			else chosen.set(name, value);
		}
		seen.add(name);
	}
	return Object.fromEntries(chosen);
}
