import { refuse } from '../../base/errors.ts';
import { overlap, parseNetwork } from '../spec/cidr.ts';
import type { Cluster, Settings } from '../spec/config.ts';
import { byRole } from '../spec/generations.ts';
import { type Role, roles } from '../spec/roles.ts';
import type { Value } from '../spec/settings.ts';
import { compareVersions, findNodeImage, type NodeImage } from './node-image.ts';
import { list, show, showStack } from './stack.ts';

type Json = Record<string, unknown>;

/** What a machine of the role needs at least: megabytes of memory, virtual CPUs. */
const needs: Readonly<Record<Role, { readonly memory: number; readonly cpus: number }>> = {
	master: { memory: 2048, cpus: 2 },
	minion: { memory: 1024, cpus: 1 },
	gateway: { memory: 512, cpus: 1 },
};

/** A cluster whose open settings have been filled in from what the cloud has. */
export interface Resolved {
	readonly cluster: Cluster;
	/** Heat parameters that name things by ID, so that they never come to mean another. */
	readonly ids: Readonly<Record<string, Value>>;
	readonly images: Readonly<Record<Role, NodeImage>>;
}

const names = (things: readonly Json[]) => things.map((thing) => thing.Name).join(', ') || 'none';

export function findFlavor(
	role: Role,
	wanted: Value | undefined,
	flavors: readonly Json[],
	mistakes: string[],
) {
	const { memory, cpus } = needs[role];
	const enough = (flavor: Json) => Number(flavor.RAM) >= memory && Number(flavor.VCPUs) >= cpus;
	if (wanted === undefined) {
		const cost = (flavor: Json) =>
			Number(flavor.RAM) * 16 + Number(flavor.VCPUs) * 1024 + Number(flavor.Disk);
		const smallest = flavors
			.filter((flavor) => enough(flavor) && Number(flavor.Disk) >= 10)
			.sort((a, b) => cost(a) - cost(b))[0];
		if (smallest === undefined) {
			mistakes.push(
				`No flavor is enough for a ${role} (${memory} MB, ${cpus} CPUs, 10 GB disk): name one with --${role}-flavor.`,
			);
		}
		return smallest;
	}
	const found = flavors.find((flavor) => flavor.Name === wanted || flavor.ID === wanted);
	if (found === undefined) mistakes.push(`There is no flavor "${wanted}". There are: ${names(flavors)}.`);
	else if (!enough(found)) {
		mistakes.push(
			`The flavor "${wanted}" has ${found.RAM} MB and ${found.VCPUs} CPUs; a ${role} needs ${memory} MB and ${cpus}.`,
		);
		return undefined;
	}
	return found;
}

/** The images of the roles, each looked for once; `undefined` where there is none that is meant. */
async function findImages(wanted: Settings, mistakes: string[]) {
	const named = byRole((role) => wanted[`${role}Image`] || wanted.image);
	const found = new Map<Value | undefined, NodeImage | undefined>();
	for (const name of new Set(Object.values(named)))
		found.set(name, await findNodeImage(name === undefined ? undefined : String(name), mistakes));
	return byRole((role) => found.get(named[role]));
}

/** A kubelet may be as new as the masters, and no newer. */
function tooNew(images: Readonly<Record<Role, NodeImage | undefined>>): string[] {
	const { master, ...others } = images;
	return Object.entries(others).flatMap(([role, image]) =>
		compareVersions(image?.kubernetes, master?.kubernetes) > 0
			? [
					`The image of the ${role}s, "${image?.name}", has Kubernetes ${image?.kubernetes}, that of the masters ${master?.kubernetes}: no machine may be newer than the masters.`,
				]
			: [],
	);
}

/** What an image needs that a flavor does not have; a disk of 0 GB is as large as the image. */
export function tooSmall(flavor: Json, { minDisk, minMemory }: NodeImage): string[] {
	const disk = Number(flavor.Disk);
	return [
		...(disk !== 0 && disk < minDisk
			? [`The flavor "${flavor.Name}" has a disk of ${disk} GB; the image needs ${minDisk}.`]
			: []),
		...(Number(flavor.RAM) < minMemory
			? [`The flavor "${flavor.Name}" has ${flavor.RAM} MB; the image needs ${minMemory}.`]
			: []),
	];
}

/** The external network asked for, or the only one there is; none if there are more, or none. */
function findExternalNetwork(wanted: Value | undefined, networks: readonly Json[], mistakes: string[]) {
	if (wanted === 'none' || wanted === '') return undefined;
	if (wanted === undefined) return networks.length === 1 ? networks[0] : undefined;
	const found = networks.find((network) => network.Name === wanted || network.ID === wanted);
	if (found === undefined) {
		mistakes.push(`There is no external network "${wanted}". There are: ${names(networks)}.`);
	}
	return found;
}

