import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../base/package.ts';
import { follow } from '../../base/run.ts';
import { type Mirrors, proxyEnvironment } from '../debian/apt.ts';
import { basePackages, makeBase } from '../debian/base.ts';
import { preferencesFor } from '../debian/resolve.ts';
import { packagesOf } from '../spec/elements.ts';
import type { Lock } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import type { BuildLog } from './build-log.ts';
import { buildCommand } from './command.ts';
import type { BuildInputs } from './inputs.ts';
import { systemPath } from './prerequisites.ts';

const shims = path.join(packageRoot, 'scripts/image');
const holdInitramfs = path.join(packageRoot, 'elements/fast-initramfs/pre-install.d/05-hold-initramfs');

/** Free memory in bytes required for a build in tmpfs. */
const minimumTmpfsMemory = 6e9;

/** PATH for diskimage-builder: as root it needs no sudo, and some kernels have no device-mapper. */
export async function searchPath(): Promise<string> {
	const mapper = /^\s*\d+ device-mapper$/m.test(await readFile('/proc/devices', 'utf8'));
	const ours = mapper ? ['as-root'] : ['as-root', 'without-device-mapper'];
	return [...ours.map((folder) => path.join(shims, folder)), systemPath].join(':');
}

/** Available memory in bytes. */
async function availableMemory(): Promise<number> {
	const kilobytes = /^MemAvailable:\s+(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
	return Number(kilobytes ?? 0) * 1024;
}

/**
 * Runs disk-image-create for an image.
 *
 * @param lock   pins the versions of packages
 * @param work   the work folder of the build
 * @param cache  kimg's cache folder
 * @returns the path of the qcow2 image
 * @throws CommandError when it fails
 */
export async function runDiskimageBuilder(
	plan: ImagePlan,
	{ places, elements }: BuildInputs,
	lock: Lock,
	{ mirrors, sources }: { mirrors: Mirrors; sources: Readonly<Record<string, string>> },
	{ work, cache }: { work: string; cache: string },
	log: BuildLog,
): Promise<string> {
	const { release, archived } = plan.profile;
	const own = path.join(work, 'cache');
	const env: NodeJS.ProcessEnv = {
		...(await proxyEnvironment()),
		PATH: await searchPath(),
		TMP_DIR: work,
		TMPDIR: work,
		DIB_IMAGE_CACHE: own,
		DIB_LOCKFILES: path.join(work, 'locks'),
		...((await availableMemory()) < minimumTmpfsMemory ? { DIB_NO_TMPFS: '1' } : {}),
	};
	await mkdir(own);
	// mmdebstrap rejects the expired keys of an archived release.
	if (!archived) {
		log.clock.enter('packages of the image');
		const request = {
			release,
			packages: basePackages(packagesOf(elements, release)),
			preferences: preferencesFor(lock.packages),
			sources: Object.values(sources),
			holdInitramfs,
		};
		env.DIB_PREBUILT_BASE = await makeBase(request, { cache: path.join(cache, 'base'), work }, log.line, env);
	}
	const { args, environment } = buildCommand(plan, places, mirrors.main, sources);
	log.clock.enter('base system');
	await follow('disk-image-create', args, log.line, {
		env: { ...env, ...environment },
		cwd: work,
		package: 'python3-diskimage-builder',
	});
	log.clock.end();
	return `${places.output}.qcow2`;
}
