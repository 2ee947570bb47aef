import { printable } from '../../base/forms.ts';
import { mistakesInAddressSpace, nodesOf } from './address-space.ts';
import { overlap, parseNetwork } from './cidr.ts';
import type { Settings } from './config.ts';

/** Returns the name of a setting as the operator wrote it, such as `--minions`. */
export type SettingName = (key: string) => string;

type Check = (cluster: Settings, place: SettingName, further: number) => string[];

const mastersAreOdd: Check = ({ masters }, place) =>
	masters === undefined || Number(masters) % 2 === 1
		? []
		: [
				`${place('masters')} is ${masters}: ${masters} masters tolerate no more failures than ${Number(masters) - 1}. Use 1, 3, 5 or 7.`,
			];

const portsAreInOrder: Check = ({ gatewayFirstPort, gatewayLastPort }, place) =>
	Number(gatewayFirstPort) > Number(gatewayLastPort)
		? [
				`${place('gatewayFirstPort')} is ${gatewayFirstPort}: it must not be above gatewayLastPort (${gatewayLastPort}).`,
			]
		: [];

/** nodeCidr is not used with an existing network. */
const rangesOf = ({ fixedNetwork }: Settings) => [
	...(fixedNetwork === '' ? ['nodeCidr'] : []),
	...['podCidr', 'serviceCidr'],
];

const rangesAreApart: Check = (cluster, place) => {
	const ranges = rangesOf(cluster).flatMap((key) => {
		const network = parseNetwork(String(cluster[key] ?? ''));
		return network === undefined ? [] : [{ key, network }];
	});
	return ranges.flatMap((one, index) =>
		ranges
			.slice(index + 1)
			.filter((other) => overlap(one.network, other.network))
			.map(
				(other) =>
					`${place(one.key)} (${cluster[one.key]}) and ${place(other.key)} (${cluster[other.key]}) overlap: nodes, pods and Services need separate addresses.`,
			),
	);
};

const podsAreDivided: Check = ({ podCidr, podSubnetLength }, place) => {
	const pods = parseNetwork(String(podCidr ?? ''));
	if (pods === undefined || podSubnetLength === undefined || Number(podSubnetLength) > pods.prefix) return [];
	return [
		`${place('podSubnetLength')} is ${podSubnetLength}: it must be longer than the prefix of podCidr (${podCidr}), which it divides among the nodes.`,
	];
};

const servicesFit: Check = ({ serviceCidr }, place) => {
	const services = parseNetwork(String(serviceCidr ?? ''));
	if (services === undefined || (services.prefix >= 12 && services.prefix <= 27)) return [];
	return [
		`${place('serviceCidr')} is ${serviceCidr}: its prefix must be from 12 (the API server's limit) to 27.`,
	];
};

const networkHasSubnet: Check = ({ fixedNetwork, fixedSubnet }, place) => {
	if (fixedNetwork === undefined || fixedSubnet === undefined) return [];
	if (fixedNetwork !== '' && fixedSubnet === '') {
		return [
			`${place('fixedNetwork')} is ${printable(fixedNetwork)}, without a subnet: set fixedSubnet to one of its subnets.`,
		];
	}
	if (fixedNetwork === '' && fixedSubnet !== '') {
		return [
			`${place('fixedSubnet')} is ${printable(fixedSubnet)}, without a network: set fixedNetwork to its network.`,
		];
	}
	return [];
};

const checks: readonly Check[] = [
	mastersAreOdd,
	portsAreInOrder,
	rangesAreApart,
	podsAreDivided,
	servicesFit,
	networkHasSubnet,
	mistakesInAddressSpace,
];

/**
 * Contradictions between settings, a sentence each.
 *
 * @param further  nodes of additional pools
 */
export function contradictions(cluster: Settings, place: SettingName, further = 0): string[] {
	return checks.flatMap((check) => check(cluster, place, further));
}

/** Nodes of additional pools, before and after a change. */
export interface FurtherNodes {
	readonly before: number;
	readonly after: number;
}

/** The contradictions that a change introduces; existing ones are not reported. */
export function newContradictions(
	now: Settings,
	changed: Settings,
	place: SettingName,
	further: FurtherNodes = { before: 0, after: 0 },
): string[] {
	const after = { ...now, ...changed };
	const before = contradictions(now, place, further.before);
	const grows = nodesOf(after, further.after) > nodesOf(now, further.before);
	const ofRoom = grows ? [] : mistakesInAddressSpace(after, place, further.after);
	return contradictions(after, place, further.after).filter(
		(mistake) => !before.includes(mistake) && !ofRoom.includes(mistake),
	);
}