/** The pod network asked for, or the first that the images carry. */
function findNetworkDriver(
	wanted: Value | undefined,
	images: Readonly<Record<Role, NodeImage | undefined>>,
	mistakes: string[],
): Value {
	const carried = Object.values(images).flatMap((image) =>
		image?.networkDrivers ? [image.networkDrivers] : [],
	);
	if (wanted === undefined) {
		const byAll = (driver: string) =>
			carried.length > 0 && carried.every((drivers) => drivers.includes(driver));
		return ['calico', 'flannel'].find(byAll) ?? 'routed';
	}
	const without = carried.find((drivers) => !drivers.includes(String(wanted)));
	if (without !== undefined)
		mistakes.push(`The image has no network driver "${wanted}"; it has: ${without.join(', ')}.`);
	return wanted;
}

/** Machines on an existing subnet need addresses that are nobody's else, too. */
function overlaps(subnet: Json | undefined, wanted: Settings): string[] {
	const machines = parseNetwork(String(subnet?.cidr ?? ''));
	return ['podCidr', 'serviceCidr'].flatMap((key) => {
		const other = parseNetwork(String(wanted[key] ?? ''));
		if (machines === undefined || other === undefined || !overlap(machines, other)) return [];
		return [
			`${key} (${wanted[key]}) overlaps with the addresses of the subnet "${subnet?.name}" (${subnet?.cidr}).`,
		];
	});
}

async function check(kind: string, name: Value | undefined, mistakes: string[]): Promise<Json | undefined> {
	if (name === undefined || name === '') return undefined;
	const found = await show(kind === 'key pair' ? ['keypair'] : [kind], String(name));
	if (found === undefined) mistakes.push(`There is no ${kind} "${name}".`);
	return found;
}

/**
 * Compares what is asked for with what the cloud has, before anything is made; chooses what was left open.
 *
 * @throws UserError exit code 2 with everything that is not there
 */
export async function preflight(cluster: Cluster): Promise<Resolved> {
	const wanted: Settings = cluster.settings;
	// Questions asked side by side; each has a list of its own, so that the order does not depend on the answers'.
	const [ofImage, ofNetwork, ofSubnet, ofKeyPair]: [string[], string[], string[], string[]] = [
		[],
		[],
		[],
		[],
	];
	const [stack, images, flavors, networks, , subnet] = await Promise.all([
		showStack(cluster.name),
		findImages(wanted, ofImage),
		list(['flavor']),
		list(['network'], '--external'),
		check('network', wanted.fixedNetwork, ofNetwork),
		check('subnet', wanted.fixedSubnet, ofSubnet),
		check('key pair', wanted.keyName, ofKeyPair),
	]);
	const mistakes = [...ofImage, ...ofNetwork, ...ofSubnet, ...overlaps(subnet, wanted), ...ofKeyPair];
	if (stack !== undefined) {
		mistakes.push(
			`A stack "${cluster.name}" exists (${stack.status}): change it with kstack update, or remove it with kstack delete.`,
		);
	}
	const settings: Record<string, Value> = { ...wanted };
	const ids: Record<string, Value> = {};
	if (images.master !== undefined) settings.image = wanted.image ?? images.master.name;
	mistakes.push(...tooNew(images));
	for (const role of roles) {
		const image = images[role];
		if (image !== undefined) ids[`${role}_image`] = image.id;
		const flavor = findFlavor(role, wanted[`${role}Flavor`], flavors, mistakes);
		if (flavor === undefined) continue;
		settings[`${role}Flavor`] = String(flavor.Name);
		ids[`${role}_flavor`] = String(flavor.ID);
		if (image !== undefined) mistakes.push(...tooSmall(flavor, image));
	}
	const external = findExternalNetwork(wanted.externalNetwork, networks, mistakes);
	settings.externalNetwork = external === undefined ? 'none' : String(external.Name);
	ids.external_network = external === undefined ? '' : String(external.ID);
	settings.gatewayFloatingIp =
		wanted.gatewayFloatingIp ?? (external !== undefined && Number(wanted.gateways) > 0);
	settings.networkDriver = findNetworkDriver(wanted.networkDriver, images, mistakes);
	refuse(mistakes, 'Nothing was created.');
	return { cluster: { name: cluster.name, settings }, ids, images: images as Resolved['images'] };
}
