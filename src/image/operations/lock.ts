import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../base/folders.ts';
import { requireWritablePath } from '../../base/output.ts';
import { makeLock } from '../build/make-lock.ts';
import { planFor } from '../build/request.ts';
import { aptSources, mirrorsFor } from '../debian/apt.ts';
import type { Supply } from '../fetch/fetch.ts';
import { lockText } from '../spec/lock.ts';
import { cacheFolder, createWorkFolder, removeWorkFolder } from '../workspace/work-folder.ts';

/** Options of a lock. */
export interface LockOptions {
	/** The file (default: `./PROFILE.lock.json`). */
	readonly out?: string | undefined;
	/** Additional container images: references, or archives. */
	readonly withImages: readonly string[];
	readonly supply: Supply;
}

/**
 * Writes a profile's lock.
 *
 * @returns the file's path
 */
export async function lockImage(
	profileWord: string,
	sourceWord: string,
	{ out, withImages, supply }: LockOptions,
): Promise<string> {
	const { plan, source } = await planFor(profileWord, sourceWord, withImages);
	const file = path.resolve(out ?? `${plan.profile.name}.lock.json`);
	await requireWritablePath(file);
	const cache = cacheFolder();
	const sources = aptSources(plan.profile, await mirrorsFor(plan.profile));
	const work = await createWorkFolder(cache);
	try {
		const lock = await makeLock(plan, source, sources, supply, { work, cache });
		await makeFolder(path.dirname(file));
		await writeFile(file, lockText(lock));
		return file;
	} finally {
		await removeWorkFolder(work);
	}
}
