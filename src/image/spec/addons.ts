import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { load } from 'js-yaml';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import type { Tree } from '../../base/tree.ts';
import { minorOf } from './components.ts';

const source = path.join(packageRoot, 'addons');

/** The parts of an addon.yaml that kimg uses; kstack reads and checks all of it. */
interface Definition {
	/** The name of the addon in clusters; by default that of its folder. */
	readonly name?: string;
	/** Names of its container images in components.yaml. */
	readonly images?: readonly string[];
}

/** The container images that an addon declares, by name; its manifest can use no other. */
function declared(definition: Definition, images: Readonly<Record<string, string>>) {
	const names = definition.images ?? [];
	return Object.fromEntries(Object.entries(images).filter(([name]) => names.includes(name)));
}

/**
 * The addons in an image: each element with the name of a folder in addons/ gets the manifest of that addon, with
 * placeholders for values of the cluster and the addon, and its definition as JSON.
 *
 * @param elements    names of the image's elements
 * @param images      references of container images by name
 * @param kubernetes  release of Kubernetes, such as `1.20.2`; manifests read its minor version
 */
export async function addonFiles(
	elements: ReadonlySet<string>,
	images: Readonly<Record<string, string>>,
	kubernetes: string,
): Promise<Tree> {
	const folders = (await readdir(source)).filter((folder) => elements.has(folder));
	const files = folders.map(async (folder) => {
		const definition = load(await readFile(path.join(source, folder, 'addon.yaml'), 'utf8')) as Definition;
		const manifest = render(path.join(source, folder, 'manifest.yaml.ejs'), {
			images: declared(definition, images),
			kubernetes: { minor: minorOf(kubernetes) },
		});
		const target = `${folder}/static/usr/share/kstack/addons/${definition.name ?? folder}`;
		return [
			{ path: `${target}.json`, mode: 0o644, text: `${JSON.stringify(definition, undefined, 2)}\n` },
			{ path: `${target}.yaml`, mode: 0o644, text: manifest },
		];
	});
	return (await Promise.all(files)).flat();
}
