// A cluster that release 0.2.0 created from its own image: this version updates, scales and upgrades it.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { attempt, eventually, inNode, openstack, succeed } from '../../cloud.ts';
import { imageId } from '../../image.ts';
import { OwnCluster } from '../../own-cluster.ts';
import { type BuiltRelease, builtRelease } from '../../release.ts';
import { verifyTraffic } from '../../verify.ts';

const contractFolder = '/usr/share/kstack/assemble/steps';
let release: BuiltRelease;
let past: OwnCluster;
let oldImage = '';

/** Whether the image of a node has the steps. */
const hasSteps = async (node: string) => (await inNode(node, 'test', '-d', contractFolder)).code === 0;

/** Fails unless these are the nodes, all Ready, and all of an image with or without the steps. */
async function nodesAre(steps: boolean, ...names: string[]): Promise<void> {
	await eventually(60, async () => {
		const nodes = await past.nodes();
		const ready = Object.keys(nodes).filter((name) => nodes[name]);
		if (ready.sort().join() !== names.sort().join()) throw new Error(`Ready: ${ready.join(' ')}`);
	});
	for (const name of names) {
		if ((await hasSteps(name)) !== steps) throw new Error(`${name}: wrong image`);
	}
}

test.before(async () => {
	release = await builtRelease('0.2.0');
	const output = await succeed('node', [release.kimg, 'upload', release.image]);
	oldImage = /^[0-9a-f-]{36}$/m.exec(output)?.[0] as string;
	past = await OwnCluster.named('past');
	const { code, stderr } = await attempt(
		'node',
		[release.kstack, 'create', 'past', '--minions', '1', '--gateways', '1', '--image', oldImage],
		past.folder,
	);
	if (code !== 0) throw new Error(stderr);
});

test.after.always(async (t) => {
	const message = await past.end();
	if (message !== '') t.log(message);
	if (oldImage !== '') await openstack('image', 'delete', oldImage);
});

test.serial('an update to the current templates replaces no server', async (t) => {
	const before = await past.servers();
	await past.done('update past');
	t.deepEqual(await past.servers(), before);
	t.is(Object.keys(before).length, 3);
});

test.serial('new members of the old image join, added by kstack or the plain client', async (t) => {
	const before = await past.servers();
	await past.done('scale past --minions +1');
	await openstack('stack', 'update', '--existing', '--parameter', 'minion_count=3', '--wait', 'past');
	const minions = ['past-minion-0', 'past-minion-1', 'past-minion-2'];
	await t.notThrowsAsync(nodesAre(false, 'past-master-0', 'past-gateway-0', ...minions));
	const after = await past.servers();
	for (const [name, id] of Object.entries(before)) t.is(after[name], id, name);
});

test.serial('a pool with labels is refused until the masters are upgraded', async (t) => {
	const file = path.join(past.folder, 'past/cluster.yaml');
	const text = await readFile(file, 'utf8');
	await writeFile(file, `${text}pools:\n  - {name: extra, count: 1, labels: {disk: fast}}\n`);
	const { code, stderr } = await past.kstack('update past');
	await writeFile(file, text);
	t.is(code, 2, stderr);
	t.regex(stderr, /upgrade the masters first/);
});

test.serial('an upgrade replaces every node with one of the current image', async (t) => {
	await past.done(`upgrade past --image ${await imageId()} --batch 3 --yes`);
	const minions = [0, 1, 2].map((index) => `past-minion-g2-${index}`);
	await t.notThrowsAsync(nodesAre(true, 'past-master-g2-0', 'past-gateway-g2-0', ...minions));
	await t.notThrowsAsync(verifyTraffic(past));
});

test.serial('a rollback returns to nodes of the old image', async (t) => {
	await past.done('upgrade past --rollback --batch 3 --yes');
	const minions = [0, 1, 2].map((index) => `past-minion-g3-${index}`);
	await t.notThrowsAsync(nodesAre(false, 'past-master-g3-0', 'past-gateway-g3-0', ...minions));
	await t.notThrowsAsync(verifyTraffic(past));
});
