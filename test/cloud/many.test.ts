// What does not depend on what runs inside the machines: servers that exist in Nova's books alone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ask, attempt, type Ended } from './cloud.ts';
import { standingInFor } from './stand-in.ts';

let folder: string;

const kstack = (...words: string[]): Promise<Ended> =>
	standingInFor('many', () => attempt('kstack', words, folder));

async function done(...words: string[]): Promise<void> {
	const { code, stdout, stderr } = await kstack(...words);
	if (code !== 0) throw new Error(`kstack ${words.join(' ')}: exit ${code}\n${stdout}\n${stderr}`);
	// Nothing answers there: with it, kstack would ask nodes to drain that do not exist.
	await rm(path.join(folder, 'many/kubeconfig'), { force: true });
}

async function servers(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', '^many-');
	return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
}

const zones = ['master', 'minion', 'gateway'].flatMap((role) => [`--${role}-availability-zone`, 'fake']);

test.before(async () => {
	folder = await mkdtemp(path.join(tmpdir(), 'kstack-many-'));
	await kstack('delete', 'many'); // of a run that was killed
	await done('create', 'many', '--minions', '2', '--gateways', '1', ...zones);
});

test.after.always(async () => {
	await kstack('delete', 'many');
	await rm(folder, { recursive: true, force: true });
});

test.serial('ten more minions change no server that is there', async (t) => {
	const before = await servers();
	await done('scale', 'many', '--minions', '+10');
	const after = await servers();
	t.is(Object.keys(after).length, Object.keys(before).length + 10);
	for (const [name, id] of Object.entries(before)) t.is(after[name], id, name);
});

test.serial('the minions that are named go, and no other', async (t) => {
	const before = await servers();
	await done('scale', 'many', '--remove', 'many-minion-3', 'many-minion-7', '--yes');
	const { 'many-minion-3': _, 'many-minion-7': __, ...rest } = before;
	t.deepEqual(await servers(), rest);
});

test.serial('an index that was removed is not used again', async (t) => {
	await done('scale', 'many', '--minions', '+1');
	const names = Object.keys(await servers());
	t.true(names.includes('many-minion-12'), names.join(' '));
	t.false(names.includes('many-minion-3'));
});
