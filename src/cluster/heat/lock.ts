import { statSync } from 'node:fs';
import { readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { usageError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from './directory.ts';

/** The file that is the lock of a stack directory. */
export const lockOf = (directory: StackDirectory) => path.join(directory.path, '.kstack.lock');

/** The content of a lock of this process. */
const own = `${process.pid} ${hostname()}`;

/** The locks that this process holds or tries to take. */
const held = new Set<string>();

/** Whether the process that wrote the lock still runs; one on another machine is assumed to run. */
function isHeld(content: string): boolean {
	// In a container, a killed kstack often had the same process ID as this one, which has its own locks in `held`.
	if (content === own) return false;
	const [pid, host] = content.split(' ');
	if (host !== hostname()) return true;
	try {
		return process.kill(Number(pid), 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as another user
	}
}

/** Milliseconds between two attempts to take a lock that another process holds. */
const interval = 1000;

/** Milliseconds after which a takeover file is stale: its process was killed. */
const takeoverLimit = 10_000;

const contentOf = async (file: string) => (await readFile(file, 'utf8').catch(() => '')).trim();

/** Creates a file; `false` when it exists. */
async function create(file: string, text: string): Promise<boolean> {
	try {
		await writeFile(file, text, { flag: 'wx' });
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
		throw error;
	}
}

/**
 * Removes the lock of a process that no longer runs. Only one process at a time does so, and it reads the lock again:
 * another process may have replaced it since.
 */
async function removeStale(file: string): Promise<void> {
	const mark = `${file}.takeover`;
	if (!(await create(mark, own))) {
		const { mtimeMs } = await stat(mark).catch(() => ({ mtimeMs: Date.now() }));
		if (Date.now() - mtimeMs > takeoverLimit) await rm(mark, { force: true });
		return;
	}
	try {
		const content = await contentOf(file);
		if (content !== '' && !isHeld(content)) await rm(file, { force: true });
	} finally {
		await rm(mark, { force: true });
	}
}

/** Creates the lock; returns `undefined` on success, otherwise the content of the existing lock. */
async function tryToTake(file: string): Promise<string | undefined> {
	const key = path.resolve(file);
	if (held.has(key)) return own;
	held.add(key);
	let taken = false;
	try {
		for (let left = 2; ; left--) {
			taken = await create(file, `${own}\n`);
			if (taken) return undefined;
			const content = await contentOf(file);
			if (left === 1 || content === '' || isHeld(content)) return content;
			await removeStale(file);
		}
	} finally {
		if (!taken) held.delete(key);
	}
}

/** Deletes the lock, unless the operator has deleted it and another process has taken it. */
async function release(file: string): Promise<void> {
	if ((await contentOf(file)) === own) await rm(file, { force: true });
	held.delete(path.resolve(file));
}

/** Takes the lock. Waits while another process has it, and prints one message about that. */
async function take(file: string, directory: StackDirectory): Promise<void> {
	for (let tries = 0; ; tries++) {
		const holder = await tryToTake(file);
		if (holder === undefined) return;
		if (tries === 0) {
			const [pid, host] = holder.split(' ');
			const who = pid ? `process ${pid} on ${host}` : 'process unknown';
			const end = pid ? ` To end it: Ctrl-C there, or kill ${pid}.` : '';
			say(
				`Waiting for another kstack that changes ${directory.path} (${who}).${end} Only if it no longer runs, delete ${file}`,
			);
		}
		await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
}

/**
 * Calls `use` while no other kstack changes the stack directory or its cluster; waits until another one has finished.
 * The lock of a killed process is taken over. A directory that was created only for the lock is removed.
 */
export async function withLock<Result>(
	directory: StackDirectory,
	use: () => Promise<Result>,
): Promise<Result> {
	const present = statSync(directory.path, { throwIfNoEntry: false });
	if (present?.isDirectory() === false)
		throw usageError(`${directory.path} is a file, not a folder.`, 'Move it away, or use another name.');
	const made = present === undefined;
	await makeFolder(directory.path);
	const file = lockOf(directory);
	await take(file, directory);
	try {
		return await use();
	} finally {
		await release(file);
		if (made) await rmdir(directory.path).catch(() => undefined); // it has files now
	}
}
