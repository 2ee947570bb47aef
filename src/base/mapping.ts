import { cut, type Form, invalidValue, matching, type TextForm } from './forms.ts';
import { similar } from './similar.ts';

const text: TextForm = matching(/^[^\n\r\0]+$/, 'one line of text');

/**
 * A mapping of a file, read key by key: what is wrong is gathered and not thrown, so that the file's
 * reader can tell all of it at once. What is missing or wrong reads as empty.
 */
export class Mapping {
	readonly mistakes: string[];
	readonly #content: Readonly<Record<string, unknown>>;
	readonly #place: string;
	readonly #separator: string;

	/**
	 * @param place     how messages name the mapping: its file, and the keys that lead to it as `file: key.list[0]`
	 * @param mistakes  gets a sentence for each mistake
	 * @param separator between the place and a key
	 */
	constructor(content: unknown, place: string, mistakes: string[] = [], separator = ': ') {
		this.#place = place;
		this.#separator = separator;
		this.mistakes = mistakes;
		const isMapping = typeof content === 'object' && content !== null && !Array.isArray(content);
		if (!isMapping) this.mistakes.push(`${place} must be a mapping.`);
		this.#content = isMapping ? (content as Record<string, unknown>) : {};
	}

	#placeOf(key: string): string {
		if (this.#separator === '.' && !/^[\w-]+$/.test(key)) return `${this.#place}[${JSON.stringify(key)}]`;
		return `${this.#place}${this.#separator}${key}`;
	}

	#inside(content: unknown, place: string): Mapping {
		return new Mapping(content, place, this.mistakes, '.');
	}

	get keys(): string[] {
		return Object.keys(this.#content);
	}

	has(key: string): boolean {
		return this.#content[key] !== undefined;
	}

	/** The value of a key as the file has it; `undefined` when it is absent or empty. */
	raw(key: string): unknown {
		return this.#content[key] ?? undefined;
	}

	/** Whether a key holds a mapping, where a text could stand as well. */
	holdsMapping(key: string): boolean {
		return typeof this.#content[key] === 'object';
	}

	/** One mistake: `says` goes on after the key's place. */
	addMistake(key: string, problem: string): void {
		this.mistakes.push(`${this.#placeOf(key)} ${problem}.`);
	}

	/** Every other key is a mistake. */
	allowOnly(...known: readonly string[]): void {
		for (const key of this.keys) {
			if (known.includes(key)) continue;
			const suggestion = similar(key, known);
			const hint =
				suggestion === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${suggestion}?`;
			this.mistakes.push(
				`${this.#placeOf(cut(key))} is not a known key; ${hint}${/\?$/.test(hint) ? '' : '.'}`,
			);
		}
	}

	/** The value of a key that may be absent or empty; `undefined` then, and when it is wrong. */
	value<Value>(key: string, form: Form<Value>): Value | undefined {
		const value = this.raw(key);
		if (value === undefined) return undefined;
		const found = form.read(value);
		if (found === undefined) this.mistakes.push(invalidValue(this.#placeOf(key), value, form));
		return found;
	}

	/** The text of a key that must be there. */
	text(key: string, form: Form<string> = text): string {
		const value = this.#content[key];
		const found = form.read(value);
		if (found !== undefined) return found;
		if (value === undefined) this.addMistake(key, `is missing: it must be ${form.description}`);
		else this.mistakes.push(invalidValue(this.#placeOf(key), value, form));
		return '';
	}

	/** The texts of an optional key, without invalid ones. */
	texts(key: string, form: Form<string> = text): string[] {
		const value = this.#content[key] ?? [];
		if (!Array.isArray(value)) {
			this.addMistake(key, 'must be a list');
			return [];
		}
		return value.flatMap((item: unknown, index) => {
			const found = form.read(item);
			if (found === undefined)
				this.mistakes.push(invalidValue(`${this.#placeOf(key)}[${index}]`, item, form));
			return found === undefined || found === '' ? [] : [found];
		});
	}

	/** The mapping of an optional key. */
	within(key: string): Mapping {
		return this.#inside(this.#content[key] ?? {}, this.#placeOf(key));
	}

	/** Every key with what `read` makes of it. */
	record<Value>(read: (key: string) => Value): Record<string, Value> {
		return Object.fromEntries(this.keys.map((key) => [key, read(key)]));
	}

	/** The mappings of a key's list. */
	each(key: string): Mapping[] {
		const value = this.#content[key];
		if (Array.isArray(value))
			return value.map((item, index) => this.#inside(item, `${this.#placeOf(key)}[${index}]`));
		this.addMistake(key, 'must be a list');
		return [];
	}
}

/** What is there more than once. */
export function repeated(names: readonly string[]): string[] {
	return [...new Set(names.filter((name, index) => names.indexOf(name) < index))];
}
