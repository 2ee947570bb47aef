import type { Program } from './command.ts';
import { findCommand } from './parse.ts';

/** Completions of the last argument; without any, the shell completes file names. */
export async function completions({ commands, flags }: Program, args: readonly string[]): Promise<string[]> {
	const typed = args.at(-1) ?? '';
	const before = args.slice(0, -1);
	const { entry } = findCommand(before, commands, flags);
	if (entry === undefined) {
		const start = [...before.filter((word) => !word.startsWith('-')), typed].join(' ');
		const next = commands
			.filter(({ name }) => name.startsWith(start))
			.map(({ name }) => name.split(' ')[before.length] ?? '');
		return [...new Set(next)].filter((word) => word !== '');
	}
	const known = { ...(await entry.load()).command.flags, ...flags };
	const last = before.at(-1) ?? '';
	const [, flag] =
		Object.entries(known).find(([name, { short }]) => [`--${name}`, `-${short}`].includes(last)) ?? [];
	if (flag?.choices !== undefined) return flag.choices.filter((choice) => choice.startsWith(typed));
	if (!typed.startsWith('-')) return [];
	return [...Object.keys(known), 'help'].map((name) => `--${name}`).filter((name) => name.startsWith(typed));
}
