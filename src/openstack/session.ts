import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { interrupted } from '../base/interrupt.ts';
import { proxyVariables, showCommand } from '../base/run.ts';
import { ClientTimeout } from './failure.ts';
import { clientTimeout } from './timeout.ts';

/** The output of the client for one command. */
export interface ClientOutput {
	readonly stdout: string;
	readonly stderr: string;
}

/** A command that needs no cloud: its output marks the end of the output of the previous command. */
const endCommand = 'command list --group openstack.cli -f json';
const endOutput = /\[\s*\{\s*"Command Group": "openstack\.cli"[^\]]*\][^\]]*\]\s*$/;

/** Arguments that need no quoting in the interactive client, whose quoting rules differ from those of a shell. */
const plain = /^[\w.:,=/+-]+$/;

/**
 * One interactive process of the `openstack` client that runs one command after the other. Starting the client takes two
 * seconds of CPU time, a command a tenth of one. It ends with the process that started it.
 */
export class Session {
	#child: ChildProcessWithoutNullStreams | undefined;
	#ended = false;
	#previous: Promise<unknown> = Promise.resolve();
	readonly #env: NodeJS.ProcessEnv;

	/** @param env  environment variables for the client, in addition to those of this process */
	constructor(env: NodeJS.ProcessEnv = {}) {
		this.#env = env;
	}

	/**
	 * Runs a command after the previous ones have ended.
	 *
	 * @returns `undefined` if the session cannot run it, because the client has ended or an argument needs quoting
	 */
	run(args: readonly string[]): Promise<ClientOutput | undefined> {
		const answer = this.#previous.then(() => this.#run(args));
		this.#previous = answer.catch(() => undefined);
		return answer;
	}

	async #run(args: readonly string[]): Promise<ClientOutput | undefined> {
		interrupted.signal.throwIfAborted();
		if (this.#ended || !args.every((word) => plain.test(word))) return undefined;
		this.#child ??= this.#start();
		setReferenced(this.#child, true);
		try {
			showCommand(['openstack', ...args]);
			return await runCommand(this.#child, args);
		} finally {
			setReferenced(this.#child, false);
		}
	}

	#start(): ChildProcessWithoutNullStreams {
		const env = { ...process.env, ...proxyVariables(), ...this.#env, PYTHONUNBUFFERED: '1' };
		// A separate process group, because Ctrl-C must only reach this process, which ends the client through the signal.
		const child = spawn('openstack', [], { env, detached: true, signal: interrupted.signal });
		const end = () => {
			this.#ended = true;
		};
		child.on('error', end).on('close', end);
		child.stdin.on('error', end);
		child.stdout.setEncoding('utf8');
		child.stderr.setEncoding('utf8');
		return child;
	}
}

/** Whether the client keeps the event loop of this process running. */
function setReferenced(child: ChildProcessWithoutNullStreams, held: boolean): void {
	const handles = [child, child.stdin, child.stdout, child.stderr] as unknown as {
		ref(): void;
		unref(): void;
	}[];
	for (const handle of handles) held ? handle.ref() : handle.unref();
}

/** Kills the client and its child processes. */
function killGroup({ pid }: ChildProcessWithoutNullStreams): void {
	try {
		if (pid !== undefined) process.kill(-pid, 'SIGKILL');
	} catch {
		// It has ended by itself.
	}
}

/** Sends one command, and collects the output until the end mark. */
function runCommand(
	child: ChildProcessWithoutNullStreams,
	args: readonly string[],
): Promise<ClientOutput | undefined> {
	return new Promise((resolve, reject) => {
		const output = { stdout: '', stderr: '' };
		const timeout = clientTimeout();
		let timedOut = false;
		const timer = setTimeout(() => {
			timedOut = true;
			killGroup(child);
			done(undefined);
		}, timeout);

		function done(answer: ClientOutput | undefined): void {
			clearTimeout(timer);
			child.off('close', ended).off('error', ended);
			child.stdout.off('data', read);
			child.stderr.off('data', readError);
			if (interrupted.signal.aborted) reject(interrupted.signal.reason);
			else if (timedOut) reject(new ClientTimeout(args));
			else resolve(answer);
		}
		const ended = () => done(undefined);
		const readError = (data: string) => {
			output.stderr += data;
		};
		const read = (data: string) => {
			output.stdout += data;
			const end = endOutput.exec(output.stdout);
			if (end === null) return;
			// Only once: the last newline may arrive separately, after the next command was sent.
			child.stdout.off('data', read);
			const stdout = output.stdout.slice(0, end.index);
			// Earlier output on stderr may only be readable in the next iteration of the event loop.
			setImmediate(() => setImmediate(() => done({ stdout, stderr: output.stderr })));
		};
		child.on('close', ended).on('error', ended);
		child.stderr.on('data', readError);
		child.stdout.on('data', read);
		child.stdin.write(`${args.join(' ')}\n${endCommand}\n`);
	});
}
