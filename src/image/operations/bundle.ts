import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../base/folders.ts';
import { requireWritablePath } from '../../base/output.ts';
import { say } from '../../base/say.ts';
import { gatherInputs, withFiles } from '../build/inputs.ts';
import { makeLock } from '../build/make-lock.ts';
import { planFor } from '../build/request.ts';
import { filesToPack, writeArchive } from '../bundle/pack.ts';
import type { BundledPlan } from '../bundle/unbundle.ts';
import { aptSources, mirrorsFor } from '../debian/apt.ts';
import { type KubernetesSource, programs } from '../fetch/kubernetes.ts';
import { lockText } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import {
	cacheFolder,
	createWorkFolder,
	removeAbandonedWorkFolders,
	removeWorkFolder,
} from '../workspace/work-folder.ts';
import type { LockOptions } from './lock.ts';

/** The plan without folders of this machine. */
function bundled(plan: ImagePlan, source: KubernetesSource): BundledPlan {
	const { profile } = plan;
	const names = (files: readonly string[]) => files.map((file) => path.basename(file));
	return {
		plan: {
			...plan,
			profile: { ...profile, images: names(profile.images), elements: names(profile.elements) },
		},
		source: typeof source === 'string' ? source : 'folder',
	};
}

/**
 * `kimg bundle`: packs the input of an image, except Debian packages, into one file.
 *
 * @param out  the file (default: `./PROFILE.bundle.tar`)
 * @returns the file's path
 * @throws UserError when some input is not available; no file is written
 */
export async function bundleImage(
	profileWord: string,
	sourceWord: string,
	{ out, withImages, supply }: LockOptions,
): Promise<string> {
	const began = Date.now();
	const { plan, source } = await planFor(profileWord, sourceWord, withImages);
	const target = path.resolve(out ?? `${plan.profile.name}.bundle.tar`);
	await requireWritablePath(target);
	const cache = cacheFolder();
	const sources = aptSources(plan.profile, await mirrorsFor(plan.profile));
	await removeAbandonedWorkFolders(cache);
	const work = await createWorkFolder(cache);
	try {
		const lock = await makeLock(plan, source, sources, supply, { work, cache });
		const inputs = await gatherInputs(plan, lock, source, work, cache, supply);
		const { places } = inputs;
		await writeFile(places.lock, lockText(withFiles(lock, inputs)));
		const planFile = path.join(work, 'plan.json');
		await writeFile(planFile, `${JSON.stringify(bundled(plan, source), undefined, 2)}\n`);
		await makeFolder(path.dirname(target));
		await writeArchive(target, [
			{ file: planFile, name: 'plan.json' },
			{ file: places.lock, name: 'image.lock.json' },
			...(await filesToPack(places.elements, 'elements')),
			...programs.map((name) => ({ file: path.join(places.binaries, name), name: `binaries/${name}` })),
			...(await filesToPack(places.archives, 'archives')),
			...(await filesToPack(places.components, 'components')),
		]);
	} finally {
		await removeWorkFolder(work);
	}
	say(`${plan.profile.name} bundled in ${Math.round((Date.now() - began) / 1000)} s`);
	return target;
}
