import type { DiskFiles } from './disk-files.ts';

/** A package that is installed on a disk. */
export interface InstalledPackage {
	readonly name: string;
	readonly version: string;
	readonly architecture: string;
	/** The source package, `NAME` or `NAME@VERSION`; `null` if name and version are the same. */
	readonly source: string | null;
	/** Installed size in bytes. */
	readonly size: number;
}

const database = '/var/lib/dpkg';

/** One paragraph of dpkg's database, by field; only the first line of each. */
function fieldsOf(paragraph: string): Map<string, string> {
	const lines = paragraph.split('\n').map((line) => /^([A-Za-z-]+):\s*(.*)$/.exec(line));
	return new Map(
		lines.filter((line) => line !== null).map(([, key, value]) => [key as string, value as string]),
	);
}

/** The installed packages in dpkg's database on a disk, sorted by name. */
export async function installedPackages(files: DiskFiles): Promise<InstalledPackage[]> {
	const status = (await files.text(`${database}/status`)) ?? '';
	return status
		.split(/\n\n+/)
		.map(fieldsOf)
		.filter((fields) => fields.get('Status')?.endsWith(' installed') === true)
		.map((fields) => {
			const name = fields.get('Package') ?? '';
			return {
				name,
				version: fields.get('Version') ?? '',
				architecture: fields.get('Architecture') ?? '',
				source: fields.get('Source')?.replace(/ \((.*)\)$/, '@$1') ?? null,
				size: Number(fields.get('Installed-Size') ?? 0) * 1024,
			};
		})
		.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The base name of dpkg's files for a package, with the architecture for multi-arch packages. */
async function record(files: DiskFiles, { name, architecture }: InstalledPackage, kind: string) {
	return (
		(await files.text(`${database}/info/${name}.${kind}`)) ??
		(await files.text(`${database}/info/${name}:${architecture}.${kind}`)) ??
		''
	);
}

/** The paths of a package on a disk. */
export async function pathsOf(files: DiskFiles, one: InstalledPackage): Promise<string[]> {
	return (await record(files, one, 'list')).split('\n').filter((line) => line !== '');
}

/** The MD5 checksums in a Debian package, by path; configuration files have none. */
export async function checksumsOf(files: DiskFiles, one: InstalledPackage): Promise<Map<string, string>> {
	const lines = (await record(files, one, 'md5sums'))
		.split('\n')
		.map((line) => /^([0-9a-f]{32})\s+(.+)$/.exec(line));
	return new Map(
		lines.filter((line) => line !== null).map(([, digest, file]) => [`/${file}`, `md5:${digest}`]),
	);
}
