// Programs of a node that run without end, started and watched by a test.
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

export interface Running {
	/** Its output so far, of stdout and stderr. */
	output(): string;
	/** Its exit code, once it has ended; undefined if it was killed. */
	readonly ended: Promise<number | undefined>;
	/** Kills it with all its child processes. */
	stop(): Promise<void>;
}

/** Starts a program of the node below `root`; it is killed when the test ends. */
export async function inBackground(
	t: ExecutionContext,
	root: string,
	program: string,
	env: Readonly<Record<string, string>>,
): Promise<Running> {
	const file = path.join(root, 'usr/local/sbin', program);
	const child = spawn(file, { detached: true, env: { ...process.env, ...env } });
	let output = '';
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding('utf8').on('data', (text: string) => {
			output += text;
		});
	child.stdin.end();
	const ended = new Promise<number | undefined>((resolve) => {
		child.on('close', (code) => resolve(code ?? undefined));
	});
	const stop = async () => {
		try {
			process.kill(-(child.pid as number), 'SIGKILL');
		} catch {} // it had ended by itself
		await ended;
	};
	t.teardown(stop);
	return { output: () => output, ended, stop };
}

/** Waits until the condition holds. After a minute the test fails, with the program's output. */
export async function until(
	running: Running,
	condition: () => boolean | Promise<boolean>,
	what: string,
): Promise<void> {
	const end = Date.now() + 60_000;
	while (!(await condition())) {
		if (Date.now() > end) throw new Error(`timed out waiting until ${what}; output:\n${running.output()}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
