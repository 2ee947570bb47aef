import { CommandError } from '../../base/run.ts';
import { type Json, list, show } from '../../openstack/client.ts';
import { overlap, parseNetwork, parseRange } from '../spec/cidr.ts';
import type { Settings } from '../spec/config.ts';
import type { Value } from '../spec/settings.ts';

/** The kinds of resources that the user selects by name, as the client calls them. */
type Kind = 'network' | 'subnet' | 'key pair';

/** The IDs of the resources with the same name, as lines. */
async function linesOf(kind: Kind, name: string): Promise<string> {
	const rows = await list([kind], '--name', name);
	return rows.map(({ ID, Name }) => `\n    ${ID}  ${Name}`).join('');
}

/**
 * The resource with this name or ID; `undefined` without a name.
 *
 * @param mistakes  receives a sentence if there is none, or more than one
 */
export async function findNamed(
	kind: Kind,
	name: Value | undefined,
	mistakes: string[],
): Promise<Json | undefined> {
	if (name === undefined || name === '') return undefined;
	try {
		const found = await show(kind === 'key pair' ? ['keypair'] : [kind], String(name));
		if (found === undefined) mistakes.push(`There is no ${kind} "${name}".`);
		return found;
	} catch (error) {
		if (!(error instanceof CommandError) || !/more than one/i.test(error.stderr)) throw error;
		mistakes.push(
			`More than one ${kind} has the name "${name}": use an ID instead.${await linesOf(kind, String(name))}`,
		);
		return undefined;
	}
}

/** The number of addresses that Neutron can allocate on a subnet; `undefined` if unknown. */
function freeAddresses(subnet: Json): number | undefined {
	const pools = subnet.allocation_pools;
	if (!Array.isArray(pools)) return undefined;
	const number = (address: unknown) => parseNetwork(`${address}/32`)?.first ?? 0;
	return (pools as Json[]).reduce((sum, { start, end }) => sum + number(end) - number(start) + 1, 0);
}

/** The addresses that a cluster needs in addition to those of its nodes: DHCP, API, gateways, one for upgrades. */
const otherAddresses = 4;

/** Overlaps of the subnet with the addresses of pods and Services, a sentence each. */
function overlaps(subnet: Json, wanted: Settings): string[] {
	const nodes = parseRange(String(subnet.cidr ?? ''));
	return ['podCidr', 'serviceCidr'].flatMap((key) => {
		const other = parseNetwork(String(wanted[key] ?? ''));
		if (nodes === undefined || other === undefined || !overlap(nodes, other)) return [];
		return [
			`${key} (${wanted[key]}) overlaps with the addresses of the subnet "${subnet.name}" (${subnet.cidr}).`,
		];
	});
}

/** Why an existing subnet cannot be used for nodes, a sentence each. */
export function mistakesInSubnet(
	subnet: Json | undefined,
	network: Json | undefined,
	wanted: Settings,
	nodes: number,
): string[] {
	if (subnet === undefined) return [];
	const its = `The subnet "${subnet.name}"`;
	const mistakes: string[] = [];
	if (network !== undefined && subnet.network_id !== undefined && subnet.network_id !== network.id)
		mistakes.push(
			`${its} is not part of the network "${network.name}": set --fixed-subnet to one of its subnets.`,
		);
	if (subnet.ip_version !== undefined && Number(subnet.ip_version) !== 4)
		return [...mistakes, `${its} is IPv${subnet.ip_version}: nodes need an IPv4 subnet.`];
	if (subnet.enable_dhcp === false)
		mistakes.push(
			`${its} has no DHCP, from which nodes get their addresses. Enable it: openstack subnet set --dhcp ${subnet.id}`,
		);
	if (subnet.gateway_ip === null || subnet.gateway_ip === '')
		mistakes.push(
			`${its} has no gateway, so nodes could not reach Heat. Set one: openstack subnet set --gateway ADDRESS ${subnet.id}`,
		);
	const free = freeAddresses(subnet);
	if (free !== undefined && free < nodes + otherAddresses) {
		mistakes.push(
			`${its} has ${free} addresses in its allocation pools; ${nodes} nodes need ${nodes + otherAddresses}: these include DHCP, the API, the gateways, and one more node during an upgrade.`,
		);
	}
	return [...mistakes, ...overlaps(subnet, wanted)];
}
