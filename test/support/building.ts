// Builds of a real image, and the files, mounts and processes that they leave.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { packageRoot } from '../../src/base/package.ts';
import { cacheFolder } from '../../src/image/workspace/work-folder.ts';
import { temporaryFolder } from './folders.ts';
import { type Ended, type HowToRun, output, runSource } from './processes.ts';

/** The profile of these builds, with Kubernetes from Debian: they need only Debian's mirror. */
export const profile = 'debian12-x64-kubernetes';

/** Fills the cache of builds if it is empty: Kubernetes takes minutes to compile. */
export async function makeKubernetes(): Promise<void> {
	await output(path.join(packageRoot, 'scripts/kubernetes/build'), []);
}

/** A cache with a work folder of its own, which shares the named parts with this machine's cache. */
export async function cacheSharing(parts: readonly string[], folder?: string): Promise<string> {
	const cache = folder ?? (await temporaryFolder());
	for (const part of parts) {
		await mkdir(path.join(cacheFolder(), part), { recursive: true });
		await symlink(path.join(cacheFolder(), part), path.join(cache, part));
	}
	return cache;
}

export interface Build {
	readonly ended: Promise<Ended>;
	/** Waits until the log matches, and returns the process ID of kimg; fails if the build ends before. */
	until(words: RegExp): Promise<number>;
}

/** Starts `kimg build` for a file. */
export function build(cache: string, file: string, env: NodeJS.ProcessEnv = {}): Build {
	const log = file.replace(/\.qcow2$/, '.log');
	let pid = 0;
	let over = false;
	const how: HowToRun = {
		env: { ...env, KSTACK_CACHE: cache },
		onStderr: (_, id) => {
			pid = id;
		},
	};
	const ended = runSource(
		'src/kimg.ts',
		['build', profile, '--kubernetes-source', 'debian', '--out', file],
		how,
	).finally(() => {
		over = true;
	});
	return {
		ended,
		async until(words) {
			for (;;) {
				const text = await readFile(log, 'utf8').catch(() => '');
				if (words.test(text)) return pid;
				if (over) throw new Error(`the build has ended before ${words}:\n${(await ended).stderr}\n${text}`);
				await setTimeout(50);
			}
		},
	};
}

/** A process and its descendants, the newest first. */
export async function familyOf(pid: number): Promise<number[]> {
	const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
	const families = await Promise.all(children.trim().split(' ').filter(Boolean).map(Number).map(familyOf));
	return [...families.flat(), pid];
}

/** Mounts, loop devices, their names, processes and files that a build has left. */
export async function left(cache: string): Promise<string[]> {
	const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
	const loops = (await output('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'])).split('\n');
	const work = path.join(cache, 'work');
	const processes: string[] = [];
	for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
		const places = await Promise.all(
			['cwd', 'root'].map((link) => readlink(`/proc/${pid}/${link}`).catch(() => '')),
		);
		if (places.some((place) => place.startsWith(`${work}/`))) processes.push(`process ${pid}`);
	}
	return [
		...mounts.filter((line) => line.includes(`${work}/`)),
		...loops.filter((line) => line.includes(`${work}/`)),
		...processes,
		...(await readdir(work).catch(() => [])),
	];
}

/** Names of partitions whose device does not exist. */
export async function lostNames(): Promise<string[]> {
	const folder = '/dev/mapper';
	const lost: string[] = [];
	for (const name of await readdir(folder).catch(() => [])) {
		if (!existsSync(path.join(folder, name))) lost.push(name);
	}
	return lost;
}
