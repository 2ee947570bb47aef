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

/** The folder for what can be made again: downloads, base systems, Kubernetes. */
export function cacheFolder(): string {
	const base = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
	return process.env.KSTACK_CACHE ?? path.join(base, 'kstack');
}

/** The folder for files of upstream, each under its checksum. */
export function downloadsFolder(): string {
	return path.join(cacheFolder(), 'downloads');
}

/** When a process started, in the kernel's ticks: with its number, a name for it that is never used again. */
async function startOf(pid: number | string): Promise<string | undefined> {
	try {
		// The command's name, in parentheses, may hold anything; start is the 20th word after it.
		return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ')[19];
	} catch {
		return undefined;
	}
}

/** A name that is this process's alone. */
export async function ownName(): Promise<string> {
	return `${process.pid}-${await startOf(process.pid)}`;
}

/** Whether the process of that name still runs. */
export async function stillRuns(name: string): Promise<boolean> {
	const [pid, start] = name.split('-') as [string, string | undefined];
	return (await startOf(pid)) === start;
}

/** A folder of our own for one build, under a name that tells whether we still run. */
export async function openWorkplace(cache: string): Promise<string> {
	const folder = path.join(cache, 'work', await ownName());
	await makeFolder(folder);
	return realpath(folder);
}

/** Clears up after builds whose process is gone: killed, or lost with the machine's power. */
export async function closeAbandoned(cache: string): Promise<void> {
	const work = path.join(cache, 'work');
	for (const name of await readdir(work).catch(() => [])) {
		if (await stillRuns(name)) continue;
		const folder = await realpath(path.join(work, name)).catch(() => undefined);
		// Another build may have been faster.
		if (folder !== undefined) await closeWorkplace(folder);
	}
}

/**
 * Keeps every other kimg of this machine from writing a file while this one does. What keeps them is a socket
 * without a place on any disk: the kernel takes it back however this process ends.
 *
 * @throws UserError exit code 2 when another one writes it
 */
export async function claim(file: string): Promise<void> {
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
 * Removes a build's folder, with the mounts and loop devices that the build has left in it.
 * A folder that still holds a mount stays: it may be a way into this machine's own /dev.
 */
export async function closeWorkplace(folder: string): Promise<void> {
	await endProcessesBelow(folder);
	// Asked first: a device forgets where its file was once that place is unmounted.
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
 * Ends what still works in a build's folder or is rooted in it: a build outlives a kimg that was killed. Looks
 * until there is none, since what is about to be killed may start another.
 */
async function endProcessesBelow(folder: string): Promise<void> {
	for (let looks = 0; looks < 20; looks++) {
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

/** One step of clearing up: what it could not do, a later one may. */
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

/** Removes the names of a device's partitions that lead nowhere: kpartx's stand-in has made links. */
async function removeNames(device: string): Promise<void> {
	const folder = '/dev/mapper';
	for (const name of await readdir(folder).catch(() => [])) {
		const file = path.join(folder, name);
		const leadsNowhere = await realpath(file).then(
			() => false,
			() => true,
		);
		if (leadsNowhere && name.startsWith(`${path.basename(device)}p`)) await rm(file, { force: true });
	}
}
