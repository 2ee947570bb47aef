import { isDeepStrictEqual } from 'node:util';
import type { Lock } from '../spec/lock.ts';
import { withDisk } from './disk.ts';
import type { DiskFiles } from './disk-files.ts';
import { type InstalledPackage, installedPackages } from './disk-packages.ts';
import { type FoundLock, innerLock, lockInside, outerLock } from './inspect-lock.ts';
import { componentFindings, imageFindings, packageFileFindings, packageFindings } from './verify-content.ts';
import { type Finding, findings } from './verify-finding.ts';
import { identityFindings } from './verify-identity.ts';
import { leftoverFindings } from './verify-leftovers.ts';
import { unitFindings } from './verify-units.ts';

/** The result of verifying an image. */
export interface Verdict {
	/** The location of its lock; `null` when there is none. */
	readonly lock: string | null;
	readonly checked: { readonly components: number; readonly packages: number };
	/** All problems. */
	readonly findings: readonly Finding[];
}

/** The common part of two locks of an image: only the lock of a built image has files and archives. */
const comparedFields = ({ profile, debian, elements, components, images, packages }: Lock) => ({
	...{ profile, release: debian.release, elements, packages },
	components: Object.fromEntries(
		Object.entries(components).map(([name, { files: _, ...component }]) => [name, component]),
	),
	images: Object.fromEntries(
		Object.entries(images).map(([name, { checksum: _, ...image }]) => [name, image]),
	),
});

/** Differences between the lock in the image and the external one. */
async function innerLockFindings(files: DiskFiles, { lock, source }: FoundLock): Promise<Finding[]> {
	const inner = await innerLock(files);
	if (inner === undefined || isDeepStrictEqual(comparedFields(inner.lock), comparedFields(lock))) return [];
	return [{ about: lockInside, problem: `differs from ${source}` }];
}

/** Differences between the image and its lock. */
async function lockFindings(
	files: DiskFiles,
	packages: readonly InstalledPackage[],
	found: FoundLock | undefined,
): Promise<Finding[]> {
	const unreadable = (await innerLock(files)) === undefined && (await files.status(lockInside)) !== undefined;
	const first = unreadable ? [{ about: lockInside, problem: 'cannot be read as a lock' }] : [];
	if (found === undefined) {
		return [...first, { about: 'lock', problem: 'is missing: the components cannot be checked' }];
	}
	const { lock, source } = found;
	const hasNoFiles = componentFiles(lock) === 0 && Object.keys(lock.components).length > 0;
	return [
		...first,
		...(await innerLockFindings(files, found)),
		...findings(
			hasNoFiles ? [source] : [],
			'lists no files: use the lock of a built image to check the components',
		),
		...(await componentFindings(files, lock)),
		...(await imageFindings(files, lock)),
		...packageFindings(packages, lock),
	];
}

const componentFiles = (lock: Lock | undefined) =>
	Object.values(lock?.components ?? {}).flatMap(({ files }) => Object.keys(files ?? {})).length;

/**
 * Checks a disk against its lock, and against the rules for node images.
 *
 * @param outer  the external lock (default: the lock on the disk)
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

/** The verdict as text. */
export function verdictText(image: string, { lock, checked, findings: all }: Verdict): string {
	const what = `component files: ${checked.components}, packages: ${checked.packages}, lock: ${lock ?? 'none'}`;
	if (all.length === 0) return `${image} passed all checks (${what}).`;
	return [
		`${image} failed these checks (${what}):`,
		...all.map(({ about, problem }) => `  - ${about}: ${problem}`),
	].join('\n');
}

/**
 * `kimg verify`: mounts an image read-only and checks its content.
 *
 * @param given  the lock to check against (default: the lock beside the image, or inside it)
 * @returns the verdict as text, and whether there are no findings
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
