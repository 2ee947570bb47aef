import { Answer, exitCodes, invalidFlags, UserError, usageError } from '../base/errors.ts';
import { interrupted, requestSent } from '../base/interrupt.ts';
import { packageVersion } from '../base/package.ts';
import { sanitize } from '../base/sanitize.ts';
import { systemError } from '../base/system-errors.ts';
import type { Program } from './command.ts';
import { completionEntry } from './completion.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { suggestion } from './suggest.ts';

/** The failure as the operator reads it on stderr. */
function explain(program: string, error: unknown, verbose: boolean): string {
	if (!(error instanceof UserError)) {
		const stack = error instanceof Error ? error.stack : String(error);
		return `${program}: this is a bug in ${program}, please report it:\n${stack}`;
	}
	const lines = [`${program}: ${error.message}`];
	if (error.hint !== undefined) lines.push(`  ${error.hint}`);
	if (verbose && error.code !== undefined) lines.push(`  Error code: ${error.code}`);
	return lines.join('\n');
}

/** The exit code after SIGHUP. */
const hangUp = 129;

/** What an interruption needs to know of the command that runs. */
let interruptedHint: ((requested: boolean) => string) | undefined;

const isHelp = (word: string) => word === '--help' || word === '-h';

/** Global flags take effect before the command runs. */
async function applyGlobals({ osCloud, verbose }: Readonly<Record<string, unknown>>): Promise<void> {
	if (typeof osCloud === 'string') process.env.OS_CLOUD = osCloud;
	if (verbose === true) (await import('../base/run.ts')).showCommands(true);
}

/** The commands of a group such as `addon`; empty for a word that is none. */
const groupOf = (program: Program, typed: string) =>
	program.commands.filter(({ name }) => name.startsWith(`${typed} `));

function unknownCommand(program: Program, typed: string | undefined): UserError {
	const hint = `See '${program.name} --help'.`;
	if (typed === undefined) return usageError('Missing command.', hint, 'missing-command');
	const group = groupOf(program, typed);
	const names = group.length > 0 ? group : program.commands;
	return group.length > 0
		? usageError(
				`Missing command after ${typed}: one of ${names.map(({ name }) => name.slice(typed.length + 1)).join(', ')}.`,
				hint,
				'missing-command',
			)
		: usageError(
				`Unknown command: ${typed}.${suggestion(
					typed,
					names.map(({ name }) => name),
				)}`,
				hint,
				'unknown-command',
			);
}

/**
 * An operation does not know its command: the help of the command is the hint for wrong flags, which have the code of
 * these or begin with the flag.
 */
function withHint(error: unknown, hint: string): unknown {
	if (!(error instanceof UserError) || error.hint !== undefined) return error;
	const isAboutFlags = error.exitCode === exitCodes.usage && error.message.startsWith('--');
	if (error.code !== invalidFlags && !isAboutFlags) return error;
	return usageError(error.message, hint, error.code);
}

async function run(program: Program, argv: readonly string[]): Promise<void> {
	if (argv.length === 1 && isHelp(argv[0] as string)) {
		process.stdout.write(programHelp(program));
		return;
	}
	// The help of a program needs no parser.
	const { findCommand, parseArguments } = await import('./parse.ts');
	if (argv[0] === '--complete') {
		const { completions } = await import('./complete.ts');
		const candidates = await completions(program, argv.slice(1));
		process.stdout.write(candidates.map((word) => `${word}\n`).join(''));
		return;
	}
	const { entry, rest, name } = findCommand(argv, program.commands, program.flags);
	const options = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined);
	if (entry === undefined) {
		const group = name === undefined ? [] : groupOf(program, name);
		if (options.some(isHelp) && name === undefined) process.stdout.write(programHelp(program));
		else if (options.some(isHelp) && name !== undefined && group.length > 0)
			process.stdout.write(groupHelp(program, name, group));
		else if (options.includes('--version')) process.stdout.write(`${packageVersion()}\n`);
		else {
			if (name === undefined)
				parseArguments(rest, { flags: program.flags, arguments: {} }, `See '${program.name} --help'.`);
			throw unknownCommand(program, name);
		}
		return;
	}
	const { command } = await entry.load();
	if (options.some(isHelp)) {
		process.stdout.write(commandHelp(program, entry, command));
		return;
	}
	const hint = `See '${program.name} ${entry.name} --help'.`;
	const flags = { ...command.flags, ...program.flags };
	const values = parseArguments(rest, { flags, arguments: command.arguments }, hint);
	await applyGlobals(values);
	interruptedHint = (requested) => command.interruptedHint?.(values, requested) ?? '';
	await command.run(values).catch((error: unknown) => Promise.reject(withHint(error, hint)));
}

/**
 * Runs one of the two programs: reads the command line, runs the command, and turns
 * every failure into one message and an exit code. The only place that sets one.
 */
export async function main(program: Program): Promise<void> {
	const argv = process.argv.slice(2);
	const all = { ...program, commands: [...program.commands, completionEntry(program.name)] };
	listen('SIGINT', 'Interrupted.', exitCodes.interrupted);
	listen('SIGTERM', 'Terminated.', 143);
	listen('SIGHUP', 'The terminal was closed.', hangUp);
	for (const stream of [process.stdout, process.stderr]) stream.on('error', lostOutput);
	try {
		await run(all, argv);
		interrupted.signal.throwIfAborted();
	} catch (error) {
		const isReported = error instanceof UserError && error.exitCode === interrupted.signal.reason?.exitCode;
		const failure = systemError(error) ?? error;
		const unexplained = interrupted.signal.aborted && (!isReported || error === interrupted.signal.reason);
		const reason = unexplained ? withInterruptedHint(interrupted.signal.reason) : failure;
		const verbose = argv.includes('--verbose');
		if (!(reason instanceof Answer))
			process.stderr.write(`${sanitize(explain(program.name, reason, verbose))}\n`);
		process.exitCode = reason instanceof UserError || reason instanceof Answer ? reason.exitCode : 70;
		if (interrupted.signal.reason?.exitCode === hangUp) endWithTerminal();
	}
}

/**
 * The first signal asks for an orderly end, a second one ends at once. The listener stays after the first:
 * without one, execa's own, which is there while a child runs, would end the program without a message.
 */
function listen(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', message: string, exitCode: number): void {
	process.on(signal, () => {
		// Shell and kernel both send SIGHUP when a terminal is closed: its second one is no second wish.
		if (interrupted.signal.aborted) return signal === 'SIGHUP' ? undefined : process.exit(exitCode);
		interrupted.abort(new UserError(message, { exitCode, code: 'interrupted' }));
	});
}

/** Node.js sets the terminal back when it exits, and aborts where there is none any more: the signal ends it before. */
function endWithTerminal(): void {
	if (![process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)) return;
	process.removeAllListeners('SIGHUP');
	process.kill(process.pid, 'SIGHUP');
}

/** The interruption with what the operator can do about it, as it is when all is undone. */
function withInterruptedHint(reason: UserError): UserError {
	const hint = interruptedHint?.(requestSent()) ?? '';
	const { message, exitCode, code = 'interrupted' } = reason;
	return new UserError(message, { exitCode, code, ...(hint === '' ? {} : { hint }) });
}

/** Nobody may read what is printed, as after `| head` or with the terminal closed: that ends no operation. */
function lostOutput(this: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
	if (/^(EPIPE|EIO|ERR_STREAM_DESTROYED)$/.test(error.code ?? '')) return;
	process.exitCode = exitCodes.failed;
	if (this === process.stdout)
		process.stderr.write(`The output is incomplete: ${systemError(error)?.message ?? error.message}\n`);
}
