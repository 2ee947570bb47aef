import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { table } from '../../base/table.ts';
import type { Lock } from '../spec/lock.ts';
import { type Disk, withDisk } from './disk.ts';
import type { DiskFiles } from './disk-files.ts';
import { type InstalledPackage, installedPackages } from './disk-packages.ts';
import { innerLock, outerLock } from './inspect-lock.ts';
import { recordOf } from './inspect-record.ts';

/** The content of an image; sizes in bytes, `null` for unknown values. */
export interface Inspection {
	readonly file: string;
	readonly profile: string | null;
	readonly kubernetes: string | null;
	/** Version of Debian and the code name of its release. */
	readonly debian: string | null;
	readonly release: string | null;
	/** Where the image's lock was found. */
	readonly lock: string | null;
	/** Date of the Debian archive from which the image was built. */
	readonly snapshot: string | null;
	readonly format: string;
	/** Size of the file, virtual size of the disk, and used space on it. */
	readonly size: { readonly file: number; readonly disk: number; readonly used: number };
	readonly components: readonly {
		readonly name: string;
		readonly version: string;
		readonly licence: string | null;
	}[];
	/** Container images in the image, by the references that pods use; without a lock by their archives. */
	readonly containerImages: readonly {
		readonly name: string;
		readonly digest: string | null;
		readonly archive: string;
		/** Size of the archive. */
		readonly size: number;
	}[];
	readonly packages: readonly InstalledPackage[];
}

/** One value of os-release. */
const valueIn = (text: string, key: string) => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? null;

/** `12 (bookworm)` gives the code name in every release; VERSION_CODENAME came with Debian 9. */
const codeName = (release: string) => /\((\w+)\)/.exec(valueIn(release, 'VERSION') ?? '')?.[1] ?? null;

async function containerImages(
	files: DiskFiles,
	images: Lock['images'] = {},
): Promise<Inspection['containerImages']> {
	const archives = await files.matching('/usr/share/kstack/images/*.tar');
	const found = archives.map(async (file) => {
		const archive = path.posix.basename(file);
		const size = (await files.status(file))?.size ?? 0;
		const named = Object.entries(images).filter(([, image]) => image.archive === archive);
		if (named.length === 0) return [{ name: path.posix.basename(file, '.tar'), digest: null, archive, size }];
		return named.map(([name, { digest }]) => ({ name, digest: digest ?? null, archive, size }));
	});
	return (await Promise.all(found)).flat();
}

async function usedBytes(folder: string): Promise<number> {
	const { blocks, bfree, bsize } = await statfs(folder);
	return (blocks - bfree) * bsize;
}

/** Inspects a mounted image. */
export async function inspectDisk({
	file,
	facts,
	files,
}: Disk): Promise<{ inspection: Inspection; lock?: Lock }> {
	const record = await recordOf(file, files);
	const found = (await outerLock(file)) ?? (await innerLock(files));
	const lock = found?.lock;
	const release = (await files.text('/etc/os-release')) ?? '';
	const versions = lock?.components ?? {};
	const components = Object.keys({ ...record.components, ...versions }).sort();
	const inspection = {
		file,
		profile: lock?.profile ?? record.profile ?? null,
		kubernetes: record.kubernetes ?? lock?.components.kubernetes?.version ?? null,
		debian: valueIn(release, 'VERSION_ID'),
		release: codeName(release),
		lock: found?.source ?? null,
		snapshot: lock?.debian.date ?? null,
		format: facts.format,
		size: { file: facts.size, disk: facts.virtualSize, used: await usedBytes(files.folder) },
		components: components.map((name) => ({
			name,
			version: versions[name]?.version ?? record.components?.[name] ?? '',
			licence: versions[name]?.licence ?? null,
		})),
		containerImages: await containerImages(files, lock?.images),
		packages: await installedPackages(files),
	};
	return { inspection, ...(lock === undefined ? {} : { lock }) };
}

/** Formats a size in bytes. */
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The content of an image as text. */
export function inspectionText(of: Inspection): string {
	const { size } = of;
	const facts: [string, string | null][] = [
		['profile', of.profile],
		['kubernetes', of.kubernetes],
		['debian', of.debian === null ? null : `${of.debian} (${of.release})`],
		['snapshot', of.snapshot],
		['lock', of.lock ?? 'none'],
		['size', `${megabytes(size.file)} ${of.format}; ${megabytes(size.used)} used of ${megabytes(size.disk)}`],
	];
	const width = Math.max(...facts.map(([key]) => key.length)) + 3;
	return [
		...facts.filter(([, value]) => value !== null).map(([key, value]) => `${key.padEnd(width)}${value}`),
		'',
		table(
			['COMPONENT', 'VERSION', 'LICENCE'],
			of.components.map(({ name, version, licence }) => [name, version, licence ?? '']),
		),
		'',
		table(
			['CONTAINER IMAGE', 'DIGEST', 'SIZE'],
			of.containerImages.map(({ name, digest, size }) => [name, digest ?? '', megabytes(size)]),
		),
		'',
		table(
			['PACKAGE', 'VERSION', 'SIZE'],
			of.packages.map(({ name, version, size }) => [name, version, megabytes(size)]),
		),
	].join('\n');
}

/**
 * `kimg inspect`: the content of an image.
 *
 * @param output  `sbom` is CycloneDX as JSON
 * @throws UserError when the image cannot be read
 */
export function inspectImage(image: string, output: 'table' | 'json' | 'sbom'): Promise<string> {
	return withDisk(image, async (disk) => {
		const { inspection, lock } = await inspectDisk(disk);
		if (output === 'json') return JSON.stringify(inspection, undefined, 2);
		if (output === 'table') return inspectionText(inspection);
		const { billOfMaterials } = await import('./sbom.ts');
		return billOfMaterials(inspection, lock);
	});
}
