import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { ask, withCluster } from './cloud.ts';

const kinds = [
	...['server', 'port', 'network', 'subnet', 'router', 'stack'],
	...['security group', 'floating ip', 'server group'],
];

/** The IDs of everything the project has. */
async function everything(): Promise<string[]> {
	const lists = await Promise.all(kinds.map((kind) => ask<{ ID: string }[]>(...kind.split(' '), 'list')));
	return lists.flatMap((list, index) => list.map(({ ID }) => `${kinds[index]} ${ID}`)).sort();
}

test.serial('a cluster without a name is called kubernetes, and leaves nothing when deleted', async (t) => {
	await withCluster('kubernetes', async (kstack, folder) => {
		const before = await everything();
		const created = await kstack('create --masters 1 --minions 1 --gateways 1');
		t.is(created.code, 0, created.stderr);
		t.true((await everything()).length > before.length + 10);

		t.regex((await kstack('list')).stdout, /^kubernetes +UPDATE_COMPLETE/m);
		const { nodes } = JSON.parse((await kstack('status -o json')).stdout) as {
			nodes: { node: string; role: string }[];
		};
		t.deepEqual(
			nodes.map(({ role, node }) => `${role} ${node}`),
			['master Ready', 'minion Ready', 'gateway Ready'],
		);

		t.is((await kstack('delete kubernetes')).code, 0);
		t.deepEqual(await everything(), before);
		for (const secret of ['kubeconfig', 'secrets.yaml', 'operator.key']) {
			t.false(existsSync(path.join(folder, 'kubernetes', secret)), secret);
		}
	});
});
