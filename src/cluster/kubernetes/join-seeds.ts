import { callKubernetes, KubernetesApiError } from './api.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';
const name = 'kstack-join-seeds';
const roles = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

/** The rules that let holders of the token that members share request certificates, which Kubernetes approves. */
const sharedTokenRules = ['kstack:nodes-ask-for-certificates', 'kstack:first-certificates-are-approved'];

interface Secret {
	readonly data?: { readonly seeds?: string };
}

/** The seeds with which the masters verify join tokens; empty if they have none. */
export async function joinSeeds(kubeconfig: string): Promise<string[]> {
	try {
		const secret = JSON.parse(await callKubernetes(kubeconfig, 'GET', `${secrets}/${name}`)) as Secret;
		const seeds: unknown = JSON.parse(Buffer.from(secret.data?.seeds ?? '', 'base64').toString() || '[]');
		return Array.isArray(seeds) ? seeds.filter((seed) => typeof seed === 'string') : [];
	} catch (error) {
		if (error instanceof KubernetesApiError && error.status === 404) return [];
		throw error;
	}
}

/** Has the masters verify join tokens with these seeds, within a second. Without seeds, the Secret is deleted. */
export async function storeJoinSeeds(kubeconfig: string, seeds: readonly string[]): Promise<void> {
	if (seeds.length === 0) return void (await callKubernetes(kubeconfig, 'DELETE', `${secrets}/${name}`));
	const stringData = { seeds: JSON.stringify(seeds) };
	try {
		await callKubernetes(kubeconfig, 'PATCH', `${secrets}/${name}`, { stringData });
	} catch (error) {
		if (!(error instanceof KubernetesApiError && error.status === 404)) throw error;
		const metadata = { name, namespace: 'kube-system' };
		await callKubernetes(kubeconfig, 'POST', secrets, {
			apiVersion: 'v1',
			kind: 'Secret',
			metadata,
			stringData,
		});
	}
}

interface TokenList {
	readonly items: readonly {
		readonly metadata: { readonly name: string };
		readonly data?: Readonly<Record<string, string>>;
	}[];
}

/** Deletes the join tokens that members of clusters of kstack 0.3 and earlier share, and what they allow. */
export async function deleteSharedTokens(kubeconfig: string): Promise<void> {
	const query = '?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken';
	const list = JSON.parse(await callKubernetes(kubeconfig, 'GET', `${secrets}${query}`)) as TokenList;
	for (const { metadata, data } of list.items) {
		const groups = Buffer.from(data?.['auth-extra-groups'] ?? '', 'base64').toString();
		if (groups === 'system:bootstrappers:kstack')
			await callKubernetes(kubeconfig, 'DELETE', `${secrets}/${metadata.name}`);
	}
	for (const rule of sharedTokenRules)
		await callKubernetes(kubeconfig, 'DELETE', `${roles}/${encodeURIComponent(rule)}`);
}
