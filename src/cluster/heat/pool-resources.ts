import type { PoolEntry } from '../spec/pool-entries.ts';
import { recordsFor } from '../spec/pool-entries.ts';
import { standardRole } from '../spec/role-file.ts';
import { defaultRoles, type Role, type Roles, requireRole } from '../spec/roles.ts';
import type { Value } from '../spec/settings.ts';
import { findFlavor, tooSmall } from './flavors.ts';
import { compareVersions, findNodeImage, type NodeImage, nodeImage } from './node-image.ts';
import { list } from './stack.ts';

/** The lowest image contract of masters that label and taint nodes of pools. */
const poolContract = 1;

/** The lowest image contract that supports steps of a role in user-data. */
const rolesContract = 1;

/** Heat parameters of the cluster, from which pools inherit what their entry does not set. */
export type RoleParameters = Readonly<Record<string, unknown>>;

/** The role from which a pool inherits its image, flavor and availability zone. */
const roleWithParameters = (role: Role): Role =>
	defaultRoles.some(({ name }) => name === role) ? role : standardRole;

/** The Heat parameters of a pool, with names if IDs are not given. */
export function poolParameters(
	entry: PoolEntry,
	ofRole: RoleParameters,
	ids: { readonly image?: string; readonly flavor?: string } = {},
): Record<string, Value> {
	const { name, role, count } = entry;
	const inherited = (what: string) => String(ofRole[`${roleWithParameters(role)}_${what}`] ?? '');
	return {
		[`${name}_count`]: count,
		[`${name}_image`]: ids.image ?? entry.image ?? inherited('image'),
		[`${name}_flavor`]: ids.flavor ?? entry.flavor ?? inherited('flavor'),
		[`${name}_availability_zone`]: entry.availabilityZone ?? inherited('availability_zone'),
	};
}

/** The Heat parameter that records the pools. */
export const poolsParameter = (entries: readonly PoolEntry[], roles: Roles): Record<string, Value> =>
	entries.length === 0 ? {} : { pools: JSON.stringify(recordsFor(entries, roles)) };

function mistakesInImage(pool: string, image: NodeImage, master: NodeImage | undefined, driver: string) {
	return [
		...(compareVersions(image.kubernetes, master?.kubernetes) > 0
			? [
					`pool ${pool}: the image "${image.name}" has Kubernetes ${image.kubernetes}, newer than the masters (${master?.kubernetes}).`,
				]
			: []),
		...(image.networkDrivers?.includes(driver) === false
			? [`pool ${pool}: the image "${image.name}" does not have the cluster's network driver ${driver}.`]
			: []),
	];
}

/** @returns a sentence if the masters are too old to label and taint the nodes of a pool */
export function mistakeInContract(
	{ name, labels, taints }: Pick<PoolEntry, 'name' | 'labels' | 'taints'>,
	masters: NodeImage | undefined,
): string | undefined {
	if (Object.keys(labels).length === 0 && taints.length === 0) return undefined;
	if ((masters?.contract ?? 0) >= poolContract) return undefined;
	return `pool ${name} has labels or taints, but the masters' image "${masters?.name}" is too old to set them: upgrade the masters first, or remove them.`;
}

/**
 * Finds the images and flavors of pools to add.
 *
 * @param ofRole    parameters of the default pools
 * @param driver    the cluster's network driver
 * @param roles     the available roles
 * @param mistakes  receives a sentence for everything that is missing or incompatible
 * @returns the Heat parameters of the pools, and their images by the pools' names
 */
export async function resolvePools(
	entries: readonly PoolEntry[],
	ofRole: RoleParameters,
	driver: string,
	roles: Roles,
	mistakes: string[],
): Promise<{ parameters: Record<string, Value>; images: Record<string, NodeImage> }> {
	const images: Record<string, NodeImage> = {};
	if (entries.length === 0) return { parameters: {}, images };
	const [flavors, masters] = await Promise.all([list(['flavor']), nodeImage(String(ofRole.master_image))]);
	const records = recordsFor(entries, roles);
	const parameters: Record<string, Value> = {};
	for (const entry of entries) {
		const { name, role } = entry;
		const definition = requireRole(roles, role);
		const inherited = (what: string) => String(ofRole[`${roleWithParameters(role)}_${what}`]);
		const found: string[] = [];
		const image = await findNodeImage(entry.image ?? inherited('image'), found);
		const needs = { purpose: `a ${role}`, flag: `pools[].flavor of ${name}`, ...definition.minimum };
		const flavor = findFlavor(entry.flavor ?? inherited('flavor'), needs, flavors, found);
		if (image !== undefined && flavor !== undefined) found.push(...tooSmall(flavor, image));
		mistakes.push(...found.map((sentence) => `pool ${name}: ${sentence}`));
		if (image === undefined || flavor === undefined) continue;
		mistakes.push(...mistakesInImage(name, image, masters, driver));
		if (!definition.stepsInImage && image.contract < rolesContract)
			mistakes.push(
				`pool ${name}: the image "${image.name}" is too old for the role ${role}: build a new one.`,
			);
		const contract = mistakeInContract({ ...entry, ...records[name] }, masters);
		if (contract !== undefined) mistakes.push(contract);
		images[name] = image;
		Object.assign(parameters, poolParameters(entry, ofRole, { image: image.id, flavor: String(flavor.ID) }));
	}
	return { parameters, images };
}
