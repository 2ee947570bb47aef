import { setTimeout as pause } from 'node:timers/promises';
import { UserError, usageError } from './errors.ts';
import { interrupted } from './interrupt.ts';

/** How another program is run. */
export interface RunOptions {
	/** Variables added to the environment. */
	readonly env?: NodeJS.ProcessEnv;
	/** Folder to run in. */
	readonly cwd?: string;
	/** Text for its standard input: the way to hand it a secret. */
	readonly input?: string;
	/** An open file for its standard input, by its descriptor. */
	readonly stdin?: number;
	/** Further open files, by their descriptors here: the program has them as 3, 4 and so on. */
	readonly files?: readonly number[];
	/** The Debian package that holds the program, named when it is missing. */
	readonly package?: string;
	/** Milliseconds after which it is killed, and has failed; without it, it may run for ever. */
	readonly timeout?: number;
	/** Runs to its end even when the operator interrupts: for what clears up. */
	readonly uninterrupted?: boolean;
}

/** Another program ended with a failure: `status` is its exit code, `stderr` what it said. */
export class CommandError extends UserError {
	override name = 'CommandError';
	readonly stderr: string;
	readonly status: number | undefined;

	/** @param words  what is told in place of the command and its output */
	constructor(
		command: string,
		code: number | undefined,
		stderr: string,
		words: { message?: string; code?: string; hint?: string } = {},
	) {
		const said = stderr.trim();
		const { message, ...more } = words;
		super(
			message ??
				`\`${command}\` failed${code === undefined ? '' : ` (exit ${code})`}${said === '' ? '' : `:\n${said}`}`,
			more,
		);
		this.stderr = said;
		this.status = code;
	}
}

/** A program was killed because it did not end in time. */
export class TimeoutError extends CommandError {
	override name = 'TimeoutError';
}

let verbose = false;

/** Loading it takes longer than many a command of ours that starts no program. */
const loadExeca = () => import('execa');

/** With `true`, every command is shown on stderr before it runs. */
export function showCommands(show: boolean): void {
	verbose = show;
}

/** Shows a command on stderr, where the operator wants to see them. */
export function showCommand(words: readonly string[]): void {
	if (verbose) process.stderr.write(`+ ${words.join(' ')}\n`);
}

/** The proxies of the environment, in the spelling that all programs read: some know only this one. */
export function proxyVariables(): NodeJS.ProcessEnv {
	const names = ['http_proxy', 'https_proxy', 'no_proxy'];
	const set = names.map((name) => [name, process.env[name] ?? process.env[name.toUpperCase()]] as const);
	return Object.fromEntries(set.filter(([, value]) => value !== undefined));
}

/**
 * Runs a program to its end and returns its standard output.
 *
 * @throws UserError exit code 2 when the program is not installed
 * @throws CommandError when it fails
 */
export async function run(
	command: string,
	args: readonly string[],
	options: RunOptions = {},
): Promise<string> {
	const { execa, ExecaError } = await loadExeca();
	const { timeout } = options;
	let late: NodeJS.Timeout | undefined;
	let timedOut = false;
	let end = () => {};
	try {
		const child = execa(command, args, {
			// Any descriptor will do; execa's types know the first ten.
			stdio: [
				options.input === undefined ? ((options.stdin as 3 | undefined) ?? 'ignore') : 'pipe',
				'pipe',
				'pipe',
				...((options.files ?? []) as 3[]),
			],
			...(options.input === undefined ? {} : { input: options.input }),
			...(options.cwd === undefined ? {} : { cwd: options.cwd }),
			env: { ...proxyVariables(), ...options.env },
			// A group of its own, which ends as a whole: what the program has started would keep its output open.
			detached: timeout !== undefined,
			maxBuffer: 256 * 1024 * 1024,
			...(options.uninterrupted === true ? {} : { cancelSignal: interrupted.signal }),
		});
		showCommand(child.spawnargs);
		if (timeout !== undefined) {
			end = () => void endGroup(child.pid, 1000);
			if (options.uninterrupted !== true) interrupted.signal.addEventListener('abort', end, { once: true });
			late = setTimeout(() => {
				timedOut = true;
				end();
			}, timeout);
		}
		return (await child).stdout;
	} catch (error) {
		if (options.uninterrupted !== true) interrupted.signal.throwIfAborted();
		if (!(error instanceof ExecaError)) throw error;
		if (error.code === 'ENOENT') throw missing(command, options.package);
		if (timedOut) {
			const said = `No answer within ${(timeout ?? 0) / 1000} s.`;
			throw new TimeoutError(error.escapedCommand, undefined, said);
		}
		throw new CommandError(error.escapedCommand, error.exitCode, String(error.stderr ?? error.shortMessage));
	} finally {
		clearTimeout(late);
		interrupted.signal.removeEventListener('abort', end);
	}
}

/**
 * Runs a long program and hands on each line that it prints, on either stream, as it comes.
 * It gets a process group of its own, which an interruption ends as a whole: what the program has
 * started in turn does not outlive it.
 *
 * @throws UserError exit code 2 when the program is not installed
 * @throws CommandError when it fails
 */
export async function follow(
	command: string,
	args: readonly string[],
	onLine: (line: string) => void,
	options: Pick<RunOptions, 'env' | 'cwd' | 'package'> = {},
): Promise<void> {
	const { execa } = await loadExeca();
	interrupted.signal.throwIfAborted();
	const child = execa(command, args, {
		stdin: 'ignore',
		all: true,
		buffer: false,
		detached: true,
		reject: false,
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
		env: { ...proxyVariables(), ...options.env },
	});
	showCommand(child.spawnargs);
	let ended: Promise<void> | undefined;
	const end = () => {
		ended = endGroup(child.pid);
	};
	interrupted.signal.addEventListener('abort', end, { once: true });
	try {
		for await (const line of child.iterable({ from: 'all' })) onLine(line);
		const result = await child;
		await ended;
		interrupted.signal.throwIfAborted();
		if (result.code === 'ENOENT') throw missing(command, options.package);
		if (result.failed) throw new CommandError(result.escapedCommand, result.exitCode, '');
	} finally {
		interrupted.signal.removeEventListener('abort', end);
	}
}

/**
 * Ends a process group and waits until it is gone: asks first, and kills it later.
 *
 * @param patience  milliseconds until it is killed
 */
async function endGroup(leader: number | undefined, patience = 30_000): Promise<void> {
	if (leader === undefined) return;
	const send = (signal: NodeJS.Signals | 0) => {
		try {
			return process.kill(-leader, signal);
		} catch {
			return false; // none of it is left
		}
	};
	send('SIGTERM');
	for (let waited = 0; send(0); waited += 100) {
		if (waited === patience) send('SIGKILL');
		await pause(100);
	}
}

function missing(command: string, debianPackage: string | undefined): UserError {
	return usageError(
		`The program \`${command}\` is not installed.`,
		debianPackage === undefined ? undefined : `On Debian: apt-get install ${debianPackage}`,
	);
}
