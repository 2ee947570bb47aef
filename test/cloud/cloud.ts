import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package.ts';

const start = promisify(execFile);

/** The folder of the repository. */
export const root = packageRoot;

/** The output and exit code of a program. */
export interface Ended {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs a program; any exit code is accepted. */
export async function attempt(command: string, args: readonly string[], cwd?: string): Promise<Ended> {
	try {
		const { stdout, stderr } = await start(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
		return { code: 0, stdout, stderr };
	} catch (error) {
		const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
		if (typeof code !== 'number') throw error;
		return { code, stdout, stderr };
	}
}

/** Runs a program that must succeed, and returns its output. */
export async function succeed(command: string, args: readonly string[], cwd?: string): Promise<string> {
	const { code, stdout, stderr } = await attempt(command, args, cwd);
	if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}\n${stdout}\n${stderr}`);
	return stdout;
}

/** The folder of stack directories, in the state folder of the cloud. */
export const clusters = path.join(process.env.KSTACK_DEVCLOUD ?? '/var/lib/kstack-devcloud', 'clusters');

export const kubectl = (...args: string[]) => succeed('kubectl', args);

export const kstack = (...args: string[]) => succeed('kstack', args, clusters);

export const openstack = (...args: string[]) => succeed('openstack', args);

/** The JSON output of the client as a value. */
export async function ask<Answer>(...args: string[]): Promise<Answer> {
	return JSON.parse(await openstack(...args, '-f', 'json')) as Answer;
}

/** Runs a command inside a node. */
export const inNode = (node: string, ...command: string[]) =>
	attempt(path.join(root, 'scripts/devcloud'), ['exec', node, ...command]);

/** Retries until it succeeds, and fails with the last error after this number of attempts, a second apart. */
export async function eventually<Result>(tries: number, what: () => Promise<Result>): Promise<Result> {
	for (let left = tries; ; left--) {
		try {
			return await what();
		} catch (error) {
			if (left <= 1) throw error;
			await new Promise((resolve) => setTimeout(resolve, 1000));
		}
	}
}

/** Names of the nodes that are Ready, sorted. */
export async function readyNodes(): Promise<string[]> {
	const lines = (await kubectl('get', 'nodes', '--no-headers')).trim().split('\n');
	return lines
		.map((line) => line.split(/\s+/))
		.filter(([, state]) => state === 'Ready')
		.map(([name]) => name as string)
		.sort();
}

/** Runs `use` with an empty folder, which is deleted afterwards. */
export async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
	const folder = await mkdtemp(path.join(tmpdir(), 'kstack-test-'));
	try {
		return await use(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** Runs kstack in a folder of its own with this command line. */
type Kstack = (commandLine: string) => Promise<Ended>;

/** Runs `use` while no cluster has this name, and deletes the cluster of this name afterwards. */
export async function withCluster(name: string, use: (kstack: Kstack, folder: string) => Promise<void>) {
	await withFolder(async (folder) => {
		const run: Kstack = (commandLine) => attempt('kstack', commandLine.split(' '), folder);
		await run(`delete ${name} --yes`); // of a run that was killed
		try {
			await use(run, folder);
		} finally {
			await run(`delete ${name} --yes`);
		}
	});
}
