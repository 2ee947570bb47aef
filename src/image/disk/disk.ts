import { access } from 'node:fs/promises';
import path from 'node:path';
import { refuse, usageError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { CommandError, run } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import {
	cacheFolder,
	createWorkFolder,
	removeAbandonedWorkFolders,
	removeWorkFolder,
} from '../workspace/work-folder.ts';
import { DiskFiles } from './disk-files.ts';

/** The output of qemu-img for a disk image; sizes in bytes. */
export interface DiskFacts {
	readonly format: string;
	/** Virtual size of the disk. */
	readonly virtualSize: number;
	/** Size of the file. */
	readonly size: number;
}

/** A disk image, open for reading. */
export interface Disk {
	/** The image's path as the operator gave it. */
	readonly file: string;
	readonly facts: DiskFacts;
	readonly files: DiskFiles;
}

/** As `sfdisk --json` prints it. */
export interface PartitionTable {
	/** Bytes; absent in old versions. */
	readonly sectorsize?: number;
	readonly partitions?: readonly { readonly start: number; readonly size: number }[];
}

/**
 * The offset of the root file system in bytes: that of the largest partition, because partitions of a boot loader are
 * small.
 *
 * @returns `undefined` when the disk has no partition
 */
export function rootOffset(table: PartitionTable): number | undefined {
	const [largest] = [...(table.partitions ?? [])].sort((a, b) => b.size - a.size);
	return largest && largest.start * (table.sectorsize ?? 512);
}

/**
 * Reads the properties of a disk image with qemu-img.
 *
 * @throws UserError exit code 2 when the file is not a disk image
 */
export async function diskFacts(file: string): Promise<DiskFacts> {
	await access(file).catch(() => {
		throw usageError(`There is no file ${file}.`, 'Create an image with: kimg build');
	});
	try {
		const said = await run('qemu-img', ['info', '--output=json', path.resolve(file)], {
			package: 'qemu-utils',
		});
		const info = JSON.parse(said) as { format: string; 'virtual-size': number; 'actual-size': number };
		return { format: info.format, virtualSize: info['virtual-size'], size: info['actual-size'] };
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw usageError(`${file} cannot be read as a disk image: ${error.stderr}`);
	}
}

/** The disk's bytes as a file that can be mounted: itself, or a sparse copy in the work folder. */
async function rawOf(file: string, { format }: DiskFacts, folder: string): Promise<string> {
	if (format === 'raw') return path.resolve(file);
	say(`Unpacking ${path.basename(file)}`);
	const raw = path.join(folder, 'raw');
	await run('qemu-img', ['convert', '-f', format, '-O', 'raw', path.resolve(file), raw], {
		package: 'qemu-utils',
	});
	return raw;
}

async function partitionTable(raw: string, file: string): Promise<PartitionTable> {
	try {
		const said = await run('sfdisk', ['--json', raw], { package: 'fdisk' });
		return (JSON.parse(said) as { partitiontable: PartitionTable }).partitiontable;
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw usageError(`${file} is not a partitioned disk image built by kimg.`);
	}
}

/** Mounts a disk's root file system in a folder, read-only and without execution. */
async function mountDisk(file: string, folder: string): Promise<Disk> {
	const facts = await diskFacts(file);
	const root = path.join(folder, 'root');
	await makeFolder(root);
	const raw = await rawOf(file, facts, folder);
	const offset = rootOffset(await partitionTable(raw, file));
	if (offset === undefined) throw usageError(`${file} has no partition.`);
	const how = `ro,loop,offset=${offset},noload,nosuid,nodev,noexec`;
	await run('mount', ['-t', 'ext4', '-o', how, raw, root], { package: 'mount' });
	return { file, facts, files: new DiskFiles(root) };
}

/**
 * Mounts disk images read-only, calls `use`, and unmounts them, also after errors.
 *
 * @returns what `use` returns
 * @throws UserError exit code 2 without root permissions, or when a file is not a disk image
 */
export async function withDisks<Result>(
	images: readonly string[],
	use: (disks: readonly Disk[]) => Promise<Result>,
): Promise<Result> {
	refuse(
		process.getuid?.() === 0 ? [] : ['Not root: the command mounts the image, read-only. Run it with sudo.'],
	);
	const cache = cacheFolder();
	await removeAbandonedWorkFolders(cache);
	const work = await createWorkFolder(cache);
	try {
		const disks: Disk[] = [];
		for (const [index, file] of images.entries()) {
			disks.push(await mountDisk(file, path.join(work, String(index))));
		}
		return await use(disks);
	} finally {
		await removeWorkFolder(work);
	}
}

/** Mounts one disk image; see `withDisks`. */
export function withDisk<Result>(image: string, use: (disk: Disk) => Promise<Result>): Promise<Result> {
	return withDisks([image], ([disk]) => use(disk as Disk));
}
