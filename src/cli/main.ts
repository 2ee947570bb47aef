import type { Argv } from 'yargs';
import yargs from 'yargs';
import { Answer, exitCodes, UserError, usageError } from '../base/errors.ts';
import { interrupted } from '../base/interrupt.ts';
import { packageVersion } from '../base/package.ts';
import { systemError } from '../base/system-errors.ts';

/** What went wrong, as the operator reads it on stderr. */
function explain(program: string, error: unknown): string {
	if (!(error instanceof UserError)) {
		const stack = error instanceof Error ? error.stack : String(error);
		return `${program}: this is a bug in ${program}, please report it:\n${stack}`;
	}
	return [`${program}: ${error.message}`, ...(error.hint === undefined ? [] : [`  ${error.hint}`])].join(
		'\n',
	);
}

/** yargs tells an unknown `--minion-flavour` twice: so, and as `minionFlavour`. */
function withoutTwins(words: readonly string[]): string[] {
	const camel = (word: string) => word.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
	const twins = new Set(words.filter((word) => camel(word) !== word).map(camel));
	return [...new Set(words)].filter((word) => !twins.has(word));
}

/** yargs knows the unknown words but not how to say them: one sentence for each. */
function usageSentence(message: string): string {
	const unknown = /^Unknown (arguments?|commands?): (.*)$/s.exec(message);
	if (/^Not enough non-option arguments/.test(message)) return 'A word is missing after the command.';
	if (unknown === null) return message.replace(/\s*\n\s*/g, ' ').replace(/[^.?!]$/, '$&.');
	const words = withoutTwins((unknown[2] as string).split(', '));
	const what = unknown[1]?.startsWith('argument') ? 'Unknown flag or word' : 'Unknown command';
	return `${what}: ${words.join(', ')}.`;
}

/**
 * Runs one of the two programs: parses the command line, runs the command, and turns
 * every failure into one message and an exit code. The only place that sets one.
 *
 * @param program  its name, `kimg` or `kstack`
 * @param define   adds the commands
 */
export async function main(program: string, define: (cli: Argv) => Argv): Promise<void> {
	const cli = yargs(process.argv.slice(2))
		.scriptName(program)
		.locale('en') // else help follows LANG, and docs and tests with it
		.parserConfiguration({ 'boolean-negation': false, 'duplicate-arguments-array': false })
		.version(packageVersion())
		.help()
		.alias('help', 'h')
		.completion('completion', 'Print a completion script for bash or zsh')
		.strict()
		.recommendCommands()
		.demandCommand(1, 'Say what to do.')
		.wrap(100)
		.exitProcess(false)
		.fail((message: string | null, error: Error | undefined) => {
			// yargs throws some mistakes of the command line as errors of its own.
			if (error !== undefined && error.name !== 'YError') throw error;
			const mistake = error?.message ?? message ?? 'Wrong usage.';
			throw usageError(usageSentence(mistake), `See '${program} --help'.`);
		});
	listen('SIGINT', new UserError('Interrupted.', { exitCode: exitCodes.interrupted }));
	listen('SIGTERM', new UserError('Terminated.', { exitCode: 143 }));
	try {
		await define(cli).parseAsync();
		interrupted.signal.throwIfAborted();
	} catch (error) {
		const told = error instanceof UserError && error.exitCode === exitCodes.interrupted;
		const failure = systemError(error) ?? error;
		const reason = interrupted.signal.aborted && !told ? interrupted.signal.reason : failure;
		if (!(reason instanceof Answer)) process.stderr.write(`${explain(program, reason)}\n`);
		process.exitCode = reason instanceof UserError || reason instanceof Answer ? reason.exitCode : 70;
	}
}

/**
 * The first signal asks for an orderly end, a second one ends at once. The listener stays after the first:
 * without one, execa's own, which is there while a child runs, would end the program with no word.
 */
function listen(signal: 'SIGINT' | 'SIGTERM', reason: UserError): void {
	process.on(signal, () => {
		if (interrupted.signal.aborted) process.exit(reason.exitCode);
		interrupted.abort(reason);
	});
}
