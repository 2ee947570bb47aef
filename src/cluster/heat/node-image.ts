import { imageContract } from '../../base/contract.ts';
import { cut } from '../../base/forms.ts';
import { type Json, list, ownProject, show } from '../../openstack/client.ts';

/** A node image in Glance. */
export interface NodeImage {
	readonly id: string;
	/** Its name in Glance, which ends in a digest if kimg uploaded it. */
	readonly name: string;
	/** The version of Kubernetes, such as `1.20.2`, if its properties have it. */
	readonly kubernetes: string | undefined;
	/** The version of etcd, such as `3.5.29` or Debian's `3.4.23+dfsg-4`, if its properties have it. */
	readonly etcd: string | undefined;
	/** The network drivers that it has; `undefined` if its properties do not have them. */
	readonly networkDrivers: readonly string[] | undefined;
	/** The version of the user-data format (src/base/contract.ts); 0 if its properties do not have one. */
	readonly contract: number;
	/** Gigabytes of disk and megabytes of memory that a server needs. */
	readonly minDisk: number;
	readonly minMemory: number;
	/** Time of the upload, in ISO 8601. */
	readonly created: string;
}

/** Whether an image was built by kimg, by its tag or its properties. */
function isBuiltByKimg({ tags, properties, ...found }: Json): boolean {
	if (Array.isArray(tags) && tags.includes('kimg')) return true;
	return Object.keys({ ...found, ...(properties as Json) }).some((key) => key.startsWith('kstack_'));
}

/** An image in a list. */
interface Row {
	readonly id: string;
	readonly name: string;
	readonly project: string;
	readonly byKimg: boolean;
}

/** Active images, the newest first. */
async function listActive(...filter: string[]): Promise<Row[]> {
	const rows = await list(
		['image'],
		...filter,
		...['--long', '--status', 'active', '--sort', 'created_at:desc'],
	);
	return rows.map((row) => ({
		id: String(row.ID),
		name: String(row.Name),
		project: String(row.Project),
		byKimg: Array.isArray(row.Tags) && row.Tags.includes('kimg'),
	}));
}

/** The images of the current project; all of them if it has none. */
async function preferOwnProject(rows: readonly Row[]): Promise<readonly Row[]> {
	if (new Set(rows.map(({ project }) => project)).size < 2) return rows;
	const project = await ownProject();
	const own = rows.filter((row) => row.project === project);
	return own.length === 0 ? rows : own;
}

/** The image with this ID; `undefined` when there is none. */
export async function nodeImage(id: string): Promise<NodeImage | undefined> {
	const found = await show(['image'], id);
	return found && readImage(found);
}

function readImage(found: Json): NodeImage {
	const properties = { ...found, ...((found.properties ?? {}) as Json) };
	const text = (key: string) => (properties[key] === undefined ? undefined : String(properties[key]));
	return {
		id: String(found.id),
		name: String(found.name),
		kubernetes: text('kstack_kubernetes'),
		etcd: text('kstack_etcd'),
		networkDrivers: text('kstack_network_drivers')?.split(','),
		contract: Number(text('kstack_contract') ?? 0),
		minDisk: Number(found.min_disk ?? 0),
		minMemory: Number(found.min_ram ?? 0),
		created: text('created_at') ?? '',
	};
}

/** The newest image of kimg with any name; `undefined` when there is none. */
async function findNewest(mistakes: string[]): Promise<NodeImage | undefined> {
	const [newest] = await preferOwnProject(await listActive('--tag', 'kimg'));
	if (newest !== undefined) return nodeImage(newest.id);
	mistakes.push(
		'There is no image built by kimg in Glance: run `kimg build` and `kimg upload`, or select one with --image.',
	);
	return undefined;
}

/** The newer of the first ones of two lists. */
async function newestOf(...lists: readonly (readonly Row[])[]): Promise<Json | undefined> {
	const first = await Promise.all(
		lists.flatMap(([row]) => (row === undefined ? [] : [show(['image'], row.id)])),
	);
	const created = (image: Json) => String(image.created_at ?? '');
	return first.filter((image) => image !== undefined).sort((a, b) => created(b).localeCompare(created(a)))[0];
}

async function findById(wanted: string, mistakes: string[]): Promise<NodeImage | undefined> {
	const found = await show(['image'], wanted);
	if (found === undefined) {
		const all = (await list(['image'])).map(({ Name }) => Name);
		mistakes.push(`There is no image "${cut(wanted)}". Available: ${all.join(', ') || 'none'}.`);
		return undefined;
	}
	if ((found.status ?? 'active') !== 'active') {
		mistakes.push(`The image "${cut(wanted)}" cannot be used: its status in Glance is ${found.status}.`);
		return undefined;
	}
	return requireKimg(found, mistakes);
}

/** The image if it was built by kimg. */
function requireKimg(found: Json, mistakes: string[]): NodeImage | undefined {
	if (isBuiltByKimg(found)) return readImage(found);
	mistakes.push(
		`The image "${found.name}" (${found.id}) was not uploaded by kimg: it has no properties that begin with kstack_, so kstack cannot tell whether it contains Kubernetes. Build an image with kimg build, and upload it with kimg upload.`,
	);
	return undefined;
}

