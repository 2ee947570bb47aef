import type { Argument, Arguments, Command, CommandEntry, Flag, Flags, Program } from './command.ts';

const width = 100;

/** Wraps text at spaces; all lines but the first are indented by `indent`. */
function wrapped(text: string, indent: number): string {
	const lines = [''];
	for (const word of text.split(' ')) {
		const line = lines.at(-1) as string;
		if (line !== '' && indent + line.length + word.length >= width) lines.push(word);
		else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
	}
	return lines.join(`\n${' '.repeat(indent)}`);
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
	if (rows.length === 0) return '';
	const column = Math.min(38, Math.max(...rows.map(([left]) => left.length)));
	const lines = rows.map(([left, right]) =>
		left.length > column
			? `  ${left}\n${' '.repeat(column + 5)}${wrapped(right, column + 5)}`
			: `  ${left.padEnd(column)}   ${wrapped(right, column + 5)}`,
	);
	return `\n${title}:\n${lines.join('\n')}\n`;
}

function described({ describe, default: fixed, defaultText, range }: Flag & Argument): string {
	const text = defaultText ?? fixed;
	const notes = [
		...(range === undefined ? [] : [`${range.min} to ${range.max}`]),
		...(text === undefined ? [] : [`default: ${text}`]),
	];
	return notes.length === 0 ? describe : `${describe} (${notes.join('; ')})`;
}

function flagRow([name, flag]: [string, Flag]): [string, string] {
	const value = flag.value ?? flag.choices?.join('|') ?? 'VALUE';
	const shown = flag.optionalValue ? `[=${value}]` : ` ${value}`;
	const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
	return [`${short}--${name}${flag.boolean ? '' : shown}`, described(flag)];
}

const help: Flag = { short: 'h', boolean: true, describe: 'Print help' };

const flagSection = (title: string, flags: Flags) => section(title, Object.entries(flags).map(flagRow));

/** The arguments of a command, such as `NAME [NODE]`. */
const usage = (expected: Arguments) =>
	Object.entries(expected).map(([name, { required }]) =>
		required ? name.toUpperCase() : `[${name.toUpperCase()}]`,
	);

/** The output of `kstack --help`. Does not load the files of commands. */
export function programHelp({ name, summary, commands, flags, notes }: Program): string {
	return [
		`${summary}\n\nUsage:\n  ${name} COMMAND [ARGUMENTS] [flags]\n`,
		section(
			'Commands',
			commands.map((command) => [command.name, command.describe]),
		),
		flagSection('Global Flags', { ...flags, help }),
		notes === undefined ? '' : `\n${notes}\n`,
		`\nUse "${name} COMMAND --help" for the arguments, flags and examples of a command.\n`,
	].join('');
}

/** The output of `kstack addon --help`, with `addon` as the prefix of several commands. */
export function groupHelp(program: Program, prefix: string, group: readonly CommandEntry[]): string {
	const name = `${program.name} ${prefix}`;
	const commands = group.map((entry) => ({ ...entry, name: entry.name.slice(prefix.length + 1) }));
	return programHelp({ ...program, name, summary: `Commands of ${name}.`, commands });
}

/** The output of `kstack COMMAND --help`. */
export function commandHelp(program: Program, { name, describe }: CommandEntry, command: Command): string {
	const line = [program.name, name, ...usage(command.arguments), '[flags]'].join(' ');
	const examples = command.examples.map(([words, what]) => `  # ${what}\n  ${program.name} ${words}\n`);
	return [
		`${describe}.\n\nUsage:\n  ${line}\n`,
		section(
			'Arguments',
			Object.entries(command.arguments).map(([key, argument]) => [key.toUpperCase(), described(argument)]),
		),
		examples.length === 0 ? '' : `\nExamples:\n${examples.join('\n')}`,
		flagSection('Flags', command.flags),
		flagSection('Global Flags', { ...program.flags, help }),
	].join('');
}
