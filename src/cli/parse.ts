import { Parser } from 'yargs/helpers';
import { refuse } from '../base/errors.ts';
import type { Arguments, CommandEntry, Flag, Flags } from './command.ts';
import { suggestion } from './suggest.ts';

/** `--minion-flavor` is `minionFlavor` among the values. */
export const camelCase = (name: string) =>
	name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Values stay text; the parser must not convert anything. */
const plain = {
	'camel-case-expansion': false,
	'short-option-groups': false,
	'dot-notation': false,
	'parse-numbers': false,
	'parse-positional-numbers': false,
	'boolean-negation': false,
	'greedy-arrays': false,
	'strip-aliased': true,
};

/** Whether a flag takes no following argument: an optional value is given as `--flag=VALUE`. */
const isSwitch = ({ boolean, optionalValue }: Flag) => boolean === true || optionalValue === true;

function optionsFor(flags: Flags, configuration: Readonly<Record<string, boolean>>) {
	const names = Object.keys(flags);
	const of = (wanted: (flag: Flag) => boolean) => names.filter((name) => wanted(flags[name] as Flag));
	return {
		string: of((flag) => !isSwitch(flag)),
		boolean: of(isSwitch),
		alias: Object.fromEntries(
			names.flatMap((name) => (flags[name]?.short ? [[name, [flags[name].short]]] : [])),
		),
		configuration: { ...plain, ...configuration },
	};
}

/** Finds the command of a command line; returns its entry, if it exists, and the remaining arguments. */
export function findCommand(argv: readonly string[], commands: readonly CommandEntry[], flags: Flags) {
	const { _: tail } = Parser([...argv], optionsFor(flags, { 'halt-at-non-option': true }));
	const args = tail.map(String);
	const before = argv.slice(0, argv.length - args.length);
	for (const length of [2, 1]) {
		const name = args.slice(0, length).join(' ');
		const entry = args.length < length ? undefined : commands.find((command) => command.name === name);
		if (entry !== undefined) return { entry, name, rest: [...before, ...args.slice(length)] };
	}
	return { entry: undefined, name: args[0], rest: [...argv] };
}

/** Invalid values of switches, such as `--yes=maybe`, which the parser does not report. */
function mistakesInSwitches(args: readonly string[], flags: Flags): string[] {
	return args.flatMap((word) => {
		const [, name = '', value] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
		if (!Object.hasOwn(flags, name) || flags[name]?.boolean !== true) return [];
		return value === 'true' || value === 'false'
			? []
			: [`--${name} is "${value}": it must be true or false.`];
	});
}

/** Extracts the flags with an optional value that was given; returns their values by name, and the other arguments. */
function takeOptional(args: readonly string[], flags: Flags) {
	const taken: Record<string, string> = {};
	const rest = args.filter((word) => {
		const [, name = '', value] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
		if (!Object.hasOwn(flags, name) || flags[name]?.optionalValue !== true) return true;
		taken[name] = value as string;
		return false;
	});
	return { taken, rest };
}

/** The value of one flag for the command, or a mistake. */
function flagValue(name: string, flag: Flag, found: unknown): { value?: unknown; mistake?: string } {
	const all = [found].flat();
	if (isSwitch(flag)) return { value: flag.optionalValue ? '' : all.at(-1) };
	if (all.some((one) => one === undefined || one === null)) return { mistake: `--${name} needs a value.` };
	const value = all.at(-1);
	if (flag.choices !== undefined && !flag.choices.includes(String(value))) {
		const choices = `${flag.choices.slice(0, -1).join(', ')} or ${flag.choices.at(-1)}`;
		return { mistake: `--${name} is "${value}": it must be ${choices}.` };
	}
	return { value: flag.repeated ? all.map(String) : value };
}

/** Flags without a value, at the end or before another flag: the parser reads them as empty. */
function withoutValue(args: readonly string[], flags: Flags): Set<string> {
	const names = args.flatMap((word, index) => {
		const name = Object.keys(flags).find((key) => word === `--${key}` || word === `-${flags[key]?.short}`);
		if (name === undefined || isSwitch(flags[name] as Flag)) return [];
		const next = args[index + 1];
		return next === undefined || /^-(?!\d|$)/.test(next) ? [name] : [];
	});
	return new Set(names);
}

/**
 * The words of arguments, by name. The required ones come first to their words: of `[NAME] ADDON`, a single word is ADDON.
 */
function wordsByArgument(given: readonly string[], expected: Arguments): Record<string, string | undefined> {
	const names = Object.keys(expected);
	const required = names.filter((name) => expected[name]?.required).length;
	let optional = Math.max(0, given.length - required);
	const filled = names.filter((name) => expected[name]?.required || optional-- > 0);
	return Object.fromEntries(filled.map((name, index) => [name, given[index]]));
}

/**
 * Parses the arguments of a command.
 *
 * @returns flags by name in camel case, arguments by name, defaults filled in
 * @throws UserError exit code 2, with every mistake
 */
export function parseArguments(
	args: readonly string[],
	{ flags, arguments: expected }: { readonly flags: Flags; readonly arguments: Arguments },
	hint: string,
): Record<string, unknown> {
	const end = args.includes('--') ? args.indexOf('--') : args.length;
	const { taken, rest } = takeOptional(args.slice(0, end), flags);
	const { _: positional, ...found } = Parser(rest, optionsFor(flags, { 'duplicate-arguments-array': true }));
	const given = [...positional.map(String), ...args.slice(end + 1)];
	const mistakes = mistakesInSwitches(rest, flags);
	const empty = withoutValue(rest, flags);
	const values: Record<string, unknown> = {};
	const unknown = Object.keys(found).filter((name) => !Object.hasOwn(flags, name));
	for (const name of unknown)
		mistakes.push(`Unknown flag: --${name}.${suggestion(name, Object.keys(flags), '--')}`);
	for (const [name, flag] of Object.entries(flags)) {
		const key = camelCase(name);
		if (taken[name] !== undefined) values[key] = taken[name];
		else if (Object.hasOwn(found, name)) {
			const { value, mistake } = flagValue(name, flag, empty.has(name) ? undefined : found[name]);
			if (mistake === undefined) values[key] = value;
			else mistakes.push(mistake);
		} else if (flag.default !== undefined) values[key] = flag.default;
	}
	const words = wordsByArgument(given, expected);
	for (const name of Object.keys(expected)) {
		const value = words[name] ?? expected[name]?.default;
		if (value !== undefined) values[name] = value;
		else if (expected[name]?.required) mistakes.push(`Missing argument ${name.toUpperCase()}.`);
	}
	// An unexpected argument may be the value of an unknown flag.
	if (unknown.length === 0)
		for (const word of given.slice(Object.keys(expected).length))
			mistakes.push(`Unexpected argument: ${word}.`);
	// The operation checks values; where it does not run, its mistakes are added here, so that all are shown at once.
	if (mistakes.length > 0)
		for (const [name, flag] of Object.entries(flags)) {
			const value = values[camelCase(name)];
			const mistake = value === undefined ? undefined : flag.mistakeIn?.(value);
			if (mistake !== undefined) mistakes.push(mistake);
		}
	refuse(mistakes, hint, 'invalid-command-line');
	return values;
}
