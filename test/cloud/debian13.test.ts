import path from 'node:path';
import test from 'ava';
import { eventually, openstack, root, succeed } from './cloud.ts';
import { imageId } from './image.ts';
import { OwnCluster } from './own-cluster.ts';

const manifest = path.join(root, 'test/fixtures/web.yaml');
const images = { 12: '', 13: '' };
let cluster: OwnCluster;

/** The Debian release of each node, by the node's name. */
async function releases(): Promise<Record<string, string>> {
	const columns = 'jsonpath={range .items[*]}{.metadata.name} {.status.nodeInfo.osImage}{"\\n"}{end}';
	const lines = (await cluster.kubectl('get', 'nodes', '-o', columns)).trim().split('\n');
	return Object.fromEntries(
		lines.map((line) => [line.split(' ')[0], /\d+/.exec(line.split('Linux')[1] ?? '')?.[0]]),
	);
}

/** Pods on three minions, of which one asks the others by their Service's name. */
async function servesItself(): Promise<void> {
	await cluster.kubectl('apply', '-f', manifest);
	await cluster.kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/web');
	await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=120s', 'pod/asker');
	await eventually(60, () =>
		cluster.kubectl(
			'exec',
			'asker',
			'--',
			'timeout',
			'5',
			'wget',
			'-q',
			'-O',
			'/dev/null',
			'http://web/large',
		),
	);
	await cluster.kubectl('logs', 'asker');
}

test.before(async () => {
	images[12] = await imageId();
	const said = await succeed(path.join(root, 'scripts/quickstart'), ['image', 'debian13-x64-kubernetes']);
	images[13] = /^[0-9a-f-]{36}$/m.exec(said)?.[0] as string;
});

test.beforeEach(async () => {
	cluster = await OwnCluster.named('trixie');
});

test.afterEach.always(async (t) => {
	const words = await cluster.end();
	if (words !== '') t.log(words);
});

test.after.always(() => openstack('image', 'delete', images[13]));

test.serial('machines of Debian 13 form the cluster of the quick start', async (t) => {
	await cluster.done(`create trixie --masters 1 --minions 3 --image ${images[13]}`);
	t.deepEqual(await releases(), {
		'trixie-master-0': '13',
		'trixie-minion-0': '13',
		'trixie-minion-1': '13',
		'trixie-minion-2': '13',
	});
	await t.notThrowsAsync(servesItself());
});

test.serial('a master of Debian 12 takes minions of Debian 13', async (t) => {
	await cluster.done(`create trixie --minions 3 --image ${images[12]} --minion-image ${images[13]}`);
	t.deepEqual(await releases(), {
		'trixie-master-0': '12',
		'trixie-minion-0': '13',
		'trixie-minion-1': '13',
		'trixie-minion-2': '13',
	});
	await t.notThrowsAsync(servesItself());
});
