import { existsSync } from 'node:fs';
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { makeFolder } from '../../base/folders.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from './directory.ts';

/** Whether the process that wrote the lock still runs; one on another machine is taken to run. */
function isHeld(content: string): boolean {
	const [pid, host] = content.trim().split(' ');
	if (host !== hostname()) return true;
	try {
		return process.kill(Number(pid), 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as another user
	}
}

/** Milliseconds between two tries to get a lock that another process holds. */
const interval = 1000;

/** Creates the lock; `undefined` when that worked, else what the lock of another process contains. */
async function tryToTake(file: string): Promise<string | undefined> {
	for (let left = 2; ; left--) {
		try {
			return void (await writeFile(file, `${process.pid} ${hostname()}\n`, { flag: 'wx' }));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
		}
		const content = await readFile(file, 'utf8').catch(() => '');
		if (left === 1 || content === '' || isHeld(content)) return content.trim();
		await rm(file, { force: true });
	}
}

/** Waits until no other process has the lock, and says once that it waits. */
async function take(file: string, directory: StackDirectory): Promise<void> {
	for (let tries = 0; ; tries++) {
		const holder = await tryToTake(file);
		if (holder === undefined) return;
		if (tries === 0) {
			say(
				`Waiting for another kstack that changes ${directory.path} (process ${holder || 'unknown'}). If it is no longer running, delete ${file}`,
			);
		}
		await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
}

/**
 * Does something while no other kstack changes the stack directory or its cluster: waits until another has finished.
 * A lock that a killed process left is taken over. A directory that was made for the lock alone is removed.
 */
export async function withLock<Result>(
	directory: StackDirectory,
	use: () => Promise<Result>,
): Promise<Result> {
	const made = !existsSync(directory.path);
	await makeFolder(directory.path);
	const file = path.join(directory.path, '.kstack.lock');
	await take(file, directory);
	try {
		return await use();
	} finally {
		await rm(file, { force: true });
		if (made) await rmdir(directory.path).catch(() => undefined); // it has files now
	}
}
