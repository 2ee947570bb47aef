import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { replaceTree, type Tree } from '../../base/tree.ts';
import { renderElements } from '../spec/elements.ts';
import { digestOfText, type Lock } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import { checksumOf, type Fetched, fetchAll, type Supply } from '../fetch/fetch.ts';
import { gatherImages } from '../fetch/images.ts';
import {
	filesBelow,
	getKubernetes,
	type KubernetesSource,
	programs,
	unpackInto,
} from '../fetch/kubernetes.ts';
import type { BuildPlaces } from './command.ts';

/** All input files of an image on this machine. */
export interface BuildInputs {
	readonly places: BuildPlaces;
	readonly elements: Tree;
	/** Checksums of the files of each component, by their paths in the image. */
	readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>;
	/** Checksums of the archives of container images, by their names. */
	readonly archives: Readonly<Record<string, string>>;
}

/** Adds downloaded manifests to those in the elements. */
async function addManifests(plan: ImagePlan, elements: Tree, fetched: Fetched): Promise<Tree> {
	const complete = [...elements];
	for (const [network, component] of Object.entries(plan.line.manifests)) {
		const name = `network-${network}/static/usr/share/kstack/addons/network-${network}.yaml`;
		const index = complete.findIndex((file) => file.path === name);
		const file = complete[index];
		if (file === undefined) continue;
		const text = await readFile(fetched.get(component.name) as string, 'utf8');
		complete[index] = { ...file, text: `${text.trimEnd()}\n---\n${file.text}` };
	}
	return complete;
}

/**
 * Fetches, builds and renders the input of an image.
 *
 * @param lock   has digests for images without one in the plan
 * @param work   the work folder of the build
 * @param cache  kimg's cache folder
 */
export async function gatherInputs(
	plan: ImagePlan,
	lock: Pick<Lock, 'images'>,
	source: KubernetesSource,
	work: string,
	cache: string,
	supply: Supply,
): Promise<BuildInputs> {
	const fetched = await fetchAll(plan.fetched, path.join(cache, 'downloads'), supply);
	const kubernetes = await getKubernetes(source, plan.line.kubernetes, fetched, cache);
	const places = {
		elements: path.join(work, 'elements'),
		binaries: kubernetes.binaries,
		archives: path.join(work, 'archives'),
		components: path.join(work, 'components'),
		lock: path.join(work, 'image.lock.json'),
		output: path.join(work, 'image'),
	};
	const elements = await addManifests(plan, await renderElements(plan), fetched);
	await replaceTree(places.elements, elements);
	const folders = { work, cache: path.join(cache, 'downloads') };
	const archives = await gatherImages(plan, lock.images, kubernetes.images, places.archives, folders, supply);
	for (const companion of plan.fromDebian ? [] : plan.line.companions) {
		await unpackInto(path.join(places.components, companion.name), [companion], fetched);
	}
	const files = await filesOf(plan, places, elements);
	return { places, elements, files, archives };
}

/** Checksums of the files below a folder, by their paths in the image. */
export async function checksumsBelow(
	folder: string,
	names: readonly string[],
	place: string,
): Promise<Record<string, string>> {
	const checksums: Record<string, string> = {};
	for (const name of names) checksums[path.join(place, name)] = await checksumOf(path.join(folder, name));
	return checksums;
}

/** Checksums of the files of each component in the image. */
export async function filesOf(
	plan: ImagePlan,
	places: BuildPlaces,
	elements: Tree,
): Promise<BuildInputs['files']> {
	const files: Record<string, Readonly<Record<string, string>>> = {
		kubernetes: await checksumsBelow(places.binaries, programs, '/usr/local/bin'),
	};
	for (const { name } of plan.fromDebian ? [] : plan.line.companions) {
		const folder = path.join(places.components, name);
		files[name] = await checksumsBelow(folder, await filesBelow(folder), '/');
	}
	for (const [network, { name }] of Object.entries(plan.line.manifests)) {
		const manifest = `/usr/share/kstack/addons/network-${network}.yaml`;
		const file = elements.find((one) => one.path.endsWith(manifest));
		if (file !== undefined) files[name] = { [manifest]: digestOfText(file.text) };
	}
	return files;
}

/** A lock with the checksums of the files of components, and of the archives of container images. */
export function withFiles(lock: Lock, { files, archives }: Pick<BuildInputs, 'files' | 'archives'>): Lock {
	const components = Object.entries(lock.components).map(([name, component]) => {
		const own = files[name];
		return [name, own === undefined ? component : { ...component, files: own }] as const;
	});
	const images = Object.entries(lock.images).map(
		([name, image]) => [name, { ...image, checksum: archives[image.archive] as string }] as const,
	);
	return { ...lock, components: Object.fromEntries(components), images: Object.fromEntries(images) };
}
