import type { RoleDefinition } from '../spec/roles.ts';

/** A range of ports that gateways can expose. */
export interface ExposedPorts {
	readonly protocol: 'tcp' | 'udp';
	readonly first: number;
	readonly last: number;
}

/** The highest port that `gatewayLastPort` can be. */
const lastPort = 10_247;

/**
 * Ports of a gateway itself: SSH; BGP; DHCP and the pod networks. They are the ones below those of kubelet that
 * `kstack/exposed.py` in the image never exposes.
 */
const reserved = { tcp: [22, 179], udp: [22, 68, 4789, 8285, 8472] } as const;

/** The ports that gateways can expose, of which the stack opens those in its range. */
export const exposedPorts: readonly ExposedPorts[] = (['tcp', 'udp'] as const).flatMap((protocol) => {
	const ends = [0, ...reserved[protocol], lastPort + 1];
	return ends.slice(1).map((end, index) => ({ protocol, first: (ends[index] ?? 0) + 1, last: end - 1 }));
});

/** The security groups of members, by their resources in the root template. */
export interface MemberGroups {
	readonly securityGroups: readonly string[];
	/** Those of clusters that kstack 0.3 or earlier created, which all their members share. */
	readonly sharedGroups: readonly string[];
}

/**
 * The security groups of the members of a pool.
 *
 * @param own  the group with the open ports of its role
 */
export function memberGroups(
	{ controlPlane, gatewayAddress, openPorts }: RoleDefinition,
	own: string,
): MemberGroups {
	return {
		securityGroups: [
			'all_nodes_security_group',
			controlPlane ? 'master_nodes_security_group' : 'worker_nodes_security_group',
			...(gatewayAddress ? ['gateway_nodes_security_group'] : []),
			...(openPorts.length > 0 ? [own] : []),
		],
		sharedGroups: ['security_group', ...(gatewayAddress ? ['gateway_security_group'] : [])],
	};
}
