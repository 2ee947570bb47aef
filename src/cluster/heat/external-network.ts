import { cut } from '../../base/forms.ts';
import type { Json } from '../../openstack/client.ts';
import type { Value } from '../spec/settings.ts';

const names = (networks: readonly Json[]) => networks.map(({ Name }) => Name).join(', ') || 'none';

const withIds = (networks: readonly Json[]) =>
	networks.map(({ ID, Name }) => `\n    ${ID}  ${Name}`).join('');

/** The network that was found; `isWrong` when a mistake was reported. */
interface Found {
	readonly network?: Json;
	readonly isWrong?: boolean;
}

function find(wanted: Value | undefined, networks: readonly Json[], mistakes: string[]): Found {
	if (wanted === 'none' || wanted === '') return {};
	if (wanted === undefined) {
		const [only] = networks;
		if (only === undefined) return {};
		if (networks.length === 1) return { network: only };
		mistakes.push(
			`The cloud has ${networks.length} external networks: select one with --external-network NAME, or use --external-network none.${withIds(networks)}`,
		);
		return { isWrong: true };
	}
	const byId = networks.find(({ ID }) => ID === wanted);
	const named = byId === undefined ? networks.filter(({ Name }) => Name === wanted) : [byId];
	const [network] = named;
	if (network !== undefined && named.length === 1) return { network };
	mistakes.push(
		network === undefined
			? `There is no external network "${cut(wanted)}". Available: ${names(networks)}.`
			: `${named.length} external networks have the name "${cut(wanted)}": select one by ID with --external-network.${withIds(named)}`,
	);
	return { isWrong: true };
}

/** Whether floating IPs were requested explicitly. */
export interface WantedFloatingIps {
	readonly api: boolean;
	readonly gateways: boolean;
}

/**
 * The external network with this name or ID, by default the only one.
 *
 * @param networks  the external networks of the cloud, as the client lists them
 * @param mistakes  receives a sentence if there are several, if there is none with this name, and if floating IPs are
 *   requested without one
 */
export function findExternalNetwork(
	wanted: Value | undefined,
	networks: readonly Json[],
	floatingIps: WantedFloatingIps,
	mistakes: string[],
): Json | undefined {
	const { network, isWrong } = find(wanted, networks, mistakes);
	if (network !== undefined || isWrong === true) return network;
	const why = wanted === undefined ? 'the cloud has no external network' : 'the external network is none';
	// cluster.yaml of a cluster without a network has apiFloatingIp: true among its defaults.
	if (floatingIps.api && wanted === undefined)
		mistakes.push(`--api-floating-ip is true, but ${why}: omit it, or set it to false.`);
	if (floatingIps.gateways)
		mistakes.push(`--gateway-floating-ip is true, but ${why}: omit it, or set it to false.`);
	return undefined;
}
