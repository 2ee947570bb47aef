import { request } from 'node:https';
import { load } from 'js-yaml';
import { UserError } from '../errors.ts';

/** A Node object, as far as kstack looks at it. */
export interface KubernetesNode {
	readonly name: string;
	readonly ready: boolean;
	readonly roles: string;
	readonly version: string;
	readonly address: string;
}

interface Kubeconfig {
	clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
	users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

interface NodeObject {
	metadata: { name: string; labels?: Record<string, string> };
	status: {
		conditions?: { type: string; status: string }[];
		nodeInfo?: { kubeletVersion: string };
		addresses?: { type: string; address: string }[];
	};
}

/** The text of a kubeconfig for one operator of one cluster. */
export function kubeconfigText(
	name: string,
	endpoint: string,
	base64: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
	const quoted = JSON.stringify(name); // else YAML takes a cluster called "null" for none
	return `apiVersion: v1
kind: Config
clusters:
- name: ${quoted}
  cluster:
    server: ${endpoint}
    certificate-authority-data: ${base64.ca}
users:
- name: ${quoted}
  user:
    client-certificate-data: ${base64.certificate}
    client-key-data: ${base64.key}
contexts:
- name: ${quoted}
  context:
    cluster: ${quoted}
    user: ${quoted}
current-context: ${quoted}
`;
}

/**
 * Asks the Kubernetes API once, as the kubeconfig's first user.
 *
 * @throws UserError when it does not answer within 10 seconds, or refuses
 */
function ask(kubeconfig: string, method: string, path: string): Promise<string> {
	const config = load(kubeconfig) as Kubeconfig;
	const cluster = config.clusters[0]?.cluster;
	const user = config.users[0]?.user;
	if (cluster === undefined || user === undefined)
		throw new UserError('The kubeconfig has no cluster or no user.');
	const data = (base64: string) => Buffer.from(base64, 'base64');
	return new Promise((resolve, reject) => {
		const call = request(
			new URL(path, cluster.server),
			{
				method,
				ca: data(cluster['certificate-authority-data']),
				cert: data(user['client-certificate-data']),
				key: data(user['client-key-data']),
				timeout: 10_000,
				agent: false,
			},
			(answer) => {
				const chunks: Buffer[] = [];
				answer.on('data', (chunk: Buffer) => chunks.push(chunk));
				answer.on('end', () => {
					const text = Buffer.concat(chunks).toString();
					const code = answer.statusCode ?? 0;
					if (code < 300 || (method === 'DELETE' && code === 404)) resolve(text);
					else
						reject(
							new UserError(`The Kubernetes API at ${cluster.server} answered ${code} to ${method} ${path}.`),
						);
				});
			},
		);
		call.on('timeout', () => call.destroy(new Error('no answer within 10 seconds')));
		call.on('error', (error) =>
			reject(new UserError(`The Kubernetes API at ${cluster.server} does not answer: ${error.message}.`)),
		);
		call.end();
	});
}

/** The cluster's nodes, by name. */
export async function listNodes(kubeconfig: string): Promise<KubernetesNode[]> {
	const { items } = JSON.parse(await ask(kubeconfig, 'GET', '/api/v1/nodes')) as { items: NodeObject[] };
	const prefix = 'node-role.kubernetes.io/';
	return items.map(({ metadata, status }) => ({
		name: metadata.name,
		ready: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
		roles: Object.keys(metadata.labels ?? {})
			.filter((label) => label.startsWith(prefix))
			.map((label) => label.slice(prefix.length))
			.join(','),
		version: status.nodeInfo?.kubeletVersion ?? '',
		address: status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
	}));
}

/** Deletes a Node object; one that is gone already is well. */
export async function deleteNode(kubeconfig: string, name: string): Promise<void> {
	await ask(kubeconfig, 'DELETE', `/api/v1/nodes/${name}`);
}
