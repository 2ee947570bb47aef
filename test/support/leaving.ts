// A cluster whose masters answer when a node is asked to leave.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withAuthorityOf } from './fake-cloud.ts';
import { made } from './kstack-on-cloud.ts';
import { type FakeKubernetes, fakeKubernetes, nodeObject } from './kubernetes.ts';

export type Node = ReturnType<typeof nodeObject> & {
	metadata: { annotations?: Record<string, string> };
	spec?: { unschedulable?: boolean };
};

/** The names of the cluster's nodes. */
export const names = ['master-0', 'minion-0', 'minion-1', 'minion-2'].map((name) => `demo-${name}`);
const nodePath = (name: string) => `/api/v1/nodes/${name}`;

/** A cluster whose masters answer a request to leave as told; `gone` are nodes that are no more once asked. */
export async function kubernetesThat(
	answer: (name: string, asked: number) => string | undefined,
	change: (node: Node) => Node = (node) => node,
): Promise<FakeKubernetes> {
	const patches = (sent: readonly string[]) => sent.filter((body) => body.includes('"kstack.io/leave":"'));
	return fakeKubernetes({
		'GET /api/v1/nodes': (sent) => {
			const items = names.flatMap((name) => {
				const node = change(nodeObject(name) as Node);
				if (patches(sent).length === 0) return [node];
				const state = answer(name, patches(sent).length);
				if (state === 'gone') return [];
				const annotations = state === undefined ? {} : { 'kstack.io/leave-state': state };
				return [{ ...node, metadata: { ...node.metadata, annotations } }];
			});
			return [200, { items }];
		},
		...Object.fromEntries(
			names.flatMap((name) => [
				[`PATCH ${nodePath(name)}`, [200, {}] as const],
				[`DELETE ${nodePath(name)}`, [200, {}] as const],
				[`GET /api/v1/pods?fieldSelector=spec.nodeName%3D${name}`, [200, { items: [] }] as const],
			]),
		),
	});
}

/** A cluster of three minions with a kubeconfig for this API server. */
export async function withKubernetes(kubernetes: FakeKubernetes) {
	const { folder, stages } = await made();
	await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
	return { folder, stages: (minions: number) => withAuthorityOf(kubernetes.kubeconfig, stages(minions)) };
}

/** The requests that change something, without who sent them. */
export const changing = (kubernetes: FakeKubernetes) =>
	kubernetes.asked
		.filter((line) => !line.startsWith('GET'))
		.map((line) => line.split(' ').slice(0, 2).join(' '));
