import { setTimeout as pause } from 'node:timers/promises';
import { UserError, usageError } from './errors.ts';
import { interrupted } from './interrupt.ts';
import { sanitize } from './sanitize.ts';

/** Options for running another program. */
export interface RunOptions {
	/** Variables added to the environment. */
	readonly env?: NodeJS.ProcessEnv;
	/** Folder to run in. */
	readonly cwd?: string;
	/** Text for its standard input, such as a secret. */
	readonly input?: string;
	/** An open file for its standard input, by its descriptor. */
	readonly stdin?: number;
	/** Further open files, by their descriptors here: the program has them as 3, 4 and so on. */
	readonly files?: readonly number[];
	/** The Debian package of the program, for the message when it is not installed. */
	readonly package?: string;
	/** Timeout in milliseconds, after which it is killed; by default there is none. */
	readonly timeout?: number;
	/** Ignore Ctrl-C, for cleanup. */
	readonly uninterrupted?: boolean;
}

/** Another program failed: `status` is its exit code, `stderr` its output. */
export class CommandError extends UserError {
	override name = 'CommandError';
	readonly stderr: string;
	readonly status: number | undefined;

	/** @param details  replaces the message with the command and its output */
	constructor(
		command: string,
		code: number | undefined,
		stderr: string,
		details: { message?: string; code?: string; hint?: string } = {},
	) {
		const output = stderr.trim();
		const { message, ...more } = details;
		super(
			message ??
				`\`${command}\` failed${code === undefined ? '' : ` (exit ${code})`}${output === '' ? '' : `:\n${output}`}`,
			more,
		);
		this.stderr = output;
		this.status = code;
	}
}

/** A program was killed after its timeout. */
export class TimeoutError extends CommandError {
	override name = 'TimeoutError';
}

let verbose = false;

/** Loaded on demand, because loading takes longer than many commands that start no program. */
const loadExeca = () => import('execa');

/** Whether to print every command on stderr before it runs. */
export function showCommands(show: boolean): void {
	verbose = show;
}

/** Prints a command on stderr with --verbose. */
export function showCommand(args: readonly string[]): void {
	if (verbose) process.stderr.write(`+ ${sanitize(args.join(' '))}\n`);
}

/** The proxy variables of the environment in lower case, which all programs support. */
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
	let timer: NodeJS.Timeout | undefined;
	let timedOut = false;
	let end = () => {};
	try {
		const child = execa(command, args, {
			// Any descriptor works; the types of execa only allow the first ten.
			stdio: [
				options.input === undefined ? ((options.stdin as 3 | undefined) ?? 'ignore') : 'pipe',
				'pipe',
				'pipe',
				...((options.files ?? []) as 3[]),
			],
			...(options.input === undefined ? {} : { input: options.input }),
			...(options.cwd === undefined ? {} : { cwd: options.cwd }),
			env: { ...proxyVariables(), ...options.env },
			// A separate process group, to kill child processes too: they would keep the output open.
			detached: timeout !== undefined,
			maxBuffer: 256 * 1024 * 1024,
			...(options.uninterrupted === true ? {} : { cancelSignal: interrupted.signal }),
		});
		showCommand(child.spawnargs);
		if (timeout !== undefined) {
			end = () => void endGroup(child.pid, 1000);
			if (options.uninterrupted !== true) interrupted.signal.addEventListener('abort', end, { once: true });
			timer = setTimeout(() => {
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
		clearTimeout(timer);
		interrupted.signal.removeEventListener('abort', end);
	}
}

/**
 * Runs a long program and passes each line of its output, of both streams, to `onLine`. It runs in a separate process
 * group, so that an interruption also ends its child processes.
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
 * Terminates a process group, and kills it after a timeout.
 *
 * @param timeout  milliseconds until it is killed
 */
async function endGroup(leader: number | undefined, timeout = 30_000): Promise<void> {
	if (leader === undefined) return;
	const send = (signal: NodeJS.Signals | 0) => {
		try {
			return process.kill(-leader, signal);
		} catch {
			return false; // no process is left
		}
	};
	send('SIGTERM');
	for (let waited = 0; send(0); waited += 100) {
		if (waited === timeout) send('SIGKILL');
		await pause(100);
	}
}

function missing(command: string, debianPackage: string | undefined): UserError {
	return usageError(
		`The program \`${command}\` is not installed.`,
		debianPackage === undefined ? undefined : `On Debian: apt-get install ${debianPackage}`,
	);
}
