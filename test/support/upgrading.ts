import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { withOwnVersion } from '../../src/cluster/heat/kstack-version.ts';
import type { Counts } from '../../src/cluster/spec/generations.ts';
import { type Answers, emptyCloud } from './fake-cloud.ts';
import { made } from './kstack-on-cloud.ts';
import { type FakeKubernetes, fakeKubernetes, nodeObject } from './kubernetes.ts';
import { SimulatedHeat } from './simulated-heat.ts';

const image = (id: string, name: string, version: string, etcd = '3.4.23+dfsg-4') => ({
	[`image-list--name-${name}`]: [{ ID: id, Name: name }],
	[`image-list--name-${id}`]: [],
	[`image-show-${id}`]: {
		...{ id, name, min_disk: 8 },
		properties: {
			kstack_network_drivers: 'routed',
			kstack_etcd: etcd,
			...(version === '' ? {} : { kstack_kubernetes: version }),
		},
	},
});

/** The target images of upgrades in these tests; clusters start with image-1. */
const images: Answers = {
	...image('image-1', 'debian12-x64-kubernetes', '1.20.2'),
	...image('image-2', 'next-patch', '1.20.7'),
	...image('image-3', 'next-minor', '1.21.1'),
	...image('image-4', 'two-minors', '1.22.0'),
	...image('image-5', 'older', '1.20.1'),
	...image('image-6', 'untold', ''),
	...image('image-7', 'older-etcd', '1.20.7', '3.3.25+dfsg-6'),
	...image('image-8', 'newer-etcd', '1.20.7', '3.5.16-4+b5'),
};

/** A cluster with its directory and kubeconfig, and a simulated Heat. */
export interface Upgradable {
	readonly folder: string;
	readonly heat: SimulatedHeat;
	readonly kubernetes: FakeKubernetes;
	/** The responses of the cloud for the current state of Heat. */
	now(): Answers;
}

interface Shown {
	readonly parameters: Readonly<Record<string, string>>;
}

/**
 * The nodes in Kubernetes are drained as soon as they are asked.
 *
 * @param more  Heat parameters beside the counts
 * @param gone  names of nodes that Kubernetes does not know
 */
export async function upgradable(
	t: ExecutionContext,
	counts: Counts,
	more: Readonly<Record<string, string>> = {},
	gone: readonly string[] = [],
): Promise<Upgradable> {
	const { folder, stages } = await made();
	const [first] = stages(1);
	const shown = first?.['stack-show-demo'] as Shown | undefined;
	const heat = new SimulatedHeat({
		...shown?.parameters,
		...Object.fromEntries(Object.entries(counts).map(([role, count]) => [`${role}_count`, count])),
		...{ master_image: 'image-1', minion_image: 'image-1', gateway_image: 'image-1' },
		...{ cluster_state: 'existing', generations: '{}', master_token: '******' },
		...Object.fromEntries(
			['master', 'minion', 'gateway'].flatMap((role) => [
				[`removed_${role}s`, ''],
				[`previous_removed_${role}s`, ''],
				[`previous_${role}_count`, '0'],
				[`previous_${role}_image`, ''],
			]),
		),
		...more,
	});
	heat.parameters = { ...heat.parameters, generations: withOwnVersion(heat.parameters) };
	const names = ['master-0', 'master-1', 'master-2', 'minion-0', 'minion-1', 'gateway-0'].flatMap((name) => [
		`demo-${name}`,
		`demo-${name.replace('-', '-g2-')}`,
	]);
	const items = names
		.filter((name) => !gone.includes(name))
		.map((name) => ({
			...nodeObject(name),
			metadata: { name, labels: {}, annotations: { 'kstack.io/leave-state': 'drained' } },
		}));
	/** The nodes that masters were asked to remove as dead. */
	const removed = (bodies: readonly string[]) => {
		const changes = kubernetes.asked.filter((line) => /^(PATCH|POST)/.test(line));
		return changes
			.filter((_, index) => bodies[index]?.includes('"dead"'))
			.map((line) => line.split(/[/ ]/)[5]);
	};
	const kubernetes: FakeKubernetes = await fakeKubernetes({
		'GET /api/v1/nodes': (bodies) => [
			200,
			{ items: items.filter(({ metadata }) => !removed(bodies).includes(metadata.name)) },
		],
		'POST /api/v1/nodes': [201, {}],
		'POST /api/v1/namespaces/kube-system/secrets': [201, {}],
		...Object.fromEntries(
			names.flatMap((name) => [
				[`PATCH /api/v1/nodes/${name}`, [200, {}]],
				[`DELETE /api/v1/nodes/${name}`, [200, {}]],
				[`GET /api/v1/pods?fieldSelector=spec.nodeName%3D${name}`, [200, { items: [] }]],
			]),
		),
	});
	t.teardown(kubernetes.close);
	await writeFile(path.join(folder, 'demo/kubeconfig'), kubernetes.kubeconfig);
	heat.kubeconfig = kubernetes.kubeconfig;
	return {
		folder,
		heat,
		kubernetes,
		now: () => ({
			...emptyCloud,
			...images,
			'stack-update': { id: 'stack-1' },
			'server-delete': '',
			...heat.answers(),
		}),
	};
}
