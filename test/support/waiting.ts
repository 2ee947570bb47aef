// Programs of a node that run for ever, and what they do while a test looks on.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

export interface Running {
	/** What it has said so far, on both channels. */
	said(): string;
	/** How it ended, once it has. */
	readonly ended: Promise<number | undefined>;
	/** Ends it with everything that it has started. */
	stop(): Promise<void>;
}

/** Starts a program of the node below `root`, changed by `change`, until the test's end. */
export async function inBackground(
	t: ExecutionContext,
	root: string,
	program: string,
	env: Readonly<Record<string, string>>,
	change: (text: string) => string = (text) => text,
): Promise<Running> {
	const file = path.join(root, 'usr/local/sbin', program);
	await writeFile(file, change(await readFile(file, 'utf8')));
	const child = spawn('bash', [file], { detached: true, env: { ...process.env, ...env } });
	let said = '';
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding('utf8').on('data', (text: string) => {
			said += text;
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
	return { said: () => said, ended, stop };
}

/** Waits until the condition holds; a program that never gets there fails the test with its words. */
export async function until(
	running: Running,
	condition: () => boolean | Promise<boolean>,
	what: string,
): Promise<void> {
	const end = Date.now() + 60_000;
	while (!(await condition())) {
		if (Date.now() > end) throw new Error(`waited in vain until ${what}; it said:\n${running.said()}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}
