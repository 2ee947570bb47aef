/** What an addon's value may be. */
export interface ValueSpec {
	readonly type: 'string' | 'integer' | 'boolean';
	readonly default: string | number | boolean;
	readonly description: string;
	/** Of a string: the whole of it must match. */
	readonly pattern?: string;
	/** Of an integer. */
	readonly minimum?: number;
	readonly maximum?: number;
}

export type Values = Readonly<Record<string, string | number | boolean>>;

const types = ['string', 'integer', 'boolean'];
const keys = ['type', 'default', 'description', 'pattern', 'minimum', 'maximum'];

/** The form of a value in words. */
function formOf({ type, pattern, minimum, maximum }: ValueSpec): string {
	if (type === 'boolean') return 'true or false';
	if (type === 'string') return `text that matches ${pattern}`;
	const range = [
		minimum === undefined ? '' : ` from ${minimum}`,
		maximum === undefined ? '' : ` to ${maximum}`,
	];
	return `an integer${range.join('')}`;
}

/** The value that a text stands for, or `undefined` when it is none of this kind. */
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

function isRegularExpression(pattern: unknown): boolean {
	try {
		return typeof pattern === 'string' && new RegExp(pattern) !== undefined;
	} catch {
		return false;
	}
}

/**
 * The values that an addon.yaml declares.
 *
 * @param wrong  gets a sentence without its full stop for each mistake
 */
export function readValueSpecs(content: unknown, wrong: (text: string) => void): Record<string, ValueSpec> {
	if (typeof content !== 'object' || content === null || Array.isArray(content)) {
		wrong('values must be a mapping');
		return {};
	}
	for (const [name, spec] of Object.entries(content as Record<string, ValueSpec | null>)) {
		if (!/^[a-z][-a-z0-9]*$/.test(name)) wrong(`the value name ${name} must be a-z, 0-9 and -`);
		if (typeof spec !== 'object' || spec === null || !types.includes(spec.type)) {
			wrong(`values.${name} needs a type: ${types.join(', ')}`);
			continue;
		}
		for (const key of Object.keys(spec)) if (!keys.includes(key)) wrong(`values.${name}: unknown key ${key}`);
		if (typeof spec.description !== 'string') wrong(`values.${name} needs a description`);
		// Without one, a value could bring whole objects into the manifest.
		if (spec.type === 'string' && !isRegularExpression(spec.pattern)) {
			wrong(`values.${name} needs a pattern, a regular expression`);
			continue;
		}
		const isType = typeof spec.default === (spec.type === 'integer' ? 'number' : spec.type);
		if (!isType || parse(String(spec.default), spec) === undefined)
			wrong(`values.${name}: the default is ${JSON.stringify(spec.default)}; it must be ${formOf(spec)}`);
	}
	return content as Record<string, ValueSpec>;
}

/**
 * The values of an addon: what `--set` gives, else what was set before, else the defaults.
 *
 * @param words     each as KEY=VALUE
 * @param mistakes  gets a sentence for each mistake
 */
export function chooseValues(
	specs: Readonly<Record<string, ValueSpec>>,
	before: Values,
	words: readonly string[],
	mistakes: string[],
): Values {
	const chosen = new Map<string, string | number | boolean>();
	for (const [name, spec] of Object.entries(specs)) {
		const kept = before[name] === undefined ? undefined : parse(String(before[name]), spec);
		chosen.set(name, kept ?? spec.default);
	}
	const seen = new Set<string>();
	for (const word of words) {
		const [, name = '', text = ''] = /^([^=]*)=(.*)$/s.exec(word) ?? [];
		const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
		const known = Object.keys(specs);
		if (name === '') mistakes.push(`--set ${word}: must be KEY=VALUE.`);
		else if (spec === undefined)
			mistakes.push(
				`--set ${word}: unknown value ${name}; ${known.length === 0 ? 'the addon has no values' : `known are ${known.join(', ')}`}.`,
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
