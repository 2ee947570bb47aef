import { UserError } from '../../base/errors.ts';
import { readArchive } from '../fetch/image-archive.ts';
import type { Lock, LockedImage } from '../spec/lock.ts';
import type { DiskFiles } from './disk-files.ts';
import { checksumsOf, type InstalledPackage } from './disk-packages.ts';
import type { Finding } from './verify-finding.ts';

/** Checks a file against the lock. */
async function fileFindings(
	files: DiskFiles,
	file: string,
	expected: string,
	owner: string,
): Promise<Finding[]> {
	const actual = await files.checksum(file, expected.split(':')[0]);
	if (actual === expected) return [];
	if (actual === undefined) return [{ about: file, problem: `is missing: a file of ${owner}` }];
	return [
		{
			about: file,
			problem: `differs from the file of ${owner}: its checksum is ${actual}, in the lock ${expected}`,
		},
	];
}

/** Files of components that differ from the lock. */
export async function componentFindings(files: DiskFiles, lock: Lock): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [name, component] of Object.entries(lock.components)) {
		for (const [file, expected] of Object.entries(component.files ?? {})) {
			found.push(...(await fileFindings(files, file, expected, `${name} ${component.version}`)));
		}
	}
	return found;
}

const imagesFolder = '/usr/share/kstack/images';

/** Checks the archive of a container image; a lock of `kimg lock` only has its digest. */
async function imageFinding(files: DiskFiles, name: string, image: LockedImage): Promise<Finding[]> {
	const file = `${imagesFolder}/${image.archive}`;
	if (image.checksum !== undefined) return fileFindings(files, file, image.checksum, `the image ${name}`);
	const place = await files.resolvePath(file);
	if (place === undefined || (await files.status(file)) === undefined)
		return [{ about: file, problem: `is missing: the image ${name}` }];
	const images = await readArchive(place).catch((error: unknown) => {
		if (error instanceof UserError) return [];
		throw error;
	});
	const found = images.find(({ references }) => references.includes(name));
	if (found !== undefined && found.digest === image.digest) return [];
	return [{ about: file, problem: `does not contain the image ${name} with the digest ${image.digest}` }];
}

/** Archives of container images that differ from the lock. */
export async function imageFindings(files: DiskFiles, lock: Lock): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [name, image] of Object.entries(lock.images))
		found.push(...(await imageFinding(files, name, image)));
	const known = Object.values(lock.images).map(({ archive }) => `${imagesFolder}/${archive}`);
	for (const file of await files.matching(`${imagesFolder}/*.tar`))
		if (!known.includes(file)) found.push({ about: file, problem: 'is not in the lock' });
	return found;
}

/** Packages that differ from the lock. */
export function packageFindings(packages: readonly InstalledPackage[], lock: Lock): Finding[] {
	const installed = new Map(packages.map((one) => [one.name, one]));
	const found: Finding[] = [];
	for (const [name, { version }] of Object.entries(lock.packages)) {
		const actual = installed.get(name)?.version;
		if (actual === undefined)
			found.push({ about: name, problem: `is not installed; the lock has ${version}` });
		else if (actual !== version)
			found.push({ about: name, problem: `is ${actual}; the lock has ${version}` });
	}
	for (const { name, version } of packages) {
		if (lock.packages[name] === undefined) {
			found.push({ about: name, problem: `is installed (${version}) but not in the lock` });
		}
	}
	return found;
}

/** An image may lack documentation and translations, but not programs. */
const program = /\/s?bin\//;

/** Files that differ from their Debian package, except configuration files. */
export async function packageFileFindings(
	files: DiskFiles,
	packages: readonly InstalledPackage[],
): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const one of packages) {
		for (const [file, expected] of await checksumsOf(files, one)) {
			const actual = await files.checksum(file, 'md5');
			if (actual === expected || (actual === undefined && !program.test(file))) continue;
			const how = actual === undefined ? 'is missing: a file' : 'differs from the file';
			found.push({ about: file, problem: `${how} of the package ${one.name} ${one.version}` });
		}
	}
	return found;
}
