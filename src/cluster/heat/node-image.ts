import { imageContract } from '../../base/contract.ts';
import { cut } from '../../base/forms.ts';
import { type Json, list, ownProject, show } from '../../openstack/client.ts';

/** An image that members are made from. */
export interface NodeImage {
	readonly id: string;
	/** Its own name, which ends in a digest if kimg uploaded it. */
	readonly name: string;
	/** The version of Kubernetes in it, such as `1.20.2`, as far as its properties tell. */
	readonly kubernetes: string | undefined;
	/** The version of etcd in it, such as `3.5.29` or Debian's `3.4.23+dfsg-4`, as far as its properties tell. */
	readonly etcd: string | undefined;
	/** The pod networks that it has; `undefined` when its properties do not tell. */
	readonly networkDrivers: readonly string[] | undefined;
	/** What its nodes expect of user-data (src/base/contract.ts); 0 when its properties do not tell. */
	readonly contract: number;
	/** Gigabytes of disk and megabytes of memory that a machine needs. */
	readonly minDisk: number;
	readonly minMemory: number;
	/** When it came to the cloud, in ISO 8601. */
	readonly created: string;
}

/** Whether an image was made by kimg, by its tag or its properties: else nothing tells what is in it. */
function isOfKimg({ tags, properties, ...found }: Json): boolean {
	if (Array.isArray(tags) && tags.includes('kimg')) return true;
	return Object.keys({ ...found, ...(properties as Json) }).some((key) => key.startsWith('kstack_'));
}

/** An image as a list shows it. */
interface Row {
	readonly id: string;
	readonly name: string;
	readonly project: string;
	readonly byKimg: boolean;
}

/** Images that can be used, the newest first. */
async function usable(...filter: string[]): Promise<Row[]> {
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

/** The project's own among them; all of them when none is. */
async function ownBefore(rows: readonly Row[]): Promise<readonly Row[]> {
	if (new Set(rows.map(({ project }) => project)).size < 2) return rows;
	const project = await ownProject();
	const own = rows.filter((row) => row.project === project);
	return own.length === 0 ? rows : own;
}

/** The image of that ID; `undefined` when there is none. */
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

/** The newest that kimg has uploaded, whatever its name; `undefined` when there is none. */
async function newestOfAll(mistakes: string[]): Promise<NodeImage | undefined> {
	const [newest] = await ownBefore(await usable('--tag', 'kimg'));
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

async function ofThatId(wanted: string, mistakes: string[]): Promise<NodeImage | undefined> {
	const found = await show(['image'], wanted);
	if (found === undefined) {
		const all = (await list(['image'])).map(({ Name }) => Name);
		mistakes.push(`There is no image "${cut(wanted)}". There are: ${all.join(', ') || 'none'}.`);
		return undefined;
	}
	if ((found.status ?? 'active') !== 'active') {
		mistakes.push(`The image "${cut(wanted)}" cannot be used: it is ${found.status}.`);
		return undefined;
	}
	return requireKimg(found, mistakes);
}

/** The image, if it is of kimg. */
function requireKimg(found: Json, mistakes: string[]): NodeImage | undefined {
	if (isOfKimg(found)) return readImage(found);
	mistakes.push(
		`The image "${found.name}" (${found.id}) was not uploaded by kimg: it has no property that begins with kstack_, so it is not known whether it is a Kubernetes node. Build one with kimg build, and upload it with kimg upload.`,
	);
	return undefined;
}

async function ofThatName(wanted: string, mistakes: string[]): Promise<NodeImage | undefined> {
	const [exact, uploaded] = await Promise.all([
		usable('--name', wanted),
		usable('--tag', 'kimg', '--property', `kstack_name=${wanted}`),
	]);
	const all = await ownBefore([...exact, ...uploaded]);
	if (all.length === 0) return ofThatId(wanted, mistakes);
	const byHand = all.filter(({ byKimg }) => !byKimg);
	if (byHand.length > 0 && all.length > 1) {
		const lines = all.map(({ id, name, byKimg }) => `\n    ${id}  ${name}${byKimg ? ', by kimg' : ''}`);
		mistakes.push(
			`"${cut(wanted)}" may be any of ${all.length} images; name one by its ID:${lines.join('')}`,
		);
		return undefined;
	}
	// kimg 0.2.0 gave all of one profile the same name, and no property that says it.
	const newest = await newestOf(
		all.filter((row) => exact.includes(row)),
		all.filter((row) => uploaded.includes(row)),
	);
	return newest && requireKimg(newest, mistakes);
}

/**
 * The image that is meant: the newest that kimg uploaded under a name, the one that has exactly this name or
 * ID, or, where nothing is said, the newest that kimg uploaded. The project's own go before others'.
 *
 * @param mistakes  gets a sentence when there is none, or when the name may be one of several
 */
export async function findNodeImage(
	wanted: string | undefined,
	mistakes: string[],
): Promise<NodeImage | undefined> {
	const image = await (wanted === undefined ? newestOfAll(mistakes) : ofThatName(wanted, mistakes));
	if (image === undefined || image.contract <= imageContract) return image;
	mistakes.push(
		`The image "${image.name}" (${image.id}) needs a newer kstack: its property kstack_contract is ${image.contract}, and this kstack supports up to ${imageContract}.`,
	);
	return undefined;
}

/** The contracts of images by their IDs, as a stack remembers them: without those that have none. */
export function contractsOf(images: readonly NodeImage[]): Record<string, number> {
	const known = images.filter(({ contract }) => contract > 0);
	return Object.fromEntries(known.map(({ id, contract }) => [id, contract]));
}

/** Minor and patch of a version of Kubernetes 1 such as `v1.20.2`; `undefined` for anything else. */
export function versionOf(text: string | undefined): { minor: number; patch: number } | undefined {
	const match = /^v?1\.(\d+)\.(\d+)\b/.exec(text ?? '');
	return match === null ? undefined : { minor: Number(match[1]), patch: Number(match[2]) };
}

/** Below, equal or above 0 as `one` is older, the same or newer; versions that are none are the same. */
export function compareVersions(one: string | undefined, other: string | undefined): number {
	const [a, b] = [versionOf(one), versionOf(other)];
	return a === undefined || b === undefined ? 0 : a.minor - b.minor || a.patch - b.patch;
}

/**
 * Why nodes of these versions cannot be replaced by those of the image; `undefined` when they can.
 *
 * @param versions  what the cluster's nodes have
 */
export function mistakeInVersion(versions: readonly string[], image: NodeImage): string | undefined {
	const next = versionOf(image.kubernetes);
	if (next === undefined) {
		return `The image "${image.name}" does not tell its version of Kubernetes. If you know it, set it: openstack image set --property kstack_kubernetes=VERSION ${image.id}`;
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
 * Why etcd of the image cannot go on with what etcd of the masters' own image has written; `undefined` when it
 * can. A member joins those of its own minor version or of the one before, and none that are newer.
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
