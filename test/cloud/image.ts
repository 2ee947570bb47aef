import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { imageContract } from '../../src/base/contract.ts';
import { ask, openstack, root, succeed, withFolder } from './cloud.ts';

/** The image of the quick start, from Glance. */
export async function downloadImage(file: string): Promise<void> {
	await openstack('image', 'save', '--file', file, await imageId());
}

/** The ID of the newest image of Debian 12 of this version; an aborted test can leave one of an older version. */
export async function imageId(): Promise<string> {
	const properties = { kstack_name: 'debian12-x64-kubernetes', kstack_contract: imageContract };
	const filter = Object.entries(properties).flatMap(([name, value]) => ['--property', `${name}=${value}`]);
	const [image] = await ask<{ ID: string }[]>(
		'image',
		'list',
		...filter,
		'--status',
		'active',
		'--sort',
		'created_at:desc',
	);
	return image?.ID as string;
}

/** Properties that identify one image. */
const identity = ['kstack_name', 'kstack_sha256', 'kstack_uploader'];

/** The properties that kimg has set on its image, as arguments for another image. */
async function sameProperties(...without: string[]): Promise<string[]> {
	const { properties } = await ask<{ properties: Record<string, unknown> }>('image', 'show', await imageId());
	const left = [...identity, ...without];
	return Object.entries(properties)
		.filter(([name]) => name.startsWith('kstack_') && !left.includes(name))
		.flatMap(([name, value]) => ['--property', `${name}=${value}`]);
}

/**
 * Uploads an image in which some files are replaced.
 *
 * @param files  the content of each, by its path in the image
 * @returns the image's ID
 */
export function uploadChangedImage(name: string, files: Readonly<Record<string, string>>): Promise<string> {
	return withFolder(async (folder) => {
		const [original, changed] = [path.join(folder, 'original.qcow2'), path.join(folder, 'changed.raw')];
		await downloadImage(original);
		const replacements = await Promise.all(
			Object.entries(files).map(async ([target, text], index) => {
				const file = path.join(folder, String(index));
				await writeFile(file, text);
				return [target, file];
			}),
		);
		const replace = path.join(root, 'test/cloud/replace-in-image');
		await succeed(replace, [original, changed, ...replacements.flat()]);
		const { id } = await ask<{ id: string }>(
			...['image', 'create', '--disk-format', 'raw', '--container-format', 'bare', '--file', changed],
			...(await sameProperties()),
			name,
		);
		return id;
	});
}

/**
 * Uploads an image without content, for servers that exist in Nova's database only.
 *
 * @param contract  its property kstack_contract; 0 omits the property, as in images of kimg 0.2.0
 * @returns the image's ID
 */
export function uploadEmptyImage(name: string, contract: number): Promise<string> {
	return withFolder(async (folder) => {
		const file = path.join(folder, 'empty.raw');
		await writeFile(file, Buffer.alloc(512));
		const { id } = await ask<{ id: string }>(
			...['image', 'create', '--disk-format', 'raw', '--container-format', 'bare', '--file', file],
			...(await sameProperties('kstack_contract')),
			...(contract === 0 ? [] : ['--property', `kstack_contract=${contract}`]),
			name,
		);
		return id;
	});
}
