import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { usageError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { run } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { mountsIn } from './mounts.ts';

/** The cache folder: downloads, base systems, Kubernetes. */
export function cacheFolder(): string {
	const base = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
	return process.env.KSTACK_CACHE ?? path.join(base, 'kstack');
}

/** The folder for downloads from upstream, by checksum. */
export function downloadsFolder(): string {
	return path.join(cacheFolder(), 'downloads');
}

/** The start time of a process in ticks of the kernel: together with the process ID it is unique. */
async function startOf(pid: number | string): Promise<string | undefined> {
	try {
		// The name of the command, in parentheses, may contain anything; the start time is the 20th field after it.
		return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ')[19];
	} catch {
		return undefined;
	}
}

/** A unique name for this process. */
export async function ownName(): Promise<string> {
	return `${process.pid}-${await startOf(process.pid)}`;
}

/** Whether the process with this name still runs. */
export async function stillRuns(name: string): Promise<boolean> {
	const [pid, start] = name.split('-') as [string, string | undefined];
	return (await startOf(pid)) === start;
}

/** Creates the work folder of a build, with the name of this process. */
export async function createWorkFolder(cache: string): Promise<string> {
	const folder = path.join(cache, 'work', await ownName());
	await makeFolder(folder);
	return realpath(folder);
}

/** Cleans up after builds whose process no longer runs. */
export async function removeAbandonedWorkFolders(cache: string): Promise<void> {
	const work = path.join(cache, 'work');
	for (const name of await readdir(work).catch(() => [])) {
		if (await stillRuns(name)) continue;
		const folder = await realpath(path.join(work, name)).catch(() => undefined);
		// A concurrent build may have removed it.
		if (folder !== undefined) await removeWorkFolder(folder);
	}
}

/**
 * Locks a file against other kimg processes on this machine. The lock is an abstract socket, which the kernel removes when
 * this process ends.
 *
 * @throws UserError exit code 2 when another process writes the file
 */
export async function lockOutput(file: string): Promise<void> {
	await makeFolder(path.dirname(file));
	const place = path.join(await realpath(path.dirname(file)), path.basename(file));
	const server = createServer().unref();
	server.listen(`\0kimg-${createHash('sha256').update(place).digest('hex')}`);
	try {
		await once(server, 'listening');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
		throw usageError(
			`Another kimg process is writing ${place}.`,
			'Wait until it has ended, or specify another file with --out.',
		);
	}
}

/**
 * Removes the work folder of a build, with its mounts and loop devices. A folder with a remaining mount is kept, because
 * the mount may be /dev of this machine.
 */
export async function removeWorkFolder(folder: string): Promise<void> {
	await endProcessesBelow(folder);
	// Before unmounting: afterwards, a device no longer has the path of its file.
	const devices = await loopDevicesBelow(folder);
	for (let tries = 0; tries < 5; tries++) {
		for (const mount of await mountsBelow(folder)) await clear('umount', '--lazy', mount);
	}
	await detach(devices);
	const left = await mountsBelow(folder);
	if (left.length > 0) say(`Could not be removed; the next build removes it: ${left.join(' ')}`);
	else await clear('rm', '--recursive', '--force', '--one-file-system', folder);
}

/**
 * Kills the processes that use the work folder of a build: a build continues after kimg was killed. Repeats until there are
 * none, because a process may start another one before it is killed.
 */
async function endProcessesBelow(folder: string): Promise<void> {
	for (let attempts = 0; attempts < 20; attempts++) {
		const found = await processesBelow(folder);
		if (found.length === 0) return;
		for (const pid of found) await clear('kill', '-KILL', pid);
		await setTimeout(50);
	}
}

async function processesBelow(folder: string): Promise<string[]> {
	const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
	const below = await Promise.all(
		all.map(async (pid) => {
			const places = await Promise.all(
				['cwd', 'root'].map((link) => readlink(`/proc/${pid}/${link}`).catch(() => '')),
			);
			return places.some((place) => `${place}/`.startsWith(`${folder}/`));
		}),
	);
	return all.filter((_, index) => below[index]);
}

/** One step of the cleanup: errors are ignored, because a later step may succeed. */
async function clear(command: string, ...args: string[]): Promise<string> {
	return run(command, args, { uninterrupted: true }).catch(() => '');
}

/** Mount points below a folder, the latest first. */
async function mountsBelow(folder: string): Promise<string[]> {
	const mounts = mountsIn(await readFile('/proc/self/mountinfo', 'utf8'));
	return mounts
		.map(({ place }) => place)
		.filter((place) => place.startsWith(`${folder}/`))
		.reverse();
}

interface LoopDevice {
	readonly name: string;
	readonly 'back-file': string;
}

async function loopDevicesBelow(folder: string): Promise<string[]> {
	const listed = await clear('losetup', '--list', '--json', '--output', 'NAME,BACK-FILE');
	const devices = listed === '' ? [] : (JSON.parse(listed) as { loopdevices: LoopDevice[] }).loopdevices;
	return devices
		.filter((device) => device['back-file']?.startsWith(`${folder}/`))
		.map((device) => device.name);
}

async function detach(devices: readonly string[]): Promise<void> {
	for (const device of devices) {
		await clear('kpartx', '-d', device);
		await clear('partx', '--delete', device);
		await clear('losetup', '--detach', device);
		await removeNames(device);
	}
}

/** Removes dangling links to partitions of a device, which the replacement of kpartx has created. */
async function removeNames(device: string): Promise<void> {
	const folder = '/dev/mapper';
	for (const name of await readdir(folder).catch(() => [])) {
		const file = path.join(folder, name);
		const isDangling = await realpath(file).then(
			() => false,
			() => true,
		);
		if (isDangling && name.startsWith(`${path.basename(device)}p`)) await rm(file, { force: true });
	}
}
