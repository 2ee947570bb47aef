import { readFileSync } from 'node:fs';
import path from 'node:path';
import ejs from 'ejs';

/** The values of a template, by name. */
export type Locals = Record<string, unknown>;

/**
 * Quotes a value for a shell.
 *
 * @throws Error when `value` contains a NUL byte
 */
export function sh(value: string | number | boolean): string {
	const text = String(value);
	if (text.includes('\0')) throw new Error('a shell word cannot hold a NUL byte');
	return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Quotes a value for YAML 1.1 and 1.2, as JSON. */
export function yaml(value: string | number | boolean): string {
	if (typeof value !== 'string') return JSON.stringify(value);
	// JSON does not escape these; YAML treats some as line breaks and forbids the others.
	return JSON.stringify(value).replace(
		/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
		(character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
	);
}

/** Indents all non-empty lines by `columns`, and removes the final newline. */
export function indent(columns: number, text: string): string {
	return text.replace(/\n$/, '').replace(/^(?=[^\n])/gm, ' '.repeat(columns));
}

/** A proxy for `value` that throws when a missing property is read, at any depth. */
function guard(value: unknown, name: string): unknown {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
	return new Proxy(value, {
		get(target, key) {
			if (typeof key === 'symbol' || key === 'toJSON') return Reflect.get(target, key);
			const found = name === '' ? key : `${name}.${key}`;
			if (!(key in target)) throw new Error(`the template reads ${found}, which is not set`);
			return guard(Reflect.get(target, key), found);
		},
	});
}

function print(value: unknown): string {
	if (value === undefined || value === null) throw new Error(`the template prints ${value}`);
	return String(value);
}

/**
 * Renders an EJS file strictly: `<%= %>` prints a value without quoting, so templates quote values explicitly (`sh`,
 * `yaml`, `indent`). A missing value is an error with file and line.
 *
 * @param file    path of the template
 * @param locals  its values, by name
 * @throws Error with file, line and the missing name
 */
export function render(file: string, locals: Locals): string {
	const values: Locals = { sh, yaml, indent, ...locals };
	try {
		return ejs.render(readFileSync(file, 'utf8'), guard(values, '') as ejs.Data, {
			filename: file,
			strict: true,
			_with: false,
			destructuredLocals: Object.keys(values),
			escape: print,
		});
	} catch (error) {
		throw new Error(located(file, error as Error), { cause: error });
	}
}

/** Formats an error of EJS as "heat/member.yaml.ejs:12: …". */
function located(file: string, error: Error): string {
	const short = path.relative(process.cwd(), file);
	const line = /^.*:(\d+)\n/.exec(error.message)?.[1] ?? '?';
	const unset = /(\w+) is not defined/.exec(error.message)?.[1];
	const reason = error.message.split('\n\n').at(-1) ?? error.message;
	return `${short}:${line}: ${unset === undefined ? reason : `the template reads ${unset}, which is not set`}`;
}
