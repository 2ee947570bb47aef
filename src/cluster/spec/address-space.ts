import { parseNetwork, size } from './cidr.ts';
import type { Settings } from './config.ts';
import { defaultPools } from './pools.ts';

/** Additional nodes that exist temporarily during an upgrade or a replacement. */
const extraNodes = 1;

/** Number of addresses of a created network that are not available for nodes. */
const reservedAddresses = ['network', 'broadcast', 'router', 'DHCP', 'DHCP', 'API', 'gateways'].length;

/**
 * The total number of nodes of a cluster.
 *
 * @param further  nodes of additional pools
 */
export const nodesOf = (cluster: Settings, further = 0): number =>
	defaultPools.reduce((sum, { name }) => sum + Number(cluster[name] ?? 0), further);

/**
 * Whether there are enough addresses for all nodes, and enough pod subnets.
 *
 * @param place    returns the name of a setting as the operator wrote it
 * @param further  nodes of additional pools
 */
export function mistakesInAddressSpace(
	cluster: Settings,
	place: (key: string) => string,
	further = 0,
): string[] {
	const nodes = nodesOf(cluster, further);
	const needed = nodes + extraNodes;
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
	if (network !== undefined && size(network) < needed + reservedAddresses) {
		mistakes.push(
			`${place('nodeCidr')} (${cluster.nodeCidr}) has ${size(network)} addresses; ${nodes} nodes need ${needed + reservedAddresses}: these include the router, DHCP, the API, the gateways, and one more node during an upgrade.`,
		);
	}
	return mistakes;
}
