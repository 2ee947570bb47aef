import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runnable } from './runnable.ts';

/** Exit code and output of a program. */
export interface Ended {
	/** Exit code; `undefined` if a signal has killed the program. */
	readonly code: number | undefined;
	readonly stdout: string;
	readonly stderr: string;
}

export interface HowToRun {
	readonly cwd?: string;
	readonly env?: NodeJS.ProcessEnv;
	readonly input?: string | Buffer;
	/** Called with the process ID. */
	readonly onStart?: (pid: number) => void;
	/** Called with what the program has written to stderr so far, and its process ID. */
	readonly onStderr?: (text: string, pid: number) => void;
}

/** Only Debian's programs, without those of version managers. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs a program; any exit code is accepted. */
export function runToEnd(command: string, args: readonly string[], how: HowToRun = {}): Promise<Ended> {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, {
			cwd: how.cwd,
			env: { ...process.env, PATH: systemPath, ...how.env },
		});
		if (child.pid !== undefined) how.onStart?.(child.pid);
		let stdout = '';
		let stderr = '';
		child.stdout.setEncoding('utf8').on('data', (text: string) => {
			stdout += text;
		});
		child.stderr.setEncoding('utf8').on('data', (text: string) => {
			stderr += text;
			how.onStderr?.(stderr, child.pid as number);
		});
		child.on('error', reject);
		child.on('close', (code) => resolve({ code: code ?? undefined, stdout, stderr }));
		child.stdin.on('error', () => {}); // a program that reads nothing closes it
		child.stdin.end(how.input ?? '');
	});
}

/** Standard output of a program that must succeed. */
export async function output(command: string, args: readonly string[], how: HowToRun = {}): Promise<string> {
	const ended = await runToEnd(command, args, how);
	if (ended.code === 0) return ended.stdout;
	throw new Error(`${command} ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
}

/**
 * The path of one of the tools that judge what we generate. A missing one fails the test: a check that
 * is skipped in silence is none.
 */
export function tool(name: string, debianPackage: string): string {
	const found = systemPath
		.split(':')
		.map((folder) => path.join(folder, name))
		.find(existsSync);
	if (found === undefined) throw new Error(`These tests need \`${name}\`: apt-get install ${debianPackage}`);
	return found;
}

/** How many programs run at once: AVA starts all tests of a file at once, which would need too much memory. */
const atOnce = 4;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a TypeScript program of ours from its source, with `options` for Node itself. */
export async function runSource(
	file: string,
	args: readonly string[],
	how: HowToRun = {},
	...options: string[]
): Promise<Ended> {
	const program = runnable(file);
	if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
	running++;
	try {
		return await runToEnd(process.execPath, [...options, program, ...args], how);
	} finally {
		running--;
		waiting.shift()?.();
	}
}

/** Runs `kstack` from its source. */
export const kstack = (args: readonly string[], how: HowToRun = {}) => runSource('src/kstack.ts', args, how);
