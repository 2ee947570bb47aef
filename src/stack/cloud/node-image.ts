import { list, show } from './openstack.ts';

/** An image that members are made from. */
export interface NodeImage {
	readonly id: string;
	readonly name: string;
	/** The version of Kubernetes in it, such as `1.20.2`, as far as its properties tell. */
	readonly kubernetes: string | undefined;
	/** The pod networks that it has; `undefined` when its properties do not tell. */
	readonly networkDrivers: readonly string[] | undefined;
}

/** The image of that name or ID, the newest of several of one name; `undefined` when there is none. */
export async function findNodeImage(nameOrId: string): Promise<NodeImage | undefined> {
	const named = ['--name', nameOrId, '--sort', 'created_at:desc', '--status', 'active'];
	const [newest] = await list(['image'], ...named);
	const found = await show(['image'], String(newest?.ID ?? nameOrId));
	if (found === undefined) return undefined;
	const properties = { ...found, ...((found.properties ?? {}) as object) } as Record<string, unknown>;
	const text = (key: string) => (properties[key] === undefined ? undefined : String(properties[key]));
	return {
		id: String(found.id),
		name: String(found.name),
		kubernetes: text('kstack_kubernetes'),
		networkDrivers: text('kstack_network_drivers')?.split(','),
	};
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
		return `The image "${image.name}" does not tell its version of Kubernetes, so nobody can say whether the masters may have it. If you know: openstack image set --property kstack_kubernetes=VERSION ${image.id}`;
	}
	const sorted = versions.filter((version) => versionOf(version) !== undefined).sort(compareVersions);
	const [oldest, newest] = [sorted[0], sorted.at(-1)];
	if (compareVersions(newest, image.kubernetes) > 0) {
		return `The image "${image.name}" has Kubernetes ${image.kubernetes}, the cluster ${newest}: an upgrade does not go down, only --rollback does.`;
	}
	const now = versionOf(oldest);
	if (now !== undefined && next.minor > now.minor + 1) {
		return `The image "${image.name}" has Kubernetes ${image.kubernetes}, the cluster ${oldest}: masters go up by one minor version at a time, so 1.${now.minor + 1} comes first.`;
	}
	return undefined;
}
