import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { imageContract } from '../../base/contract.ts';
import { packageRoot } from '../../base/package.ts';
import { type Locals, render } from '../../base/template.ts';
import { readTree, sorted, type Tree, type TreeFile } from '../../base/tree.ts';
import { addonFiles } from './addons.ts';
import { minorOf } from './components.ts';
import { podSecurityApi } from './flags.ts';
import { kubeletSettings } from './kubelet-settings.ts';
import { type ImagePlan, packagesElement } from './plan.ts';

const source = path.join(packageRoot, 'elements');

/** Names in an element-deps file. */
const names = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

/** The elements of kimg that the plan needs, directly and through element-deps. */
function needed(plan: ImagePlan, ours: Tree): Set<string> {
	const found = new Set<string>();
	const add = (element: string) => {
		if (found.has(element) || !ours.some((file) => file.path.startsWith(`${element}/`))) return;
		found.add(element);
		for (const file of ours) if (file.path === `${element}/element-deps`) names(file.text).forEach(add);
	};
	plan.elements.forEach(add);
	return found;
}

/** diskimage-builder runs what is executable below `*.d`, and sources environment.d. */
function modeOf(file: TreeFile): number {
	return file.text.startsWith('#!') ? 0o755 : 0o644;
}

/** The values that templates among the elements read. */
function localsOf(plan: ImagePlan): Locals {
	return {
		kubernetes: { version: plan.kubernetes },
		flags: plan.flags,
		cgroupDriver: plan.cgroupDriver,
		kubeletSettings: kubeletSettings(minorOf(plan.kubernetes)),
		podSecurityApi: podSecurityApi(plan.kubernetes),
		image: {
			profile: plan.profile.name,
			contract: imageContract,
			kubernetes: plan.kubernetes,
			components: plan.components,
		},
	};
}

/** The references of container images in manifests: the imported names, so that nothing is pulled. */
const referencesOf = (plan: ImagePlan) =>
	Object.fromEntries(Object.entries(plan.line.images).map(([name, { reference }]) => [name, reference]));

/** The names of the elements of kimg. */
export async function ourElements(): Promise<Set<string>> {
	return new Set([...(await readdir(source)), packagesElement]);
}

/** The files of an operator's element, below its name. */
export async function readElement(folder: string): Promise<Tree> {
	return (await readTree(folder)).map((file) => ({ ...file, path: `${path.basename(folder)}/${file.path}` }));
}

/** The element of the packages that a profile adds. */
function elementOf(packages: readonly string[]): Tree {
	const title = '='.repeat(packagesElement.length);
	const file = (name: string, text: string) => ({ path: `${packagesElement}/${name}`, mode: 0o644, text });
	return [
		file('README.rst', `${title}\n${packagesElement}\n${title}\nThe packages that the profile adds.\n`),
		file('element-deps', 'package-installs\n'),
		file('package-installs.yaml', packages.map((name) => `${name}:\n`).join('')),
	];
}

/** The elements of an image as a tree, with rendered templates and the modes that diskimage-builder needs. */
export async function renderElements(plan: ImagePlan): Promise<Tree> {
	const { elements, packages } = plan.profile;
	const own = (await Promise.all(elements.map(readElement))).flat();
	if (packages.length > 0) own.push(...elementOf(packages));
	const ours = await readTree(source);
	const wanted = needed(plan, [...ours, ...own]);
	const locals = localsOf(plan);
	return sorted(
		ours
			.filter((file) => wanted.has(file.path.split('/')[0] as string))
			.map((file) =>
				file.path.endsWith('.ejs')
					? {
							...file,
							path: file.path.slice(0, -'.ejs'.length),
							text: render(path.join(source, file.path), locals),
						}
					: file,
			)
			.concat(own, await addonFiles(wanted, referencesOf(plan), plan.kubernetes))
			.map((file) => ({ ...file, mode: modeOf(file) })),
	);
}

interface PackageMap {
	readonly release?: { readonly debian?: Readonly<Record<string, Readonly<Record<string, string>>>> };
	readonly default?: Readonly<Record<string, string>>;
}

/** Debian packages of the elements of a tree for a release, from their pkg-maps. */
export function packagesOf(tree: Tree, release: string): string[] {
	const packages = new Set<string>();
	for (const file of tree) {
		const [element, name] = file.path.split('/');
		if (name !== 'package-installs.yaml') continue;
		const mapFile = tree.find(({ path }) => path === `${element}/pkg-map`);
		const map = (mapFile === undefined ? {} : JSON.parse(mapFile.text)) as PackageMap;
		for (const key of Object.keys(load(file.text) as object)) {
			const mapped = map.release?.debian?.[release]?.[key] ?? map.default?.[key] ?? key;
			for (const one of mapped.split(' ')) if (one !== '') packages.add(one);
		}
	}
	return [...packages].sort();
}
