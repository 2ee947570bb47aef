import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { exitCodes, UserError } from '../../base/errors.ts';
import { CommandError, run } from '../../base/run.ts';
import { aptSources, type Mirrors, mirrorsFor, proxyEnvironment } from '../debian/apt.ts';
import { type ImagePlan, planImage } from '../spec/plan.ts';
import { profiles } from '../spec/profiles.ts';
import { cachedFile, type Supply } from '../fetch/fetch.ts';
import { needsRegistry } from '../fetch/image-places.ts';
import type { KubernetesSource } from '../fetch/kubernetes.ts';
import { insufficientSpace } from '../workspace/disk-space.ts';
import { downloadsFolder } from '../workspace/work-folder.ts';

/** Commands that a build runs, with their Debian packages. */
const commands: Readonly<Record<string, string>> = {
	'disk-image-create': 'python3-diskimage-builder',
	'qemu-img': 'qemu-utils',
	curl: 'curl',
	debootstrap: 'debootstrap',
	gzip: 'gzip',
	kpartx: 'kpartx',
	losetup: 'mount',
	'mkfs.ext4': 'e2fsprogs',
	mmdebstrap: 'mmdebstrap',
	partx: 'fdisk',
	skopeo: 'skopeo',
	tar: 'tar',
	zstd: 'zstd',
};

/** Folders that precede the user's PATH in a build. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function isThere(file: string, mode = constants.F_OK): Promise<boolean> {
	return access(file, mode).then(
		() => true,
		() => false,
	);
}

async function inPath(command: string): Promise<boolean> {
	for (const folder of systemPath.split(':'))
		if (await isThere(path.join(folder, command), constants.X_OK)) return true;
	return false;
}

/** Whether a URL is available, checked without downloading it. */
async function answers(address: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
	const curlFlags = ['--fail', '--silent', '--location', '--netrc-optional', '--output', '/dev/null'];
	try {
		await run('curl', [...curlFlags, '--head', '--max-time', '6', address], { env });
		return true;
	} catch (error) {
		if (error instanceof CommandError) return false;
		throw error;
	}
}

async function holds(mirrors: Mirrors, release: string): Promise<boolean> {
	return answers(`${mirrors.main}/dists/${release}/Release`, await proxyEnvironment());
}

/** Commands that this build does not need. */
async function unneeded({ profile, images }: ImagePlan, supply: Supply): Promise<string[]> {
	return [
		...(profile.archived ? ['mmdebstrap'] : []),
		...((await needsRegistry(images, downloadsFolder(), supply)) ? [] : ['skopeo']),
	];
}

/** Missing prerequisites of this machine. */
async function missingPrerequisites(
	plan: ImagePlan,
	supply: Supply,
	folders: Readonly<Record<string, number>>,
): Promise<string[]> {
	const missing: string[] = [];
	if (process.getuid?.() !== 0)
		missing.push('Not root: a build mounts file systems and writes files of other owners. Run it with sudo.');
	const missingCommands = [];
	const without = await unneeded(plan, supply);
	for (const command of Object.keys(commands)) {
		if (without.includes(command)) continue;
		if (!(await inPath(command))) missingCommands.push(command);
	}
	if (missingCommands.length > 0) {
		const packages = [...new Set(missingCommands.map((command) => commands[command]))];
		missing.push(`Not installed: ${missingCommands.join(', ')}. On Debian: apt-get install ${packages.join(' ')}`);
	}
	if (!(await isThere('/dev/loop-control')))
		missing.push('This kernel has no loop devices (/dev/loop-control).');
	if (!(await isThere('/usr/share/keyrings/debian-archive-keyring.gpg'))) {
		missing.push("Not installed: the keys of Debian's archive. On Debian: apt-get install debian-archive-keyring");
	}
	return [...missing, ...(await insufficientSpace(folders))];
}

/** Commands that would work on this machine, for a hint. */
async function buildable(supply: Supply): Promise<string[]> {
	const lines = await Promise.all(
		profiles.map(async (profile) => {
			const [hasRelease, hasUpstream] = await Promise.all([
				mirrorsFor(profile).then((mirrors) => holds(mirrors, profile.release)),
				upstreamAnswers(planImage(profile), supply),
			]);
			if (!hasRelease || (!hasUpstream && profile.debian < 12)) return [];
			return [`kimg build ${profile.name}${hasUpstream ? '' : ' --kubernetes-source debian'}`];
		}),
	);
	return lines.flat();
}

async function otherProfiles(supply: Supply): Promise<string> {
	const lines = await buildable(supply);
	return lines.length === 0
		? 'This machine reaches no mirror from which a profile can be built.'
		: ['On this machine, these can be built:', ...lines].join('\n    ');
}

/** Whether downloads are available: from a mirror, the cache, or upstream. */
async function upstreamAnswers(plan: ImagePlan, supply: Supply): Promise<boolean> {
	if (supply.mirror !== undefined || supply.components !== undefined) return true;
	const cached = await Promise.all(
		plan.fetched.map((component) => isThere(cachedFile(component, downloadsFolder()))),
	);
	return cached.every(Boolean) || answers(plan.line.kubernetes.url);
}

/**
 * Checks the prerequisites of a build.
 *
 * @param folders  folders that the build writes to, with the bytes it needs in each
 * @returns the mirrors and package sources of the build
 * @throws UserError with everything that is missing; exit code 2 if it concerns this machine, otherwise 1
 */
export async function checkPrerequisites(
	plan: ImagePlan,
	source: KubernetesSource,
	supply: Supply,
	folders: Readonly<Record<string, number>>,
): Promise<{ mirrors: Mirrors; sources: Readonly<Record<string, string>> }> {
	const { profile } = plan;
	const missing = await missingPrerequisites(plan, supply, folders);
	if (missing.length > 0) {
		throw new UserError(
			['This machine cannot build the image yet:', ...missing.map((one) => `  - ${one}`)].join('\n'),
			{
				exitCode: exitCodes.usage,
			},
		);
	}
	const mirrors = await mirrorsFor(profile);
	const [hasRelease, hasUpstream] = await Promise.all([
		holds(mirrors, profile.release),
		source === 'upstream' ? upstreamAnswers(plan, supply) : true,
	]);
	if (!hasRelease) {
		throw new UserError(
			`${profile.name} needs Debian ${profile.debian} (${profile.release}), which cannot be downloaded from ${mirrors.main}.`,
			{ hint: await otherProfiles(supply) },
		);
	}
	if (!hasUpstream) {
		throw new UserError(
			`Kubernetes ${plan.kubernetes} cannot be fetched: ${plan.line.kubernetes.url} does not answer.`,
			{
				hint:
					profile.debian < 12
						? 'Set another source of the file with --mirror or --components.'
						: "Set another source of the file with --mirror or --components, or use only Debian's packages: --kubernetes-source debian (Kubernetes 1.20.2, for tests).",
			},
		);
	}
	return { mirrors, sources: aptSources(profile, mirrors) };
}
