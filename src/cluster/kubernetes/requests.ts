import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { oneLine } from '../../base/sanitize.ts';
import { say } from '../../base/say.ts';
import { type KubernetesNode, listNodes, patchNode } from './api.ts';

/**
 * A request about a node, stored on its Node object, where the masters or the node itself read it: the labels
 * `kstack.io/KIND` and `kstack.node-restriction.kubernetes.io/KIND`, and the annotations `kstack.io/KIND-PARAMETER`. The
 * answer is the annotation `kstack.io/KIND-state`: a state that depends on the kind, or `failed: ` and the reason.
 *
 * A kubelet can set the first label on its own Node object, and the API refuses it the second one: there masters know
 * that an operator asks. Masters of images before 0.4 know the first alone.
 */
export interface NodeRequest {
	/** Such as `leave`. */
	readonly kind: string;
	/** The name of the node. */
	readonly target: string;
	/** The action. It also identifies the requester: the values of a node differ from those of kstack. */
	readonly value: string;
	readonly parameters: Readonly<Record<string, string>>;
}

/** How to wait for the answers to several requests. */
export interface WaitOptions {
	/** Whether the request is done on an existing node. A deleted node counts as done. */
	isDone(node: KubernetesNode): boolean;
	/** What is printed for a node when it is done, such as `drained`. */
	readonly done: string;
	/** Timeout in seconds. */
	readonly seconds: number;
	/** Called after each check with the names of the nodes without an answer. */
	progress?(waiting: ReadonlySet<string>): Promise<void>;
	/** The error for an answer that begins with `failed`. */
	failed(target: string, reason: string): UserError;
	/** The error after the timeout. */
	timedOut(targets: readonly string[], seconds: number): UserError;
}

/** Milliseconds between two checks of the nodes. */
const interval = 2000;

/** How often a request is repeated while the API does not respond. */
const tries = 30;

const keyOf = (kind: string) => `kstack.io/${kind}`;
const restrictedKeyOf = (kind: string) => `kstack.node-restriction.kubernetes.io/${kind}`;
const labelsOf = (kind: string, value: string | null) => ({
	[keyOf(kind)]: value,
	[restrictedKeyOf(kind)]: value,
});
const answerKey = (kind: string) => `${keyOf(kind)}-state`;

const annotationsOf = ({ kind, parameters }: NodeRequest, value: (text: string) => string | null) => ({
	...Object.fromEntries(
		Object.entries(parameters).map(([name, text]) => [`${keyOf(kind)}-${name}`, value(text)]),
	),
	[answerKey(kind)]: null,
});

/** The answer on a node to a request of a kind; `undefined` while there is none. */
export const answerOf = (node: KubernetesNode, kind: string): string | undefined =>
	node.annotations[answerKey(kind)];

/** Stores the request, and removes the answer to an earlier one. */
export function sendRequest(kubeconfig: string, request: NodeRequest): Promise<void> {
	const { kind, target, value } = request;
	const annotations = annotationsOf(request, (text) => text);
	return patchNode(kubeconfig, target, { metadata: { labels: labelsOf(kind, value), annotations } });
}

/**
 * Cancels a request: removes its labels and annotations.
 *
 * @param changes  other changes of the Node object, as a merge patch
 */
export function cancelRequest(kubeconfig: string, request: NodeRequest, changes: object = {}): Promise<void> {
	const annotations = annotationsOf(request, () => null);
	const labels = labelsOf(request.kind, null);
	return patchNode(kubeconfig, request.target, { metadata: { labels, annotations }, ...changes });
}

/** The command with which an operator cancels a request. */
export const cancelCommand = ({ kind, target }: NodeRequest) =>
	`kubectl label node ${target} ${keyOf(kind)}- ${restrictedKeyOf(kind)}-`;

async function pause(): Promise<void> {
	await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => undefined);
	interrupted.signal.throwIfAborted();
}

/** The current nodes. Retries, because the API does not respond while its address moves to another master. */
export async function nodesWithRetry(kubeconfig: string): Promise<KubernetesNode[]> {
	for (let failures = 1; ; failures++) {
		try {
			return await listNodes(kubeconfig);
		} catch (error) {
			if (failures === tries || !(error instanceof UserError)) throw error;
			await pause();
		}
	}
}

/**
 * Waits until each request is answered.
 *
 * @throws UserError for the first request that failed, or after the timeout
 */
export async function waitForAnswers(
	kubeconfig: string,
	requests: readonly NodeRequest[],
	{ isDone, done, seconds, progress, failed, timedOut }: WaitOptions,
): Promise<void> {
	const kinds = new Map(requests.map(({ target, kind }) => [target, kind]));
	const waiting = new Set(kinds.keys());
	const end = Date.now() + seconds * 1000;
	while (waiting.size > 0) {
		const nodes = await nodesWithRetry(kubeconfig);
		for (const [target, kind] of kinds) {
			const node = nodes.find(({ name }) => name === target);
			if (!waiting.has(target)) continue;
			const reason = /^failed: ?(.*)$/s.exec((node && answerOf(node, kind)) ?? '')?.[1];
			if (reason !== undefined) throw failed(target, oneLine(reason));
			if (node !== undefined && !isDone(node)) continue;
			waiting.delete(target);
			say(`${target}: ${done}`);
		}
		if (waiting.size === 0) return;
		if (Date.now() > end) throw timedOut([...waiting], seconds);
		await progress?.(waiting);
		await pause();
	}
}
