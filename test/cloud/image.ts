import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ask, openstack, root, succeed, withFolder } from './cloud.ts';

/** The image of the quick start, from Glance. */
export async function downloadImage(file: string): Promise<void> {
	await openstack('image', 'save', '--file', file, await imageId());
}

/** The ID of the newest image of Debian 12: a test that was killed may have left a newer one of 13. */
export async function imageId(): Promise<string> {
	const filter = ['--property', 'kstack_name=debian12-x64-kubernetes', '--status', 'active'];
	const [image] = await ask<{ ID: string }[]>('image', 'list', ...filter, '--sort', 'created_at:desc');
	return image?.ID as string;
}

/** What is kimg's image's own. */
const identity = ['kstack_name', 'kstack_sha256', 'kstack_uploader'];

/** What kimg says of its image, as arguments that say it of another. */
async function sameProperties(): Promise<string[]> {
	const { properties } = await ask<{ properties: Record<string, unknown> }>('image', 'show', await imageId());
	return Object.entries(properties)
		.filter(([name]) => name.startsWith('kstack_') && !identity.includes(name))
		.flatMap(([name, value]) => ['--property', `${name}=${value}`]);
}

/**
 * Puts an image into Glance in which some files are others.
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
