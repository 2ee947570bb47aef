import { refuse } from '../base/errors.ts';
import type { Arguments, CommandEntry, Flag, Flags } from './command.ts';
import { suggestion } from './suggest.ts';

/** `--minion-flavor` is `minionFlavor` among the values. */
export const camelCase = (name: string) =>
	name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

interface Found {
	/** The flag as it was typed, without a value. */
	readonly typed: string;
	readonly name: string;
	readonly flag: Flag | undefined;
	readonly value: string | undefined;
}

/** Reads `--name`, `--name=value`, `-n`; undefined for anything else. */
function flagIn(word: string, flags: Flags): Found | undefined {
	const [, typed, value] = /^(--?[^=-][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
	if (typed === undefined || /^-\d/.test(word)) return undefined;
	const given = typed.replace(/^--?/, '');
	const name = typed.startsWith('--')
		? given
		: (Object.keys(flags).find((key) => flags[key]?.short === given) ?? '');
	return { typed, name, flag: Object.hasOwn(flags, name) ? flags[name] : undefined, value };
}

/** Whether the next word is the value; an optional value is given as `--flag=value`. */
const takesValue = ({ boolean, optionalValue }: Flag) => !boolean && !optionalValue;

/** Whether a word can be the value of the flag before it. */
const isValue = (word: string | undefined): word is string =>
	word !== undefined && (!word.startsWith('-') || word === '-' || /^-\d/.test(word));

/** Takes the command's name out of a command line: the entry, if there is one, and the words that are left. */
export function findCommand(argv: readonly string[], commands: readonly CommandEntry[], flags: Flags) {
	const words: number[] = [];
	for (let at = 0; at < argv.length && argv[at] !== '--'; at++) {
		const found = flagIn(argv[at] as string, flags);
		if (found === undefined) words.push(at);
		else if (found.flag !== undefined && takesValue(found.flag) && found.value === undefined) at++;
		if (words.length === 2 || (words.length > 0 && found !== undefined)) break;
	}
	for (const length of [2, 1]) {
		const at = words.slice(0, length);
		const name = at.map((index) => argv[index]).join(' ');
		const entry = at.length === length ? commands.find((command) => command.name === name) : undefined;
		if (entry !== undefined) return { entry, rest: argv.filter((_, index) => !at.includes(index)) };
	}
	return { entry: undefined, name: words.map((index) => argv[index])[0], rest: [...argv] };
}

/**
 * Reads the words after a command.
 *
 * @returns flags by name in camel case, arguments by name, defaults filled in
 * @throws UserError exit code 2, with every mistake
 */
export function parseWords(
	words: readonly string[],
	{ flags, arguments: expected }: { readonly flags: Flags; readonly arguments: Arguments },
	hint: string,
): Record<string, unknown> {
	const mistakes: string[] = [];
	const values: Record<string, unknown> = {};
	const given: string[] = [];
	let unknown = false;
	for (let at = 0; at < words.length; at++) {
		const word = words[at] as string;
		if (word === '--') {
			given.push(...words.slice(at + 1));
			break;
		}
		const found = flagIn(word, flags);
		if (found === undefined) given.push(word);
		else if (found.flag === undefined) {
			unknown = true;
			mistakes.push(`Unknown flag: ${found.typed}.${suggestion(found.name, Object.keys(flags), '--')}`);
		} else {
			const next = words[at + 1];
			const takesNext = found.value === undefined && takesValue(found.flag) && isValue(next);
			if (takesNext) at++;
			mistakes.push(
				...setFlag(values, {
					...found,
					flag: found.flag,
					value: found.value ?? (takesNext ? next : undefined),
				}),
			);
		}
	}
	const names = Object.keys(expected);
	for (const [index, name] of names.entries()) {
		const value = given[index] ?? expected[name]?.default;
		if (value !== undefined) values[name] = value;
		else if (expected[name]?.required) mistakes.push(`Missing argument ${name.toUpperCase()}.`);
	}
	// A word too many may be the value of an unknown flag.
	if (!unknown) for (const word of given.slice(names.length)) mistakes.push(`Unexpected argument: ${word}.`);
	for (const [name, flag] of Object.entries(flags))
		if (flag.default !== undefined) values[camelCase(name)] ??= flag.default;
	refuse(mistakes, hint);
	return values;
}

/** Sets the value of one flag, and returns what is wrong with it. */
function setFlag(values: Record<string, unknown>, found: Found & { readonly flag: Flag }): string[] {
	const { name, flag } = found;
	const typed = `--${name}`;
	const key = camelCase(name);
	if (flag.boolean) {
		const value = found.value ?? 'true';
		if (value !== 'true' && value !== 'false') return [`${typed} is "${value}": it must be true or false.`];
		values[key] = value === 'true';
		return [];
	}
	const value = found.value ?? (flag.optionalValue ? '' : undefined);
	if (value === undefined) return [`${typed} needs a value.`];
	if (flag.choices !== undefined && !flag.choices.includes(value)) {
		const last = flag.choices.at(-1);
		return [`${typed} is "${value}": it must be ${flag.choices.slice(0, -1).join(', ')} or ${last}.`];
	}
	values[key] = flag.repeated ? [...((values[key] as string[] | undefined) ?? []), value] : value;
	return [];
}
