import path from 'node:path';
import { packageVersion } from '../../base/package.ts';
import type { Tree } from '../../base/tree.ts';
import { basePackages } from '../debian/base.ts';
import { preferencesFor, type Resolution, resolvePackages } from '../debian/resolve.ts';
import type { Component } from '../spec/components.ts';
import { packagesOf, renderElements } from '../spec/elements.ts';
import { digestOfText, type Lock, type LockedComponent } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import type { Supply } from '../fetch/fetch.ts';
import { resolveImages } from '../fetch/images.ts';
import { getKubernetes, type KubernetesSource, lockedKubernetes } from '../fetch/kubernetes.ts';

const locked = ({ version, url, checksum, licence }: Component): LockedComponent => ({
	version,
	url,
	checksum,
	licence,
});

function componentsOf(plan: ImagePlan, kubernetes: LockedComponent | undefined): Lock['components'] {
	const components = plan.fetched.map((one) => [one.name, locked(one)] as const);
	const made = kubernetes === undefined ? [] : [['kubernetes', kubernetes] as const];
	return Object.fromEntries([...components, ...made].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Kubernetes that is not from upstream: its entry in the lock, and its container images. */
async function builtKubernetes(
	plan: ImagePlan,
	source: KubernetesSource,
	cache: string,
): Promise<{ component?: LockedComponent; images?: string | undefined }> {
	if (source === 'upstream') return {};
	const made = await getKubernetes(source, plan.line.kubernetes, new Map(), cache);
	return { component: await lockedKubernetes(source, plan.kubernetes, made), images: made.images };
}

/**
 * Resolves the packages of an image.
 *
 * @param elements   the rendered elements of the image
 * @param release    code name of Debian's release
 * @param preferred  a lock whose versions are preferred to newer ones
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
 * Resolves the content of an image without installing or downloading it, except Kubernetes that is not from upstream, which
 * is built.
 *
 * @param sources    lines of sources.list, by name
 * @param supply     mirrors of registries
 * @param preferred  a lock with preferred versions of packages and digests of container images
 * @throws UserError when the mirror does not answer, or lacks a package; when a registry does not answer
 */
export async function makeLock(
	plan: ImagePlan,
	source: KubernetesSource,
	sources: Readonly<Record<string, string>>,
	supply: Supply,
	{ work, cache }: { work: string; cache: string },
	preferred?: Lock,
): Promise<Lock> {
	const { release } = plan.profile;
	const elements = await renderElements(plan);
	const made = await builtKubernetes(plan, source, cache);
	const folders = { work, cache: path.join(cache, 'downloads') };
	const images = await resolveImages(plan, made.images, folders, supply, preferred);
	const { date, packages } = await packagesFor(elements, release, sources, work, preferred);
	return {
		kimg: packageVersion(),
		profile: plan.profile.name,
		debian: { release, date },
		elements: digestOfText(JSON.stringify(elements)),
		components: componentsOf(plan, made.component),
		images,
		packages,
	};
}
