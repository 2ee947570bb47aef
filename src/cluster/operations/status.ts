import { UserError } from '../../base/errors.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { membersOf } from '../heat/members.ts';
import { list, type Stack } from '../heat/stack.ts';
import { type KubernetesNode, listNodes } from '../kubernetes/api.ts';
import { certificateWarnings } from '../kubernetes/certificate-warnings.ts';
import { certificatesInKubeconfig } from '../kubernetes/certificates.ts';
import { type EtcdMember, etcdWarnings, readEtcdMembers } from '../kubernetes/etcd.ts';
import { presentKubeconfig, readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { missingFeatures, poolsWithOldImages } from '../spec/image-features.ts';
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
	/** Names of the pools whose images lack features of newer ones; absent when there is none. */
	readonly oldImages?: readonly string[];
	/** The etcd members of the masters that report them. */
	readonly etcd: readonly EtcdMember[];
	/** What needs attention, with what to do: certificates that expire soon, etcd's alarms. */
	readonly warnings: readonly string[];
	/** Why the Kubernetes API was not queried; absent when it was. */
	readonly kubernetesError?: string;
}

const readiness = (node: KubernetesNode | undefined) =>
	node === undefined ? 'absent' : node.ready ? 'Ready' : 'NotReady';

/** The pools that would gain from an upgrade; none if the record of the stack cannot be read: the status is shown anyway. */
function oldImagesOf({ parameters }: Stack): string[] {
	try {
		return poolsWithOldImages(missingFeatures(parameters), parameters);
	} catch (error) {
		if (error instanceof UserError) return [];
		throw error;
	}
}

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
	const oldImages = oldImagesOf(stack);
	const serverOf = (id: string) => servers.find((server) => server.ID === id);
	const members = membersOf(stack);
	const masters = members.filter(
		({ role, name }) => role === 'master' && nodes.some((node) => node.name === name && node.ready),
	);
	const etcd =
		kubeconfig === undefined
			? []
			: await readEtcdMembers(
					kubeconfig,
					masters.map(({ name }) => name),
				);
	return {
		name: stack.name,
		stack: stack.status,
		reason: stack.reason,
		api: String(stack.outputs.api_endpoint ?? ''),
		nodes: members.map((member) => {
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
		...(oldImages.length === 0 ? {} : { oldImages }),
		etcd,
		warnings: [
			...etcdWarnings(etcd),
			...(await expiring(stack, directory, kubernetesError === undefined ? kubeconfig : undefined)),
		],
		...(kubernetesError === undefined ? {} : { kubernetesError }),
	};
}
