import type { StackDirectory } from '../heat/directory.ts';
import { membersOf } from '../heat/members.ts';
import { list, type Stack } from '../heat/stack.ts';
import { type KubernetesNode, listNodes } from '../kubernetes/api.ts';
import { certificateWarnings } from '../kubernetes/certificate-warnings.ts';
import { certificatesInKubeconfig } from '../kubernetes/certificates.ts';
import { presentKubeconfig, readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { poolsOf } from '../spec/pools.ts';
import { readPublished } from './certificates.ts';

/** The state of a cluster in Heat, Nova and Kubernetes. */
export interface Status {
	readonly name: string;
	readonly stack: string;
	readonly reason: string;
	readonly api: string;
	readonly nodes: readonly {
		readonly name: string;
		readonly role: string;
		/** The name of its pool. */
		readonly pool: string;
		readonly address: string;
		readonly server: string;
		readonly node: string;
		readonly version: string;
		/** Name of the image of the server. */
		readonly image: string;
	}[];
	/** What needs attention, with what to do: certificates that expire soon. */
	readonly warnings: readonly string[];
	/** Why the Kubernetes API was not queried; absent when it was. */
	readonly kubernetesError?: string;
}

const readiness = (node: KubernetesNode | undefined) =>
	node === undefined ? 'absent' : node.ready ? 'Ready' : 'NotReady';

/** Certificates that expire soon; what the API does not show, because it does not answer, is left out. */
async function expiring(
	stack: Stack,
	directory: StackDirectory,
	usable: string | undefined,
): Promise<string[]> {
	const present = await presentKubeconfig(directory, stack).catch(() => undefined);
	if (present === undefined) return [];
	const published = usable === undefined ? [] : await readPublished(usable).catch(() => []);
	const all = [...certificatesInKubeconfig(present), ...published];
	return certificateWarnings(stack.name, directory.kubeconfig, all, new Date());
}

/** Reads the state from Heat, Nova and, with the directory's kubeconfig, Kubernetes. */
export async function clusterStatus(stack: Stack, directory: StackDirectory): Promise<Status> {
	let kubernetesError: string | undefined;
	const kubeconfig = await readKubeconfig(directory, stack).catch((error: Error) => {
		kubernetesError = error.message;
		return undefined;
	});
	if (kubeconfig === undefined) kubernetesError ??= `there is no ${directory.kubeconfig}`;
	const [servers, nodes] = await Promise.all([
		list(['server']),
		kubeconfig === undefined
			? []
			: listNodes(kubeconfig).catch((error: Error) => {
					kubernetesError = error.message;
					return [];
				}),
	]);
	const pools = poolsOf(stack.parameters);
	const serverOf = (id: string) => servers.find((server) => server.ID === id);
	return {
		name: stack.name,
		stack: stack.status,
		reason: stack.reason,
		api: String(stack.outputs.api_endpoint ?? ''),
		nodes: membersOf(stack).map((member) => {
			const node = nodes.find(({ name }) => name === member.name);
			return {
				name: member.name,
				role: member.role,
				pool: pools.find(({ id }) => id === member.pool)?.name ?? member.pool,
				address: member.address,
				server: String(serverOf(member.server)?.Status ?? 'absent'),
				node: kubernetesError === undefined ? readiness(node) : 'unknown',
				version: node?.version ?? '',
				image: String(serverOf(member.server)?.Image ?? ''),
			};
		}),
		warnings: await expiring(stack, directory, kubernetesError === undefined ? kubeconfig : undefined),
		...(kubernetesError === undefined ? {} : { kubernetesError }),
	};
}