async function findByName(wanted: string, mistakes: string[]): Promise<NodeImage | undefined> {
	const [exact, uploaded] = await Promise.all([
		listActive('--name', wanted),
		listActive('--tag', 'kimg', '--property', `kstack_name=${wanted}`),
	]);
	const all = await preferOwnProject([...exact, ...uploaded]);
	if (all.length === 0) return findById(wanted, mistakes);
	const byHand = all.filter(({ byKimg }) => !byKimg);
	if (byHand.length > 0 && all.length > 1) {
		const lines = all.map(({ id, name, byKimg }) => `\n    ${id}  ${name}${byKimg ? ', by kimg' : ''}`);
		mistakes.push(`"${cut(wanted)}" matches ${all.length} images; use the ID of one:${lines.join('')}`);
		return undefined;
	}
	// kimg 0.2.0 gave all images of a profile the same name, and no property kstack_name.
	const newest = await newestOf(
		all.filter((row) => exact.includes(row)),
		all.filter((row) => uploaded.includes(row)),
	);
	return newest && requireKimg(newest, mistakes);
}

/**
 * The selected image: the newest that kimg uploaded under this name, or the one with exactly this name or ID; by default
 * the newest image of kimg. Images of the current project are preferred.
 *
 * @param mistakes  receives a sentence if there is none, or if the name is ambiguous
 */
export async function findNodeImage(
	wanted: string | undefined,
	mistakes: string[],
): Promise<NodeImage | undefined> {
	const image = await (wanted === undefined ? findNewest(mistakes) : findByName(wanted, mistakes));
	if (image === undefined || image.contract <= imageContract) return image;
	mistakes.push(
		`The image "${image.name}" (${image.id}) needs a newer kstack: its property kstack_contract is ${image.contract}, and this kstack supports up to ${imageContract}.`,
	);
	return undefined;
}

/** The contracts of images by their IDs, as recorded in a stack: without images that have none. */
export function contractsOf(images: readonly NodeImage[]): Record<string, number> {
	const known = images.filter(({ contract }) => contract > 0);
	return Object.fromEntries(known.map(({ id, contract }) => [id, contract]));
}

/** Minor and patch of a version of Kubernetes 1 such as `v1.20.2`; `undefined` for anything else. */
export function versionOf(text: string | undefined): { minor: number; patch: number } | undefined {
	const match = /^v?1\.(\d+)\.(\d+)\b/.exec(text ?? '');
	return match === null ? undefined : { minor: Number(match[1]), patch: Number(match[2]) };
}

/** Negative, 0 or positive if `one` is older, the same or newer; invalid versions are equal to all. */
export function compareVersions(one: string | undefined, other: string | undefined): number {
	const [a, b] = [versionOf(one), versionOf(other)];
	return a === undefined || b === undefined ? 0 : a.minor - b.minor || a.patch - b.patch;
}

/**
 * Why nodes of these versions cannot be upgraded to the image; `undefined` if they can.
 *
 * @param versions  versions of Kubernetes on the nodes of the cluster
 */
export function mistakeInVersion(versions: readonly string[], image: NodeImage): string | undefined {
	const next = versionOf(image.kubernetes);
	if (next === undefined) {
		return `The image "${image.name}" has no property kstack_kubernetes, so its version of Kubernetes is unknown. If you know it, set it: openstack image set --property kstack_kubernetes=VERSION ${image.id}`;
	}
	const sorted = versions.filter((version) => versionOf(version) !== undefined).sort(compareVersions);
	const [oldest, newest] = [sorted[0], sorted.at(-1)];
	if (compareVersions(newest, image.kubernetes) > 0) {
		return `The image "${image.name}" has Kubernetes ${image.kubernetes}, the cluster ${newest}: downgrades are possible only with --rollback.`;
	}
	const now = versionOf(oldest);
	if (now !== undefined && next.minor > now.minor + 1) {
		return `The image "${image.name}" has Kubernetes ${image.kubernetes}, the cluster ${oldest}: upgrade one minor version at a time, first to 1.${now.minor + 1}.`;
	}
	return undefined;
}

/**
 * Why etcd of the image cannot join the etcd cluster of the masters; `undefined` if it can. A member can join members of
 * its own minor version or of the previous one.
 */
export function mistakeInEtcd(now: NodeImage | undefined, next: NodeImage): string | undefined {
	const minor = (image: NodeImage | undefined) => /^3\.(\d+)\./.exec(image?.etcd ?? '')?.[1];
	const [from, to] = [minor(now), minor(next)];
	if (from === undefined || to === undefined) return undefined;
	const both = `The image "${next.name}" has etcd 3.${to}, the masters 3.${from}`;
	if (Number(to) < Number(from)) return `${both}: etcd cannot be downgraded to an older minor version.`;
	if (Number(to) > Number(from) + 1) return `${both}: etcd must be upgraded one minor version at a time.`;
	return undefined;
}
