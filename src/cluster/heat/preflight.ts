import { refuse } from '../../base/errors.ts';
import { cut } from '../../base/forms.ts';
import { nodesOf } from '../spec/address-space.ts';
import type { Cluster, Settings } from '../spec/config.ts';
import { byRole } from '../spec/generations.ts';
import type { ByPool } from '../spec/pools.ts';
import { defaultRoles } from '../spec/roles.ts';
import type { Value } from '../spec/settings.ts';
import { findExternalNetwork } from './external-network.ts';
import { findNamed, mistakesInSubnet } from './fixed-network.ts';
import { findFlavor, tooSmall } from './flavors.ts';
import { compareVersions, findNodeImage, type NodeImage } from './node-image.ts';
import { mistakesInRouter } from './router.ts';
import { list, showStack } from './stack.ts';

/** A cluster with all settings resolved against the cloud. */
export interface Resolved {
	readonly cluster: Cluster;
	/** Heat parameters with IDs, because names may later refer to other resources. */
	readonly ids: Readonly<Record<string, Value>>;
	/** By the IDs of the pools, default or additional. */
	readonly images: Readonly<Record<string, NodeImage>>;
}

/** The images of the roles, each requested once; `undefined` if not found. */
async function findImages(wanted: Settings, mistakes: string[]) {
	const named = byRole((role) => wanted[`${role}Image`] || wanted.image);
	const found = new Map<Value | undefined, NodeImage | undefined>();
	for (const name of new Set(Object.values(named)))
		found.set(name, await findNodeImage(name === undefined ? undefined : String(name), mistakes));
	return byRole((role) => found.get(named[role]));
}

/** Images whose kubelet is newer than the masters, a sentence each. */
function tooNew(images: ByPool<NodeImage | undefined>): string[] {
	const { master, ...others } = images;
	return Object.entries(others).flatMap(([role, image]) =>
		compareVersions(image?.kubernetes, master?.kubernetes) > 0
			? [
					`The image of the ${role}s, "${image?.name}", has Kubernetes ${image?.kubernetes}, that of the masters ${master?.kubernetes}: no node may be newer than the masters.`,
				]
			: [],
	);
}

/** The requested network driver, by default the first that all images have. */
function findNetworkDriver(
	wanted: Value | undefined,
	images: ByPool<NodeImage | undefined>,
	mistakes: string[],
): Value {
	const carried = Object.values(images).flatMap((image) =>
		image?.networkDrivers ? [image.networkDrivers] : [],
	);
	if (wanted === undefined) {
		const haveAll = (driver: string) =>
			carried.length > 0 && carried.every((drivers) => drivers.includes(driver));
		return ['calico', 'flannel'].find(haveAll) ?? 'routed';
	}
	const without = carried.find((drivers) => !drivers.includes(String(wanted)));
	if (without !== undefined)
		mistakes.push(`The image has no network driver "${cut(wanted)}"; it has: ${without.join(', ')}.`);
	return wanted;
}

/**
 * Checks the settings against the cloud before anything is created, and selects defaults.
 *
 * @throws UserError exit code 2 with everything that is missing
 */
export async function preflight(cluster: Cluster): Promise<Resolved> {
	const wanted: Settings = cluster.settings;
	const nodes = nodesOf(
		wanted,
		(cluster.pools ?? []).reduce((sum, { count }) => sum + count, 0),
	);
	// Concurrent requests: each has its own list, so that the order of messages does not depend on timing.
	const [ofImage, ofNetwork, ofSubnet, ofKeyPair]: [string[], string[], string[], string[]] = [
		[],
		[],
		[],
		[],
	];
	const [stack, images, flavors, networks, network, subnet] = await Promise.all([
		showStack(cluster.name),
		findImages(wanted, ofImage),
		list(['flavor']),
		list(['network'], '--external'),
		findNamed('network', wanted.fixedNetwork, ofNetwork),
		findNamed('subnet', wanted.fixedSubnet, ofSubnet),
		findNamed('key pair', wanted.keyName, ofKeyPair),
	]);
	const mistakes = [
		...ofImage,
		...ofNetwork,
		...ofSubnet,
		...mistakesInSubnet(subnet, network, wanted, nodes),
		...ofKeyPair,
	];
	if (stack !== undefined) {
		mistakes.push(
			`A stack "${cluster.name}" exists (${stack.status}): change it with kstack update, or remove it with kstack delete.`,
		);
	}
	const settings: Record<string, Value> = { ...wanted };
	const ids: Record<string, Value> = {};
	if (images.master !== undefined) settings.image = wanted.image ?? images.master.name;
	mistakes.push(...tooNew(images));
	for (const { name: role, minimum } of defaultRoles) {
		const image = images[role];
		if (image !== undefined) ids[`${role}_image`] = image.id;
		const needed = { purpose: `a ${role}`, flag: `--${role}-flavor`, ...minimum };
		const flavor = findFlavor(wanted[`${role}Flavor`], needed, flavors, mistakes);
		if (flavor === undefined) continue;
		settings[`${role}Flavor`] = String(flavor.Name);
		ids[`${role}_flavor`] = String(flavor.ID);
		if (image !== undefined) mistakes.push(...tooSmall(flavor, image));
	}
	const floatingIps = {
		api: cluster.given?.has('apiFloatingIp') === true && wanted.apiFloatingIp === true,
		gateways: wanted.gatewayFloatingIp === true,
	};
	const external = findExternalNetwork(wanted.externalNetwork, networks, floatingIps, mistakes);
	settings.externalNetwork = external === undefined ? 'none' : String(external.Name);
	ids.external_network = external === undefined ? '' : String(external.ID);
	settings.gatewayFloatingIp =
		wanted.gatewayFloatingIp ?? (external !== undefined && Number(wanted.gateways) > 0);
	if (subnet !== undefined && external !== undefined && (wanted.apiFloatingIp || settings.gatewayFloatingIp))
		mistakes.push(...(await mistakesInRouter(subnet, external)));
	settings.networkDriver = findNetworkDriver(wanted.networkDriver, images, mistakes);
	refuse(mistakes, 'Nothing was created.', 'cloud-lacks');
	return { cluster: { name: cluster.name, settings }, ids, images: images as Resolved['images'] };
}
