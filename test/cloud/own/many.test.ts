// Operations that do not depend on the content of servers, which exist in Nova's database only.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { attempt, type Ended } from '../cloud.ts';
import { OwnCluster } from '../own-cluster.ts';
import { withNodeSignals } from '../signals.ts';

let many: OwnCluster;

const kstack = (...words: string[]): Promise<Ended> => attempt('kstack', words, many.folder);

/** The cluster has no Kubernetes API: with a kubeconfig, kstack would try to drain nodes. */
const deleteKubeconfig = () => rm(path.join(many.folder, 'many/kubeconfig'), { force: true });

async function done(...words: string[]): Promise<void> {
	const { code, stdout, stderr } = await withNodeSignals('many', () => kstack(...words));
	if (code !== 0) throw new Error(`kstack ${words.join(' ')}: exit ${code}\n${stdout}\n${stderr}`);
	await deleteKubeconfig();
}

const minions = async () =>
	Object.keys(await many.servers()).filter((name) => name.startsWith('many-minion-'));

test.before(async () => {
	many = await OwnCluster.named('many');
	const zones = ['master', 'minion', 'gateway'].flatMap((role) => [`--${role}-availability-zone`, 'fake']);
	await done('create', 'many', '--minions', '2', '--gateways', '1', ...zones);
});

test.after.always(async (t) => {
	const errors = await many.end();
	if (errors !== '') t.log(errors);
});

test.serial('adding six minions and four gateways changes no existing server', async (t) => {
	const before = await many.servers();
	await done('scale', 'many', '--minions', '+6', '--gateways', '+4');
	const after = await many.servers();
	t.is(Object.keys(after).length, Object.keys(before).length + 10);
	for (const [name, id] of Object.entries(before)) t.is(after[name], id, name);
});

test.serial('only the named members are removed', async (t) => {
	const { 'many-minion-3': _, 'many-minion-7': __, 'many-gateway-0': ___, ...rest } = await many.servers();
	await done(
		'scale',
		'many',
		'--remove',
		'many-minion-3',
		'--remove',
		'many-minion-7',
		'--remove',
		'many-gateway-0',
		'--yes',
	);
	t.deepEqual(await many.servers(), rest);
});

test.serial('an index that was removed is not used again', async (t) => {
	await done('scale', 'many', '--minions', '+1');
	const names = await minions();
	t.true(names.includes('many-minion-8'), names.join(' '));
	t.false(names.includes('many-minion-3'));
});

test.serial(
	'of two concurrent scale commands one succeeds, and the other fails with a message',
	async (t) => {
		const attempts = await withNodeSignals('many', () =>
			Promise.all(['10', '9'].map((count) => kstack('scale', 'many', '--minions', count, '--yes'))),
		);
		await deleteKubeconfig();
		const count = (await minions()).length;
		t.true([9, 10].includes(count), `${count} minions`);
		t.true(attempts.some(({ code }) => code === 0));
		for (const { code, stderr } of attempts) {
			t.log(`exit ${code}: ${stderr.trim().split('\n').slice(-2).join(' / ')}`);
			if (code !== 0) t.regex(stderr, /is busy|concurrent update/);
		}
	},
);

test.serial('a pool can be scaled to zero and back', async (t) => {
	await done('scale', 'many', '--minions', '0', '--yes');
	t.deepEqual(await minions(), []);
	await done('scale', 'many', '--minions', '1');
	t.is((await minions()).length, 1);
});
