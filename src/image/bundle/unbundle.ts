import { access } from 'node:fs/promises';
import path from 'node:path';
import { UserError, usageError } from '../../base/errors.ts';
import { readTree } from '../../base/tree.ts';
import { type BuildInputs, checksumsBelow, filesOf, withFiles } from '../build/inputs.ts';
import { filesBelow } from '../fetch/kubernetes.ts';
import { differences, type Lock, readLock } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import { readFrom, unpackArchive } from './archive.ts';

/** The plan of the image: the file `plan.json`, before all folders of the bundle. */
export interface BundledPlan {
	readonly plan: ImagePlan;
	/** The source of Kubernetes. */
	readonly source: 'upstream' | 'debian' | 'folder';
}

/**
 * Reads the plan of the image from a bundle.
 *
 * @throws UserError exit code 2 when the file does not exist, 1 when it is not a bundle
 */
export async function readBundle(file: string): Promise<BundledPlan> {
	const isThere = await access(file).then(
		() => true,
		() => false,
	);
	if (!isThere) throw usageError(`There is no file ${file}.`, 'Create a bundle with: kimg bundle');
	return JSON.parse(await readFrom(file, 'plan.json')) as BundledPlan;
}

/**
 * Unpacks a bundle into the work folder of a build, and checks each file against the bundle's lock.
 *
 * @throws UserError when it is damaged
 */
export async function unpackBundle(
	file: string,
	{ plan }: BundledPlan,
	work: string,
): Promise<{ lock: Lock; inputs: BuildInputs }> {
	await unpackArchive(file, work);
	const at = (name: string) => path.join(work, name);
	const places = {
		elements: at('elements'),
		binaries: at('binaries'),
		archives: at('archives'),
		components: at('components'),
		lock: at('image.lock.json'),
		output: at('image'),
	};
	const elements = await readTree(places.elements);
	const lock = await readLock(places.lock);
	const files = await filesOf(plan, places, elements);
	const archives = await checksumsBelow(places.archives, await filesBelow(places.archives), '');
	const lines = differences(lock, withFiles(lock, { files, archives })).map((line) => `  - ${line}`);
	if (lines.length > 0) throw new UserError(`${file} does not match its lock:\n${lines.join('\n')}`);
	return { lock, inputs: { places, elements, files, archives } };
}
