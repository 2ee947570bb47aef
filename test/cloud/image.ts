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
 * Puts an image into Glance in which one file is another.
 *
 * @param target  the file's path in the image
 * @param text    its new content
 * @returns the image's ID
 */
export function uploadChangedImage(name: string, target: string, text: string): Promise<string> {
	return withFolder(async (folder) => {
		const original = path.join(folder, 'original.qcow2');
		const replacement = path.join(folder, 'replacement');
		await downloadImage(original);
		await writeFile(replacement, text, { mode: 0o755 });
		await succeed(path.join(root, 'test/cloud/replace-in-image'), [
			original,
			`${folder}/changed.raw`,
			target,
			replacement,
		]);
		const { id } = await ask<{ id: string }>(
			...[
				'image',
				'create',
				'--disk-format',
				'raw',
				'--container-format',
				'bare',
				'--file',
				`${folder}/changed.raw`,
			],
			...(await sameProperties()),
			name,
		);
		return id;
	});
}
