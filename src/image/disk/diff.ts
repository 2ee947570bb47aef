import { table } from '../../base/table.ts';
import { type FileChange, fileChanges } from './diff-files.ts';
import { type Disk, withDisks } from './disk.ts';
import { installedPackages, pathsOf } from './disk-packages.ts';
import { type Inspection, inspectDisk } from './inspect.ts';

/** Exit codes of `kimg diff`, as in `kstack plan`. */
export const diffCodes = { same: 0, differ: 3 } as const;

/** A value that differs between the images; `null` where it does not exist. */
export interface Change {
	readonly name: string;
	readonly before: string | null;
	readonly after: string | null;
}

/** The differences between two images. */
export interface Difference {
	/** Differences of the records: profile and versions. */
	readonly facts: readonly Change[];
	readonly components: readonly Change[];
	readonly packages: readonly Change[];
	readonly files: readonly FileChange[];
}

type Named = readonly { readonly name: string; readonly version: string }[];

/** Names whose versions differ, sorted. */
export function versionChanges(before: Named, after: Named): Change[] {
	const versions = (list: Named) => new Map(list.map(({ name, version }) => [name, version]));
	const [old, young] = [versions(before), versions(after)];
	return [...new Set([...old.keys(), ...young.keys()])]
		.sort()
		.map((name) => ({ name, before: old.get(name) ?? null, after: young.get(name) ?? null }))
		.filter((change) => change.before !== change.after);
}

const factsOf = ({ profile, kubernetes, debian }: Inspection): Named =>
	Object.entries({ profile, kubernetes, debian })
		.filter(([, version]) => version !== null)
		.map(([name, version]) => ({ name, version: version as string }));

/** Compares two mounted images. */
export async function differenceOf(a: Disk, b: Disk): Promise<Difference> {
	const [before, after] = [(await inspectDisk(a)).inspection, (await inspectDisk(b)).inspection];
	return {
		facts: versionChanges(factsOf(before), factsOf(after)),
		components: versionChanges(before.components, after.components),
		packages: versionChanges(before.packages, after.packages),
		files: await fileChanges(a.files.folder, b.files.folder),
	};
}

/** Differing files of packages that differ, which are not listed. */
async function filesOfChangedPackages(
	packages: readonly Change[],
	disks: readonly Disk[],
): Promise<Set<string>> {
	const names = new Set(packages.map(({ name }) => name));
	const paths = new Set<string>();
	for (const { files } of disks) {
		for (const one of (await installedPackages(files)).filter(({ name }) => names.has(name))) {
			// A package may have a path in /bin when /bin is a link to /usr/bin.
			for (const file of await pathsOf(files, one)) paths.add(file).add(`/usr${file}`);
		}
	}
	return paths;
}

/** A difference in bytes, with its sign. */
const growth = ({ before, after }: FileChange) => {
	const bytes = (after ?? 0) - (before ?? 0);
	return `${bytes > 0 ? '+' : ''}${bytes}`;
};

const section = (heading: string, changes: readonly Change[]) =>
	changes.length === 0
		? []
		: [
				table(
					[heading, 'BEFORE', 'AFTER'],
					changes.map(({ name, before, after }) => [name, before ?? '-', after ?? '-']),
				),
			];

/**
 * The differences as text.
 *
 * @param explained  files that are not listed, because their packages are
 */
export function differenceText(of: Difference, explained: ReadonlySet<string>): string {
	const listed = of.files.filter((change) => !explained.has(change.path));
	const rest = of.files.length - listed.length;
	const files = table(
		['FILE', 'WHAT', 'BYTES', 'CHANGE'],
		listed.map((change) => [
			change.path,
			change.what.join(', '),
			String(change.after ?? change.before),
			growth(change),
		]),
	);
	const parts = [
		...section('IMAGE', of.facts),
		...section('COMPONENT', of.components),
		...section('PACKAGE', of.packages),
		...(listed.length === 0 ? [] : [files]),
		...(rest === 0 ? [] : [`${rest} files of these packages differ; -o json lists them.`]),
	];
	return parts.length === 0 ? 'The images have the same content.' : parts.join('\n\n');
}

/** The exit code: whether two images have the same content. */
export function diffCode({ facts, components, packages, files }: Difference): number {
	const changes = facts.length + components.length + packages.length + files.length;
	return changes === 0 ? diffCodes.same : diffCodes.differ;
}

/**
 * `kimg diff`: the differences between two images.
 *
 * @returns the difference as text, and as an exit code
 * @throws UserError when one of them cannot be read
 */
export function diffImages(
	a: string,
	b: string,
	output: 'table' | 'json',
): Promise<{ text: string; code: number }> {
	return withDisks([a, b], async (disks) => {
		const found = await differenceOf(disks[0] as Disk, disks[1] as Disk);
		const text =
			output === 'json'
				? JSON.stringify({ a, b, ...found }, undefined, 2)
				: differenceText(found, await filesOfChangedPackages(found.packages, disks));
		return { text, code: diffCode(found) };
	});
}
