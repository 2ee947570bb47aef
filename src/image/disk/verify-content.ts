import type { Lock } from '../lock.ts';
import type { DiskFiles } from './disk-files.ts';
import { checksumsOf, type InstalledPackage } from './disk-packages.ts';
import type { Finding } from './verify-finding.ts';

/** What is wrong with a file that a lock knows. */
async function fileFindings(
	files: DiskFiles,
	file: string,
	expected: string,
	owner: string,
): Promise<Finding[]> {
	const actual = await files.checksum(file, expected.split(':')[0]);
	if (actual === expected) return [];
	if (actual === undefined) return [{ about: file, problem: `is missing: a file of ${owner}` }];
	return [{ about: file, problem: `is not the file of ${owner}: it has ${actual}, the lock ${expected}` }];
}

/** Files of components that are not those of the lock. */
export async function componentFindings(files: DiskFiles, lock: Lock): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [name, component] of Object.entries(lock.components)) {
		for (const [file, expected] of Object.entries(component.files ?? {})) {
			found.push(...(await fileFindings(files, file, expected, `${name} ${component.version}`)));
		}
	}
	return found;
}

/** Archives of container images, added by the profile, that are not those of the lock. */
export async function imageFindings(files: DiskFiles, lock: Lock): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [name, expected] of Object.entries(lock.images)) {
		found.push(...(await fileFindings(files, `/usr/share/kstack/images/${name}`, expected, 'the profile')));
	}
	return found;
}

/** Packages that are not those of the lock. */
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
			found.push({ about: name, problem: `is installed (${version}) and not in the lock` });
		}
	}
	return found;
}

/** Documentation and translations may be left out of an image, programs may not. */
const program = /\/s?bin\//;

/** Files that are not as their Debian package has brought them; configuration is not looked at. */
export async function packageFileFindings(
	files: DiskFiles,
	packages: readonly InstalledPackage[],
): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const one of packages) {
		for (const [file, expected] of await checksumsOf(files, one)) {
			const actual = await files.checksum(file, 'md5');
			if (actual === expected || (actual === undefined && !program.test(file))) continue;
			const how = actual === undefined ? 'is missing: a file' : 'has been changed: it is not the file';
			found.push({ about: file, problem: `${how} of the package ${one.name} ${one.version}` });
		}
	}
	return found;
}
