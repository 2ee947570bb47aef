import type { Program } from './command.ts';
import { findCommand } from './parse.ts';

/** What may stand in place of the last word, one a line; the shell offers files where there is nothing. */
export async function completions({ commands, flags }: Program, words: readonly string[]): Promise<string[]> {
	const typed = words.at(-1) ?? '';
	const before = words.slice(0, -1);
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
