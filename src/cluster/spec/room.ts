import { parseNetwork, size } from './cidr.ts';
import type { Settings } from './config.ts';
import { defaultPools } from './pools.ts';

/** How many nodes a cluster has for a moment while an upgrade or a replacement adds one. */
const duringReplacement = 1;

/** Addresses of a network that is made for the nodes which they cannot have. */
const takenAddresses = ['network', 'broadcast', 'router', 'DHCP', 'DHCP', 'API', 'gateways'].length;

/**
 * All nodes of a cluster.
 *
 * @param further  those of additional pools
 */
export const nodesOf = (cluster: Settings, further = 0): number =>
	defaultPools.reduce((sum, { name }) => sum + Number(cluster[name] ?? 0), further);

/**
 * Whether all nodes get addresses, and a share of the pods' addresses each.
 *
 * @param place    names a setting as the operator wrote it
 * @param further  nodes of additional pools
 */
export function mistakesInRoom(cluster: Settings, place: (key: string) => string, further = 0): string[] {
	const nodes = nodesOf(cluster, further);
	const needed = nodes + duringReplacement;
	const mistakes: string[] = [];
	const pods = parseNetwork(String(cluster.podCidr ?? ''));
	if (pods !== undefined && Number(cluster.podSubnetLength) > pods.prefix) {
		const shares = 2 ** (Number(cluster.podSubnetLength) - pods.prefix);
		if (shares < needed) {
			mistakes.push(
				`${place('podCidr')} (${cluster.podCidr}) has ${shares} subnets of prefix length ${cluster.podSubnetLength} (podSubnetLength); ${nodes} nodes need ${needed}: one each, and one more during an upgrade.`,
			);
		}
	}
	const network = cluster.fixedNetwork === '' ? parseNetwork(String(cluster.nodeCidr ?? '')) : undefined;
	if (network !== undefined && size(network) < needed + takenAddresses) {
		mistakes.push(
			`${place('nodeCidr')} (${cluster.nodeCidr}) has ${size(network)} addresses; ${nodes} nodes need ${needed + takenAddresses}: these include the router, DHCP, the API, the gateways, and one more node during an upgrade.`,
		);
	}
	return mistakes;
}
