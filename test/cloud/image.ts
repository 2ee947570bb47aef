import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ask, openstack, root, succeed, withFolder } from './cloud.ts';

/** The image of the quick start, from Glance. */
export async function downloadImage(file: string): Promise<void> {
	const [image] = await ask<{ ID: string }[]>('image', 'list', '--tag', 'kimg', '--sort', 'created_at:desc');
	await openstack('image', 'save', '--file', file, image?.ID as string);
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
			name,
		);
		return id;
	});
}
