import { UserError } from '../../base/errors.ts';
import { readIfThere, type StackDirectory } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import { taintIdentity } from '../spec/node-marks.ts';
import type { PoolRecord } from '../spec/pools.ts';
import { packagedRoles, type Role } from '../spec/roles.ts';
import { callKubernetes, KubernetesApiError } from './api.ts';
import { readKubeconfig, requireValidCertificate } from './kubeconfig.ts';

const folder = '/api/v1/namespaces/kube-system/configmaps';
const name = 'kstack-pools';

/** The labels and taints that the masters set on the nodes of a pool, and former ones, which they remove. */
export interface NodePool {
	readonly labels: Readonly<Record<string, string>>;
	readonly taints: readonly string[];
	readonly formerLabels: readonly string[];
	readonly formerTaints: readonly string[];
}

interface ConfigMap {
	readonly metadata: { readonly resourceVersion?: string };
	readonly data?: Readonly<Record<string, string>>;
}

/**
 * The record of a pool for the masters. Previous labels and taints are stored here, not on the nodes, because a kubelet
 * may change the annotations of its node.
 *
 * @param before  the previous record
 */
export function nodePool(
	{ labels, taints }: Pick<PoolRecord, 'labels' | 'taints'>,
	before?: NodePool,
): NodePool {
	const formerLabels = [...Object.keys(before?.labels ?? {}), ...(before?.formerLabels ?? [])];
	const formerTaints = [...(before?.taints ?? []), ...(before?.formerTaints ?? [])];
	const kept = new Set(taints.map(taintIdentity));
	return {
		labels,
		taints,
		formerLabels: [...new Set(formerLabels)].filter((key) => !(key in labels)),
		formerTaints: [...new Set(formerTaints)].filter((taint) => !kept.has(taintIdentity(taint))),
	};
}

async function readConfigMap(kubeconfig: string): Promise<ConfigMap | undefined> {
	try {
		return JSON.parse(await callKubernetes(kubeconfig, 'GET', `${folder}/${name}`)) as ConfigMap;
	} catch (error) {
		if (error instanceof KubernetesApiError && error.status === 404) return undefined;
		throw error;
	}
}

const roleLabel = (role: Role) => `node-role.kubernetes.io/${role}`;

/**
 * The record of a pool for the masters, with the labels of its role: a kubelet labels its own node, and could use those
 * of another role.
 *
 * @param before  the previous record
 */
export function poolOfRole({ role, labels, taints }: PoolRecord, before?: NodePool): NodePool {
	const own = { ...labels, 'kstack.io/role': role, [roleLabel(role)]: '' };
	const pool = nodePool({ labels: own, taints }, before);
	const others = Object.keys(packagedRoles).map(roleLabel);
	const former = [...pool.formerLabels, ...others].filter((key) => !(key in own));
	return { ...pool, formerLabels: [...new Set(former)] };
}

/**
 * Whether masters need the record of any of the pools: it has labels, taints or a custom role, which masters of an earlier
 * release do not support, or its nodes are gateways, which masters recognise by this record only.
 */
export function hasNodeMarks(...stages: readonly Readonly<Record<string, PoolRecord>>[]): boolean {
	const records = stages.flatMap((stage) => Object.values(stage));
	return records.some(
		({ role, labels, taints }) =>
			Object.keys(labels).length > 0 || taints.length > 0 || packagedRoles[role]?.gatewayAddress !== false,
	);
}

/**
 * Whether the labels and taints of pools were never stored in the cluster, as after an interrupted `create`.
 *
 * @returns `undefined` when there is no kubeconfig
 * @throws UserError when the API does not answer
 */
export async function lacksPools(stack: Stack, directory: StackDirectory): Promise<boolean | undefined> {
	const kubeconfig = await readKubeconfig(directory, stack);
	return kubeconfig === undefined ? undefined : (await readConfigMap(kubeconfig)) === undefined;
}

/**
 * The kubeconfig for storing the labels and taints of pools.
 *
 * @throws UserError `no-kubeconfig` when there is none
 */
export async function kubeconfigForPools(cluster: string, directory: StackDirectory): Promise<string> {
	const kubeconfig = await readIfThere(directory.kubeconfig);
	if (kubeconfig !== undefined) {
		requireValidCertificate(kubeconfig, directory.kubeconfig, cluster);
		return kubeconfig;
	}
	throw new UserError(
		`${directory.kubeconfig} does not exist: pools are stored through the Kubernetes API.`,
		{
			code: 'no-kubeconfig',
			hint: `Fetch it first: kstack kubeconfig ${cluster}`,
		},
	);
}

/**
 * Stores the labels and taints of pools in the cluster, where the masters read them and set them on nodes by name.
 *
 * @throws UserError when there is no kubeconfig, or the API rejects them
 */
export async function storePools(
	cluster: string,
	directory: StackDirectory,
	records: Readonly<Record<string, PoolRecord>>,
): Promise<void> {
	const kubeconfig = await kubeconfigForPools(cluster, directory);
	const present = await readConfigMap(kubeconfig);
	const text = present?.data?.['pools.json'];
	const before = text === undefined ? {} : (JSON.parse(text) as { pools: Record<string, NodePool> }).pools;
	const pools = Object.fromEntries(
		Object.entries(records).map(([pool, record]) => [pool, poolOfRole(record, before[pool])]),
	);
	const body = {
		...{ apiVersion: 'v1', kind: 'ConfigMap' },
		// With the resourceVersion, the API rejects the update if another client has changed the ConfigMap since.
		metadata: { name, resourceVersion: present?.metadata.resourceVersion },
		data: { 'pools.json': JSON.stringify({ cluster, pools }) },
	};
	const [method, path] =
		present === undefined ? (['POST', folder] as const) : (['PUT', `${folder}/${name}`] as const);
	await callKubernetes(kubeconfig, method, path, body);
}
