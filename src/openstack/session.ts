import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { interrupted } from '../base/interrupt.ts';
import { proxyVariables, showCommand } from '../base/run.ts';
import { ClientTimeout } from './failure.ts';
import { clientTimeout } from './timeout.ts';

/** What the client said to one question. */
export interface Said {
	readonly stdout: string;
	readonly stderr: string;
}

/** A question that the client answers at once and without a cloud: its answer tells where the one before ends. */
const fullStop = 'command list --group openstack.cli -f json';
const fullStopAnswer = /\[\s*\{\s*"Command Group": "openstack\.cli"[^\]]*\][^\]]*\]\s*$/;

/** Words that need no quoting in the client's own shell, which has rules of its own for that. */
const plain = /^[\w.:,=/+-]+$/;

/**
 * One process of the `openstack` client that answers one question after the other: that is what the client does
 * when it is started without words. To start it takes two seconds of a processor, a question a tenth of one.
 * It ends with the process that started it.
 */
export class Session {
	#child: ChildProcessWithoutNullStreams | undefined;
	#over = false;
	#turn: Promise<unknown> = Promise.resolve();
	readonly #env: NodeJS.ProcessEnv;

	/** @param env  variables for the client beside those of this process */
	constructor(env: NodeJS.ProcessEnv = {}) {
		this.#env = env;
	}

	/**
	 * Asks a question, after those before it have been answered.
	 *
	 * @returns `undefined` where this client or these words allow no session: then the client is to be run for them
	 */
	ask(words: readonly string[]): Promise<Said | undefined> {
		const answer = this.#turn.then(() => this.#ask(words));
		this.#turn = answer.catch(() => undefined);
		return answer;
	}

	async #ask(words: readonly string[]): Promise<Said | undefined> {
		interrupted.signal.throwIfAborted();
		if (this.#over || !words.every((word) => plain.test(word))) return undefined;
		this.#child ??= this.#start();
		hold(this.#child, true);
		try {
			showCommand(['openstack', ...words]);
			return await answerOf(this.#child, words);
		} finally {
			hold(this.#child, false);
		}
	}

	#start(): ChildProcessWithoutNullStreams {
		const env = { ...process.env, ...proxyVariables(), ...this.#env, PYTHONUNBUFFERED: '1' };
		// A group of its own: Ctrl-C is for us, and ends it through the signal.
		const child = spawn('openstack', [], { env, detached: true, signal: interrupted.signal });
		const end = () => {
			this.#over = true;
		};
		child.on('error', end).on('close', end);
		child.stdin.on('error', end);
		child.stdout.setEncoding('utf8');
		child.stderr.setEncoding('utf8');
		return child;
	}
}

/** Whether this process stays for what the client still has to say. */
function hold(child: ChildProcessWithoutNullStreams, held: boolean): void {
	const handles = [child, child.stdin, child.stdout, child.stderr] as unknown as {
		ref(): void;
		unref(): void;
	}[];
	for (const handle of handles) held ? handle.ref() : handle.unref();
}

/** Kills the client and what it has started. */
function endGroup({ pid }: ChildProcessWithoutNullStreams): void {
	try {
		if (pid !== undefined) process.kill(-pid, 'SIGKILL');
	} catch {
		// It has ended by itself.
	}
}

/** Hands over one question, and collects what comes until the full stop. */
function answerOf(
	child: ChildProcessWithoutNullStreams,
	words: readonly string[],
): Promise<Said | undefined> {
	return new Promise((resolve, reject) => {
		const said = { stdout: '', stderr: '' };
		const patience = clientTimeout();
		let late = false;
		const limit = setTimeout(() => {
			late = true;
			endGroup(child);
			done(undefined);
		}, patience);

		function done(answer: Said | undefined): void {
			clearTimeout(limit);
			child.off('close', broken).off('error', broken);
			child.stdout.off('data', read);
			child.stderr.off('data', readError);
			if (interrupted.signal.aborted) reject(interrupted.signal.reason);
			else if (late) reject(new ClientTimeout(words));
			else resolve(answer);
		}
		const broken = () => done(undefined);
		const readError = (data: string) => {
			said.stderr += data;
		};
		const read = (data: string) => {
			said.stdout += data;
			const end = fullStopAnswer.exec(said.stdout);
			if (end === null) return;
			// Once only: the line's end may come by itself, when the next question is asked already.
			child.stdout.off('data', read);
			const stdout = said.stdout.slice(0, end.index);
			// What came on the other stream before it may wait to be read until the next round.
			setImmediate(() => setImmediate(() => done({ stdout, stderr: said.stderr })));
		};
		child.on('close', broken).on('error', broken);
		child.stderr.on('data', readError);
		child.stdout.on('data', read);
		child.stdin.write(`${words.join(' ')}\n${fullStop}\n`);
	});
}
