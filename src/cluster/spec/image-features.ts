import { packageVersion } from '../../base/package.ts';
import { poolContracts, supportsMemberTokens } from './contracts.ts';
import { countsOf, generationsOf } from './generations.ts';
import { type Parameters, settingsOf } from './parameters.ts';
import { type Pool, poolsOf } from './pools.ts';

/** What a node gets from its image alone: no update of templates brings it to a node that exists. */
interface ImageFeature {
	/** The contract (src/base/contract.ts) of the first images with it. */
	readonly contract: number;
	/** The role whose nodes have it; without it, all. */
	readonly role?: 'master' | 'gateway';
	/** The network driver that has it; without it, all. */
	readonly networkDriver?: string;
	/** A line of `kstack plan`. */
	readonly describe: string;
}

/** Every feature that older images lack. Whoever builds one that only a new image gives adds it here. */
export const imageFeatures: readonly ImageFeature[] = [
	{ contract: 1, role: 'master', describe: 'addons: kstack addon' },
	{
		contract: 1,
		role: 'master',
		describe: 'labels and taints of pools; role labels that a node cannot change',
	},
	{ contract: 1, role: 'master', describe: 'a master that fails to join leaves etcd as it was' },
	{ contract: 1, describe: 'security groups of the roles alone, without the one that all nodes share' },
	{ contract: 1, role: 'gateway', describe: 'a gateway answers open connections before it is removed' },
	{ contract: 2, role: 'master', describe: 'join tokens for one member each, with kstack rotate join-token' },
	{ contract: 2, role: 'master', describe: "serving certificates for a member's own name and address alone" },
	{ contract: 2, role: 'master', describe: 'controllers with identities of their own, not system:masters' },
	{ contract: 2, role: 'master', describe: 'a node cannot make the masters treat it as dead' },
	{ contract: 2, role: 'master', describe: 'Services never get an address of the API, of nodes or of pods' },
	{ contract: 2, role: 'master', describe: 'Pod Security Standards, from Kubernetes 1.23 on' },
	{
		contract: 2,
		role: 'master',
		describe: 'no Service takes the ports of masters; no external IPs from Kubernetes 1.21 on',
	},
	{ contract: 2, role: 'master', describe: 'reads of Secrets in the audit log; TLS 1.2 at least' },
	{ contract: 2, describe: "Heat's deployments run the programs of the image and nothing else" },
	{ contract: 2, networkDriver: 'routed', describe: 'routes for valid ranges of pods alone' },
	{ contract: 2, describe: 'time synchronisation before keys are made, and NTP servers by setting' },
	{ contract: 2, describe: 'hardened kubelet, reserved resources, graceful shutdown' },
];

/** A feature, with the pools whose nodes lack it. */
export interface MissingFeature {
	readonly feature: string;
	/** Names of the pools. */
	readonly pools: readonly string[];
}

const hasRole = (feature: ImageFeature, { role }: Pool) =>
	feature.role === undefined || feature.role === role;

/**
 * What an upgrade to an image of this release would give the nodes of a stack. During an upgrade, what its target image
 * does not give. Pools without nodes are left out.
 */
export function missingFeatures(parameters: Parameters): MissingFeature[] {
	const contractOf = poolContracts(parameters);
	const { networkDriver } = settingsOf(parameters);
	const counts = countsOf(parameters, '');
	const wanted = generationsOf(parameters).wanted ?? counts;
	const pools = poolsOf(parameters).filter(({ id }) => Math.max(counts[id] ?? 0, wanted[id] ?? 0) > 0);
	return imageFeatures.flatMap((feature) => {
		if (feature.networkDriver !== undefined && feature.networkDriver !== networkDriver) return [];
		const lacking = pools.filter(
			(pool) => hasRole(feature, pool) && contractOf(pool.id, '') < feature.contract,
		);
		return lacking.length === 0
			? []
			: [{ feature: feature.describe, pools: lacking.map(({ name }) => name) }];
	});
}

/** The names of the pools that lack a feature, in the order of the pools. */
export function poolsWithOldImages(missing: readonly MissingFeature[], parameters: Parameters): string[] {
	const lacking = new Set(missing.flatMap(({ pools }) => pools));
	return poolsOf(parameters).flatMap(({ name }) => (lacking.has(name) ? [name] : []));
}

/** The features as text; empty if there is none. */
export function missingFeaturesText(name: string, missing: readonly MissingFeature[]): string {
	if (missing.length === 0) return '';
	const lines = missing.map(({ feature, pools }) => `  - ${feature} (${pools.join(', ')})`);
	return [
		'Only an upgrade to a newer image gives the nodes of these pools:',
		...lines,
		`To upgrade to an image of kimg ${packageVersion()} or later: kstack upgrade ${name} --image IMAGE`,
	].join('\n');
}

/** The command that ends the shared join token, where the image allows it and the operator has not run it. */
export function sharedTokenText(name: string, parameters: Parameters): string {
	const { memberTokens } = generationsOf(parameters);
	if (memberTokens === true || !supportsMemberTokens(poolContracts(parameters)('master', ''))) return '';
	return `The nodes of ${name} joined with a token that they share. To give each new node its own: kstack rotate join-token ${name}`;
}
