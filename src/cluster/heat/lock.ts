import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import type { StackDirectory } from './directory.ts';

/** Whether the process that wrote the lock still runs; one on another machine is taken to run. */
function isHeld(content: string): boolean {
	const [pid, host] = content.trim().split(' ');
	if (host !== hostname()) return true;
	try {
		return process.kill(Number(pid), 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as somebody else
	}
}

async function take(file: string, directory: StackDirectory): Promise<void> {
	for (let left = 2; ; left--) {
		try {
			return await writeFile(file, `${process.pid} ${hostname()}\n`, { flag: 'wx' });
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
		}
		const content = await readFile(file, 'utf8').catch(() => '');
		if (left > 1 && content !== '' && !isHeld(content)) {
			await rm(file, { force: true });
			continue;
		}
		throw new UserError(
			`Another kstack writes to ${directory.path} (process ${content.trim() || 'unknown'}).`,
			{
				code: 'directory-locked',
				hint: `Wait until it has finished. If it is no longer running, delete ${file}.`,
			},
		);
	}
}

/**
 * Does something while no other `create` or `render` may write to the stack directory. A lock that a killed
 * process left is taken over. A directory that was made for the lock alone is removed.
 *
 * @throws UserError `directory-locked` when another process has the lock
 */
export async function withLock<Result>(
	directory: StackDirectory,
	use: () => Promise<Result>,
): Promise<Result> {
	const made = !existsSync(directory.path);
	await mkdir(directory.path, { recursive: true });
	const file = path.join(directory.path, '.kstack.lock');
	await take(file, directory);
	try {
		return await use();
	} finally {
		await rm(file, { force: true });
		if (made) await rmdir(directory.path).catch(() => undefined); // it has files now
	}
}
