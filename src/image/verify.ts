import { isDeepStrictEqual } from 'node:util';
import { withDisk } from './disk.ts';
import type { DiskFiles } from './disk-files.ts';
import { type InstalledPackage, installedPackages } from './disk-packages.ts';
import { type FoundLock, innerLock, lockInside, outerLock } from './inspect-lock.ts';
import type { Lock } from './lock.ts';
import { componentFindings, packageFileFindings, packageFindings } from './verify-content.ts';
import type { Finding } from './verify-finding.ts';
import { identityFindings } from './verify-identity.ts';
import { leftoverFindings } from './verify-leftovers.ts';
import { unitFindings } from './verify-units.ts';

/** What verifying an image has come to. */
export interface Verdict {
	/** Where its lock was found; `null` when there is none. */
	readonly lock: string | null;
	readonly checked: { readonly components: number; readonly packages: number };
	/** Everything that is not as it should be. */
	readonly findings: readonly Finding[];
}

/** A lock without the files, which only the lock of a built image knows. */
const bare = (lock: Lock) => ({
	...lock,
	components: Object.fromEntries(
		Object.entries(lock.components).map(([name, { files: _, ...component }]) => [name, component]),
	),
});

/** What is wrong between the image and its lock. */
async function lockFindings(
	files: DiskFiles,
	packages: readonly InstalledPackage[],
	found: FoundLock | undefined,
): Promise<Finding[]> {
	if (found === undefined) {
		return [{ about: 'lock', problem: 'there is none: the components cannot be checked' }];
	}
	const { lock, source } = found;
	const inner = await innerLock(files);
	const others: Finding[] = [];
	if (inner !== undefined && !isDeepStrictEqual(bare(inner.lock), bare(lock))) {
		others.push({ about: lockInside, problem: `is another lock than ${source}` });
	}
	if (componentFiles(lock) === 0 && Object.keys(lock.components).length > 0) {
		others.push({
			about: source,
			problem: 'names no files: the components can be checked by the lock of a built image alone',
		});
	}
	return [...others, ...(await componentFindings(files, lock)), ...packageFindings(packages, lock)];
}

const componentFiles = (lock: Lock | undefined) =>
	Object.values(lock?.components ?? {}).flatMap(({ files }) => Object.keys(files ?? {})).length;

/**
 * Checks a disk against its lock and against what a node's image must and must not hold.
 *
 * @param outer  the lock from outside; left out, the one on the disk
 */
export async function verifyFiles(files: DiskFiles, outer?: FoundLock): Promise<Verdict> {
	const found = outer ?? (await innerLock(files));
	const packages = await installedPackages(files);
	return {
		lock: found?.source ?? null,
		checked: { components: componentFiles(found?.lock), packages: packages.length },
		findings: [
			...(await lockFindings(files, packages, found)),
			...(await packageFileFindings(files, packages)),
			...(await identityFindings(files)),
			...(await leftoverFindings(files, packages)),
			...(await unitFindings(files)),
		],
	};
}

/** The verdict as an operator reads it. */
export function verdictText(image: string, { lock, checked, findings }: Verdict): string {
	const what = `component files: ${checked.components}, packages: ${checked.packages}, lock: ${lock ?? 'none'}`;
	if (findings.length === 0) return `${image} is as it should be (${what}).`;
	return [
		`${image} is not as it should be (${what}):`,
		...findings.map(({ about, problem }) => `  - ${about}: ${problem}`),
	].join('\n');
}

/**
 * `kimg verify`: mounts an image read-only and checks all that is in it.
 *
 * @param given  the lock to check against; left out, the one beside the image or in it
 * @returns the verdict as text, and whether nothing was found
 * @throws UserError when the image cannot be read, or the lock
 */
export async function verifyImage(
	image: string,
	given: string | undefined,
	output: 'table' | 'json',
): Promise<{ text: string; good: boolean }> {
	const outer = await outerLock(image, given);
	return withDisk(image, async ({ files }) => {
		const verdict = await verifyFiles(files, outer);
		return {
			text:
				output === 'json'
					? JSON.stringify({ file: image, ...verdict }, undefined, 2)
					: verdictText(image, verdict),
			good: verdict.findings.length === 0,
		};
	});
}
