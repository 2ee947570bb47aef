import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ask, clusters, eventually, inNode, kstack, openstack, readyNodes } from '../cloud.ts';

/** Every server's ID and the ID of its boot, by name. */
async function servers(): Promise<Record<string, string>> {
	const found: Record<string, string> = {};
	for (const { ID, Name } of await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', 'demo-')) {
		found[Name] = `${ID} ${(await inNode(ID, 'cat', '/proc/sys/kernel/random/boot_id')).stdout.trim()}`;
	}
	return found;
}

const nodes = (minions: number) => [
	'demo-master-0',
	...Array.from({ length: minions }, (_, index) => `demo-minion-${index}`),
];

/** Whether each server that still exists is the same, and was not rebooted. */
async function same(before: Record<string, string>): Promise<boolean> {
	const after = await servers();
	return Object.entries(before).every(([name, boot]) => !(name in after) || after[name] === boot);
}

test.serial('kstack scale adds a minion and changes no other server', async (t) => {
	const before = await servers();
	await kstack('scale', 'demo', '--minions', '4');
	t.deepEqual(await readyNodes(), nodes(4));
	t.true(await same(before));
	t.is(Object.keys(before).length, 4);
});

test.serial('kstack update follows an edit of parameters.yaml', async (t) => {
	const before = await servers();
	const file = path.join(clusters, 'demo/parameters.yaml');
	const text = await readFile(file, 'utf8');
	t.regex(text, /^ {2}minion_count: 4$/m, 'scale has written the count back');
	await writeFile(file, text.replace('minion_count: 4', 'minion_count: 3'));
	await kstack('update', 'demo', '--yes');
	t.deepEqual(await readyNodes(), nodes(3));
	t.true(await same(before));
	t.deepEqual(Object.keys(await servers()).sort(), nodes(3));
});

test.serial('an update without changes does not update the stack', async (t) => {
	const before = await ask<{ updated_time: string }>('stack', 'show', 'demo');
	await kstack('update', 'demo');
	t.is((await ask<{ updated_time: string }>('stack', 'show', 'demo')).updated_time, before.updated_time);
});

test.serial('the plain client scales the cluster', async (t) => {
	const before = await servers();
	await openstack('stack', 'update', '--existing', '--parameter', 'minion_count=4', '--wait', 'demo');
	await eventually(60, async () => {
		if ((await readyNodes()).length !== 5) throw new Error('not Ready yet');
	});
	t.deepEqual(await readyNodes(), nodes(4));
	t.true(await same(before));
});

test.serial('an update does not revert a change of the plain client', async (t) => {
	const error = await t.throwsAsync(kstack('update', 'demo'));
	t.regex(error?.message ?? '', /minions is 4 in the cluster, 3 in .*Set the value with --minions/);
});

test.serial('a minion that is powered off is removed', async (t) => {
	const { 'demo-minion-3': _, ...rest } = await servers();
	await openstack('server', 'stop', 'demo-minion-3');
	await kstack('scale', 'demo', '--remove', 'demo-minion-3', '--yes');
	t.deepEqual(await readyNodes(), nodes(3));
	t.deepEqual(await servers(), rest);
});
