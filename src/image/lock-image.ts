import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageVersion } from '../package.ts';
import type { Tree } from '../tree.ts';
import { aptSources, mirrorsFor } from './apt.ts';
import { basePackages } from './base.ts';
import type { Component } from './components.ts';
import { packagesOf, renderElements } from './elements.ts';
import { checksumOf } from './fetch.ts';
import { getKubernetes, type KubernetesSource, lockedKubernetes } from './kubernetes.ts';
import { digestOfText, type Lock, type LockedComponent, lockText } from './lock.ts';
import type { ImagePlan } from './plan.ts';
import { planFor } from './request.ts';
import { preferencesFor, type Resolution, resolvePackages } from './resolve.ts';
import { cacheFolder, closeWorkplace, openWorkplace } from './workplace.ts';

const locked = ({ version, url, checksum, licence }: Component): LockedComponent => ({
	version,
	url,
	checksum,
	licence,
});

async function componentsOf(
	plan: ImagePlan,
	source: KubernetesSource,
	cache: string,
): Promise<Lock['components']> {
	const components = plan.fetched.map((one) => [one.name, locked(one)] as const);
	const made =
		source === 'upstream'
			? []
			: [
					[
						'kubernetes',
						await lockedKubernetes(
							source,
							plan.kubernetes,
							await getKubernetes(source, plan.line.kubernetes, new Map(), cache),
						),
					] as const,
				];
	return Object.fromEntries([...components, ...made].sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function imagesOf(plan: ImagePlan): Promise<Lock['images']> {
	const images: Record<string, string> = {};
	for (const file of plan.profile.images) images[path.basename(file)] = await checksumOf(file);
	return images;
}

/**
 * Resolves the packages of an image.
 *
 * @param elements   those of the image, rendered
 * @param release    code name of Debian's release
 * @param preferred  a lock whose versions go before newer ones
 * @throws UserError when the mirror does not answer, or lacks a package
 */
export function packagesFor(
	elements: Tree,
	release: string,
	sources: Readonly<Record<string, string>>,
	work: string,
	preferred?: Lock,
): Promise<Resolution> {
	const request = {
		release,
		sources: Object.values(sources),
		packages: basePackages(packagesOf(elements, release)),
		preferences: preferencesFor(preferred?.packages ?? {}),
	};
	return resolvePackages(request, path.join(work, 'apt'));
}

/**
 * Resolves all that an image is made from, and installs or fetches nothing of it; Kubernetes alone, where
 * it does not come from upstream, is made.
 *
 * @param sources    lines of sources.list, by name
 * @param preferred  a lock whose versions of packages go before newer ones
 * @throws UserError when the mirror does not answer, or lacks a package
 */
export async function makeLock(
	plan: ImagePlan,
	source: KubernetesSource,
	sources: Readonly<Record<string, string>>,
	{ work, cache }: { work: string; cache: string },
	preferred?: Lock,
): Promise<Lock> {
	const { release } = plan.profile;
	const elements = await renderElements(plan);
	const { date, packages } = await packagesFor(elements, release, sources, work, preferred);
	return {
		kimg: packageVersion(),
		profile: plan.profile.name,
		debian: { release, date },
		elements: digestOfText(JSON.stringify(elements)),
		components: await componentsOf(plan, source, cache),
		images: await imagesOf(plan),
		packages,
	};
}

/**
 * Writes a profile's lock.
 *
 * @param out  the file; `./PROFILE.lock.json` when left out
 * @returns the file's path
 */
export async function lockImage(profileWord: string, sourceWord: string, out?: string): Promise<string> {
	const { plan, source } = await planFor(profileWord, sourceWord);
	const cache = cacheFolder();
	const sources = aptSources(plan.profile, await mirrorsFor(plan.profile));
	const work = await openWorkplace(cache);
	try {
		const lock = await makeLock(plan, source, sources, { work, cache });
		const file = path.resolve(out ?? `${plan.profile.name}.lock.json`);
		await mkdir(path.dirname(file), { recursive: true });
		await writeFile(file, lockText(lock));
		return file;
	} finally {
		await closeWorkplace(work);
	}
}
