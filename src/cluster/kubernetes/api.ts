import { request } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { UserError, usageError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { oneLine } from '../../base/sanitize.ts';
import { parseKubeconfig } from './kubeconfig-file.ts';

/** The parts of a Node object that kstack uses. */
export interface KubernetesNode {
	readonly name: string;
	readonly ready: boolean;
	/** Whether its Ready condition is Unknown: its kubelet no longer reports its status. */
	readonly unreachable: boolean;
	readonly roles: string;
	/** What its kubelet reports, in one line. */
	readonly version: string;
	readonly address: string;
	/** Whether it is cordoned. */
	readonly unschedulable: boolean;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
}

/** The API responded with an error. */
export class KubernetesApiError extends UserError {
	override name = 'KubernetesApiError';
	/** The HTTP status code. */
	readonly status: number;

	constructor(message: string, status: number) {
		super(message);
		this.status = status;
	}
}

interface NodeObject {
	metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
	spec?: { unschedulable?: boolean };
	status: {
		conditions?: { type: string; status: string }[];
		nodeInfo?: { kubeletVersion: string };
		addresses?: { type: string; address: string }[];
	};
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Attempts after server errors, and milliseconds between them: etcd elects a leader within seconds. */
const retry = { tries: 10, pause: 3000 };

/**
 * Sends a request to the Kubernetes API, as the kubeconfig's first user. Server errors, such as while etcd elects a
 * leader, are retried for half a minute.
 *
 * @param body  sent as JSON; for PATCH a merge patch
 * @returns the text of the response
 * @throws KubernetesApiError for an error response; deleting an object that does not exist is not an error
 * @throws UserError when the API does not respond within 10 seconds
 */
export async function callKubernetes(
	kubeconfig: string,
	method: Method,
	path: string,
	body?: object,
): Promise<string> {
	for (let left = retry.tries; ; left--) {
		try {
			return await callOnce(kubeconfig, method, path, body);
		} catch (error) {
			const retryable = error instanceof KubernetesApiError && (error.status >= 500 || error.status === 429);
			if (!retryable || left <= 1) throw error;
			await pause();
		}
	}
}

/** Reads from the Kubernetes API once, for what a command can do without. Throws like `callKubernetes`. */
export const getOnce = (kubeconfig: string, path: string) => callOnce(kubeconfig, 'GET', path);

/** Ctrl-C ends the pause, except in requests that undo steps after Ctrl-C. */
async function pause(): Promise<void> {
	if (interrupted.signal.aborted) return void (await setTimeout(retry.pause));
	await setTimeout(retry.pause, undefined, { signal: interrupted.signal }).catch(() => undefined);
	interrupted.signal.throwIfAborted();
}

async function callOnce(kubeconfig: string, method: Method, path: string, body?: object): Promise<string> {
	const access = parseKubeconfig(kubeconfig);
	const data = (base64: string) => Buffer.from(base64, 'base64');
	const credentials = { ca: data(access.ca), cert: data(access.certificate), key: data(access.key) };
	try {
		createSecureContext(credentials);
	} catch (error) {
		throw usageError(
			`The kubeconfig for ${access.server} cannot be used: its certificates or its key are not PEM (${(error as Error).message}).`,
			'Restore the file that kstack wrote, or create a new one: kstack kubeconfig.',
			'bad-kubeconfig',
		);
	}
	const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
	return new Promise((resolve, reject) => {
		const call = request(
			new URL(path, access.server),
			{
				method,
				...credentials,
				timeout: 10_000,
				agent: false,
				...(body === undefined ? {} : { headers: { 'content-type': type } }),
			},
			(answer) => {
				const chunks: Buffer[] = [];
				answer.on('data', (chunk: Buffer) => chunks.push(chunk));
				answer.on('error', (error) => call.destroy(error));
				answer.on('end', () => {
					const text = Buffer.concat(chunks).toString();
					const code = answer.statusCode ?? 0;
					if (code < 300 || (method === 'DELETE' && code === 404)) resolve(text);
					else {
						const message = `The Kubernetes API at ${access.server} answered ${code} to ${method} ${path}.`;
						reject(new KubernetesApiError(message, code));
					}
				});
			},
		);
		call.on('timeout', () => call.destroy(new Error('no answer within 10 seconds')));
		call.on('error', (error) =>
			reject(new UserError(`The Kubernetes API at ${access.server} does not answer: ${error.message}.`)),
		);
		call.end(body === undefined ? undefined : JSON.stringify(body));
	});
}

/** The cluster's nodes, by name. */
export async function listNodes(kubeconfig: string): Promise<KubernetesNode[]> {
	const { items } = JSON.parse(await callKubernetes(kubeconfig, 'GET', '/api/v1/nodes')) as {
		items: NodeObject[];
	};
	const prefix = 'node-role.kubernetes.io/';
	return items.map(({ metadata, spec, status }) => ({
		name: metadata.name,
		ready: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
		unreachable:
			status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'Unknown') ?? false,
		roles: Object.keys(metadata.labels ?? {})
			.filter((label) => label.startsWith(prefix))
			.map((label) => label.slice(prefix.length))
			.join(','),
		version: oneLine(status.nodeInfo?.kubeletVersion ?? '', 40),
		address: status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
		unschedulable: spec?.unschedulable === true,
		labels: metadata.labels ?? {},
		annotations: metadata.annotations ?? {},
	}));
}

/** Creates a cordoned Node object for a node whose kubelet has not created one. */
export async function createNode(kubeconfig: string, name: string): Promise<void> {
	const node = { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable: true } };
	await callKubernetes(kubeconfig, 'POST', '/api/v1/nodes', node);
}

/** Deletes a Node object; it is not an error if it does not exist. */
export async function deleteNode(kubeconfig: string, name: string): Promise<void> {
	await callKubernetes(kubeconfig, 'DELETE', `/api/v1/nodes/${name}`);
}

/** Changes a Node object with a merge patch: `null` removes a key. */
export async function patchNode(kubeconfig: string, name: string, patch: object): Promise<void> {
	await callKubernetes(kubeconfig, 'PATCH', `/api/v1/nodes/${name}`, patch);
}

/** The number of pods that a drain would evict: without those of DaemonSets, static pods and finished ones. */
export async function countMovablePods(kubeconfig: string, node: string): Promise<number> {
	interface Pod {
		metadata: { annotations?: Record<string, string>; ownerReferences?: { kind: string }[] };
		status?: { phase?: string };
	}
	const query = `fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`;
	const { items } = JSON.parse(await callKubernetes(kubeconfig, 'GET', `/api/v1/pods?${query}`)) as {
		items: Pod[];
	};
	return items.filter(
		({ metadata, status }) =>
			metadata.annotations?.['kubernetes.io/config.mirror'] === undefined &&
			!metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet') &&
			!['Succeeded', 'Failed'].includes(status?.phase ?? ''),
	).length;
}
