// A cluster that is asked to remove masters from etcd: Node objects that change by requests, and masters that answer.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withCaller } from '../../src/base/caller.ts';
import type { StackDirectory } from '../../src/cluster/heat/directory.ts';
import type { MemberState } from '../../src/cluster/heat/inventory.ts';
import type { Stack } from '../../src/cluster/heat/stack.ts';
import { removeFromEtcd } from '../../src/cluster/kubernetes/remove-from-etcd.ts';
import { temporaryFolder } from './folders.ts';
import { fakeKubernetes, nodeObject } from './kubernetes.ts';

interface Metadata {
	name: string;
	labels?: Record<string, string>;
	annotations?: Record<string, string>;
}
export type NodeOf = { metadata: Metadata; spec?: object; status: object };
type Patch = { metadata: Record<'labels' | 'annotations', Record<string, string | null>> };

/** A master of a stack. */
export const master = (index: number, condition: MemberState['condition'] = 'failed'): MemberState => ({
	...{ name: `demo-master-${index}`, role: 'master', pool: 'master', generation: 0, index, condition },
	...{ address: '10.0.0.9', server: `server-${index}` },
});

/** How the cluster differs from one whose masters never answer. */
export interface Behavior {
	/** Called before the nodes are listed; changes them as masters do. */
	answer?(nodes: Map<string, NodeOf>): void;
	/** The status of a request that is refused; `undefined` when it is not. */
	refuses?(what: string): number | undefined;
}

const apply = (now: Record<string, string>, change: Record<string, string | null>) =>
	Object.fromEntries(
		Object.entries({ ...now, ...change }).filter((entry): entry is [string, string] => entry[1] !== null),
	);

/** A cluster with these Node objects, and what kstack asks it. */
export async function etcdCluster(present: readonly string[], { answer, refuses }: Behavior = {}) {
	const nodes = new Map<string, NodeOf>(present.map((name) => [name, nodeObject(name) as NodeOf]));
	const changes = (method: string, url: string, then: (body: never) => void) => ({
		[`${method} ${url}`]: (sent: readonly string[]): readonly [number, unknown] => {
			const status = refuses?.(`${method} ${url}`);
			if (status !== undefined) return [status, {}];
			const name = url.split('/')[4];
			if (name !== undefined && !nodes.has(name)) return [404, {}];
			then(JSON.parse(sent.at(-1) ?? '{}') as never);
			return [200, {}];
		},
	});
	const ofNode = (name: string) => ({
		...changes('PATCH', `/api/v1/nodes/${name}`, ({ metadata: patch }: Patch) => {
			const { metadata } = nodes.get(name) as NodeOf;
			metadata.labels = apply(metadata.labels ?? {}, patch.labels);
			metadata.annotations = apply(metadata.annotations ?? {}, patch.annotations);
		}),
		...changes('DELETE', `/api/v1/nodes/${name}`, () => void nodes.delete(name)),
	});
	const kubernetes = await fakeKubernetes({
		'GET /api/v1/nodes': () => {
			answer?.(nodes);
			const status = refuses?.('GET /api/v1/nodes');
			return status === undefined ? [200, { items: [...nodes.values()] }] : [status, {}];
		},
		...changes('POST', '/api/v1/nodes', (node: NodeOf) => {
			nodes.set(node.metadata.name, { ...node, status: {} });
		}),
		...Object.assign({}, ...[1, 2].map((index) => ofNode(`demo-master-${index}`))),
	});
	const folder = await temporaryFolder();
	const directory = { kubeconfig: path.join(folder, 'kubeconfig') } as StackDirectory;
	await writeFile(directory.kubeconfig, kubernetes.kubeconfig);
	const told: string[] = [];
	const caller = { tell: (message: string) => void told.push(message), confirm: async () => true };
	const stack = { name: 'demo', outputs: {} } as Stack;
	return {
		nodes,
		told,
		close: kubernetes.close,
		/** Whether a request to remove a node is there. */
		isAsked: (name: string) => nodes.get(name)?.metadata.labels?.['kstack.io/leave'] === 'dead',
		/** Removes these masters from etcd; the masters have `seconds` to do it. */
		remove: (masters: readonly MemberState[], seconds: number) =>
			withCaller(caller, () => removeFromEtcd(stack, directory, masters, seconds)),
	};
}
