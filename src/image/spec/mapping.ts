import { readFileSync } from 'node:fs';
import { FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml';
import { usageError } from '../../base/errors.ts';

/** What a text must look like, and how a message says so: `must be …`. */
export interface Form {
	readonly pattern: RegExp;
	readonly words: string;
}

const oneLine: Form = { pattern: /^[^\n\r\0]+$/, words: 'one line of text' };

/** Forms that more than one file asks for. */
export const forms = {
	version: { pattern: /^\d+(\.\d+)+([~+-][\w.+~-]+)?$/, words: 'a version such as 1.35.4' },
	checksum: {
		pattern: /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
		words: 'sha256: with 64 or sha512: with 128 hexadecimal digits',
	},
	fileName: { pattern: /^[\w.+-]+$/, words: 'the name of a file' },
	/** Of what a registry holds. */
	digest: { pattern: /^sha256:[0-9a-f]{64}$/, words: 'sha256: with 64 hexadecimal digits' },
} as const;

/**
 * A mapping of a file, read key by key: what is wrong is gathered and not thrown, so that the file's
 * reader can tell all of it at once. What is missing or wrong reads as empty.
 */
export class Mapping {
	readonly mistakes: string[];
	readonly #content: Readonly<Record<string, unknown>>;
	readonly #place: string;

	/**
	 * @param place     how messages name the mapping: its file, and the keys that lead to it
	 * @param mistakes  gets a sentence for each mistake
	 */
	constructor(content: unknown, place: string, mistakes: string[] = []) {
		this.#place = place;
		this.mistakes = mistakes;
		const isMapping = typeof content === 'object' && content !== null && !Array.isArray(content);
		if (!isMapping) this.mistakes.push(`${place} must be a mapping.`);
		this.#content = isMapping ? (content as Record<string, unknown>) : {};
	}

	get keys(): string[] {
		return Object.keys(this.#content);
	}

	has(key: string): boolean {
		return this.#content[key] !== undefined;
	}

	/** Whether a key holds a mapping, where a text could stand as well. */
	holdsMapping(key: string): boolean {
		return typeof this.#content[key] === 'object';
	}

	/** One mistake: `says` goes on after the key's place. */
	wrong(key: string, says: string): void {
		this.mistakes.push(`${this.#place}: ${key} ${says}.`);
	}

	/** Every other key is a mistake. */
	only(...known: readonly string[]): void {
		for (const key of this.keys)
			if (!known.includes(key)) this.wrong(key, `is not known here; there are ${known.join(', ')}`);
	}

	/** The text of a key that must be there. */
	text(key: string, form: Form = oneLine): string {
		const value = this.#content[key];
		if (typeof value === 'string' && form.pattern.test(value)) return value;
		this.wrong(
			key,
			value === undefined
				? `is missing: it must be ${form.words}`
				: `is ${JSON.stringify(value)}: it must be ${form.words}`,
		);
		return '';
	}

	/** The texts of an optional key, without invalid ones. */
	texts(key: string, form: Form = oneLine): string[] {
		const value = this.#content[key] ?? [];
		if (!Array.isArray(value)) {
			this.wrong(key, 'must be a list');
			return [];
		}
		const items = new Mapping({ ...value }, `${this.#place}: ${key}`, this.mistakes);
		return items.keys.map((index) => items.text(index, form)).filter((text) => text !== '');
	}

	/** The mapping of an optional key. */
	within(key: string): Mapping {
		return new Mapping(this.#content[key] ?? {}, `${this.#place}: ${key}`, this.mistakes);
	}

	/** Every key with what `read` makes of it. */
	record<Value>(read: (key: string) => Value): Record<string, Value> {
		return Object.fromEntries(this.keys.map((key) => [key, read(key)]));
	}

	/** The mappings of a key's list. */
	each(key: string): Mapping[] {
		const value = this.#content[key];
		if (Array.isArray(value))
			return value.map(
				(item, index) => new Mapping(item, `${this.#place}: ${key} ${index + 1}`, this.mistakes),
			);
		this.wrong(key, 'must be a list');
		return [];
	}
}

/** What is there more than once. */
export function repeated(names: readonly string[]): string[] {
	return [...new Set(names.filter((name, index) => names.indexOf(name) < index))];
}

/**
 * The content of a YAML file, in which a version such as 1.20 stays text.
 *
 * @throws UserError exit code 2 when it cannot be read or is not YAML
 */
export function readYaml(file: string): unknown {
	try {
		return load(readFileSync(file, 'utf8'), { filename: file, schema: FAILSAFE_SCHEMA });
	} catch (error) {
		if (error instanceof YAMLException) throw usageError(`${file} is not YAML: ${error.message}`);
		throw usageError(`${file} cannot be read: ${(error as Error).message}`);
	}
}
