/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a value may be: the reader of a file and the schema for its editor follow from it. */
export interface Form<Value = unknown> {
	/** Completes the sentence "it must be …". */
	readonly description: string;
	/** The value as the program uses it; `undefined` when it may not be this. */
	read(value: unknown): Value | undefined;
	/** As much of it as a JSON Schema can express. */
	readonly schema: JsonSchema;
	/** Whether a wrong value may be a secret, which messages do not repeat. */
	readonly secret?: boolean;
}

/** A form that one regular expression decides. */
export interface TextForm extends Form<string> {
	readonly pattern: RegExp;
}

/** The least and the greatest value of a number. */
export interface Range {
	readonly min: number;
	readonly max: number;
}

/** A text that the pattern matches, and that also passes `test` where there is one. */
export function matching(
	pattern: RegExp,
	words: string,
	test: (text: string) => boolean = () => true,
): TextForm {
	return {
		pattern,
		description: words,
		read: (value) => (typeof value === 'string' && pattern.test(value) && test(value) ? value : undefined),
		schema: { type: 'string', pattern: pattern.source },
	};
}

/** One line of text, or a number that is meant as a text, such as the name 2024. */
export const line: Form<string> = {
	description: 'one line of text',
	read: (value) =>
		(typeof value === 'string' || typeof value === 'number') && !/[\n\r\0]/.test(String(value))
			? String(value)
			: undefined,
	schema: { type: ['string', 'number'], pattern: '^[^\\n\\r\\u0000]*$' },
};

/** A whole number in a range; flags give it as text. `what` is what the number counts, such as `seconds`. */
export function wholeNumber({ min, max }: Range, what = 'a whole number'): Form<number> {
	return {
		description: `${what} from ${min} to ${max}`,
		read: (value) => {
			const number = typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
			const isValid =
				typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max;
			return isValid ? number : undefined;
		},
		schema: { type: ['integer', 'string'], minimum: min, maximum: max, pattern: '^\\s*-?\\d+\\s*$' },
	};
}

/** True or false; flags give it as text. */
export const boolean: Form<boolean> = {
	description: 'true or false',
	read: (value) => {
		if (value === true || value === 'true') return true;
		return value === false || value === 'false' ? false : undefined;
	},
	schema: { enum: [true, false, 'true', 'false'] },
};

/** One of several words. */
export function oneOf(choices: readonly string[]): Form<string> {
	return {
		description: `one of ${choices.join(', ')}`,
		read: (value) => choices.find((choice) => choice === value),
		schema: { enum: [...choices] },
	};
}

/** What the form takes, and an empty text for none of it. */
export function orEmpty(form: TextForm): TextForm {
	return matching(
		new RegExp(`^$|${form.pattern.source}`),
		`${form.description}, or empty`,
		(text) => text === '' || form.read(text) !== undefined,
	);
}

const isScalar = (value: unknown) => typeof value !== 'object' || value === null;

/** Characters of a value that a message shows. */
const longest = 100;

/** A text as messages show it: whole, or its beginning with its length. */
export function cut(value: string | number | boolean): string {
	const text = String(value);
	return text.length <= longest ? text : `${text.slice(0, longest)}... (${text.length} characters)`;
}

/**
 * A value as messages show it: a scalar, or a few of them. What has more in it is named by its kind, because a YAML text
 * may repeat a part of itself endlessly.
 */
export function printable(value: unknown): string {
	if (typeof value === 'string' && value.length > longest) return cut(JSON.stringify(value));
	if (typeof value !== 'object' || value === null) return JSON.stringify(value);
	const parts = Object.values(value);
	if (parts.length <= 10 && parts.every(isScalar)) return cut(JSON.stringify(value));
	return Array.isArray(value) ? 'a list' : 'a mapping';
}

/** The sentence about a value that is not of its form. `place` says where the value is. */
export function invalidValue(place: string, value: unknown, form: Form): string {
	return form.secret === true
		? `${place} must be ${form.description}.`
		: `${place} is ${printable(value)}: it must be ${form.description}.`;
}
