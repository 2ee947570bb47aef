// Clusters with nodes of Debian 13. For one of them, the deletion is tested too.
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { ask, openstack, root, succeed } from '../../cloud.ts';
import { imageId } from '../../image.ts';
import { OwnCluster } from '../../own-cluster.ts';
import { verifyTraffic } from '../../verify.ts';

const images = { 12: '', 13: '' };
let cluster: OwnCluster;

const kinds = [
	...['server', 'port', 'network', 'subnet', 'router', 'stack'],
	...['security group', 'floating ip', 'server group'],
];

/** The IDs of all resources of the project. */
async function everything(): Promise<string[]> {
	const lists = await Promise.all(kinds.map((kind) => ask<{ ID: string }[]>(...kind.split(' '), 'list')));
	return lists.flatMap((list, index) => list.map(({ ID }) => `${kinds[index]} ${ID}`)).sort();
}

/** The Debian release of each node, by the node's name. */
async function releases(): Promise<Record<string, string>> {
	const columns = 'jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.osImage}{"\\n"}{end}';
	const lines = (await cluster.kubectl('get', 'nodes', '-o', columns)).trim().split('\n');
	return Object.fromEntries(
		lines.map((line) => [line.split(' ')[0], /\d+/.exec(line.split('Linux')[1] ?? '')?.[0]]),
	);
}

test.before(async () => {
	images[12] = await imageId();
	const output = await succeed(path.join(root, 'scripts/quickstart'), ['image', 'debian13-x64-kubernetes']);
	images[13] = /^[0-9a-f-]{36}$/m.exec(output)?.[0] as string;
});

test.serial('nodes of Debian 13 form a cluster like that of the quick start', async (t) => {
	cluster = await OwnCluster.named('trixie');
	try {
		await cluster.done(`create trixie --masters 1 --minions 3 --image ${images[13]}`);
		t.deepEqual(await releases(), {
			'trixie-master-0': '13',
			'trixie-minion-0': '13',
			'trixie-minion-1': '13',
			'trixie-minion-2': '13',
		});
		await t.notThrowsAsync(verifyTraffic(cluster));
	} finally {
		await cluster.end();
	}
});

let before: string[];

test.serial(
	'minions and gateways of Debian 13 join a master of Debian 12, in a cluster with the default name',
	async (t) => {
		cluster = await OwnCluster.named('kubernetes');
		before = await everything();
		const others = `--minion-image ${images[13]} --gateway-image ${images[13]}`;
		await cluster.done(`create --minions 3 --gateways 1 --image ${images[12]} ${others}`);
		t.true((await everything()).length > before.length + 10);
		t.deepEqual(await releases(), {
			'kubernetes-master-0': '12',
			'kubernetes-minion-0': '13',
			'kubernetes-minion-1': '13',
			'kubernetes-minion-2': '13',
			'kubernetes-gateway-0': '13',
		});
		await t.notThrowsAsync(verifyTraffic(cluster));
		t.regex(await cluster.done('list'), /^kubernetes +UPDATE_COMPLETE/m);
		const { nodes } = JSON.parse((await cluster.kstack('status -o json')).stdout) as {
			nodes: { node: string; role: string }[];
		};
		t.deepEqual(
			nodes.map(({ role, node }) => `${role} ${node}`),
			['master Ready', 'minion Ready', 'minion Ready', 'minion Ready', 'gateway Ready'],
		);
	},
);

test.serial('a deleted cluster leaves no resources', async (t) => {
	await cluster.done('delete kubernetes --yes');
	t.deepEqual(await everything(), before);
	for (const secret of ['kubeconfig', 'secrets.yaml', 'operator.key']) {
		t.false(existsSync(path.join(cluster.folder, 'kubernetes', secret)), secret);
	}
});

test.after.always(async () => {
	await cluster.end();
	await openstack('image', 'delete', images[13]);
});
