import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceTree, type Tree } from '../tree.ts';
import type { BuildPlaces } from './command.ts';
import { renderElements } from './elements.ts';
import { fetchComponent } from './fetch.ts';
import { collectImages, getKubernetes, type KubernetesSource, unpackInto } from './kubernetes.ts';
import type { ImagePlan } from './plan.ts';

/** Everything that goes into an image, on this machine's disk. */
export interface BuildInputs {
	readonly places: BuildPlaces;
	readonly elements: Tree;
}

/** Adds the manifests that are fetched to those that lie among the elements. */
async function addManifests(plan: ImagePlan, elements: Tree, downloads: string): Promise<Tree> {
	const complete = [...elements];
	for (const [network, component] of Object.entries(plan.line.manifests)) {
		const name = `network-${network}/static/usr/share/kstack/addons/network-${network}.yaml`;
		const index = complete.findIndex((file) => file.path === name);
		const file = complete[index];
		if (file === undefined) continue;
		const text = await readFile(await fetchComponent(component, downloads), 'utf8');
		complete[index] = { ...file, text: `${text.trimEnd()}\n---\n${file.text}` };
	}
	return complete;
}

/**
 * Fetches, builds and renders what goes into an image.
 *
 * @param work   the build's own folder
 * @param cache  kimg's cache folder
 */
export async function gatherInputs(
	plan: ImagePlan,
	source: KubernetesSource,
	work: string,
	cache: string,
): Promise<BuildInputs> {
	const downloads = path.join(cache, 'downloads');
	const kubernetes = await getKubernetes(source, plan.line.kubernetes, cache);
	const places = {
		elements: path.join(work, 'elements'),
		binaries: kubernetes.binaries,
		archives: path.join(work, 'archives'),
		components: path.join(work, 'components'),
		output: path.join(work, 'image'),
	};
	const elements = await addManifests(plan, await renderElements(plan), downloads);
	await replaceTree(places.elements, elements);
	await collectImages(kubernetes.images, places.archives);
	if (!plan.fromDebian) await unpackInto(places.components, plan.line.companions, downloads);
	return { places, elements };
}
