// A change that would exceed Heat's limit is refused before anything is changed.
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { emptyCloud } from '../support/fake-cloud.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { upgradable } from '../support/upgrading.ts';

const changing = (asked: readonly string[]) =>
	asked.filter(
		(line) => /^'(stack|server)' '(create|update|delete)'/.test(line) && !line.includes('--dry-run'),
	);

test('create', async (t) => {
	const { code, stderr, asked } = await on([emptyCloud], ['create', 'demo', '--minions', '200']);
	t.is(code, 2, stderr);
	t.regex(stderr, /201 nodes.*allows 1000/);
	t.deepEqual(changing(asked), []);
});

for (const args of [
	['scale', 'demo', '--minions', '200', '--yes'],
	['update', 'demo', '--minions', '200', '--yes'],
	['plan', 'demo', '--minions', '200'],
]) {
	test(args[0] as string, async (t) => {
		const { folder, stages } = await made();
		const refused = await on(stages(3), args, { cwd: folder });
		t.is(refused.code, 2, refused.stderr);
		t.regex(refused.stderr, /201 nodes.*allows 1000/);
		t.deepEqual(changing(refused.asked), []);
	});
}

test('a limit that the operator tells is the one that counts', async (t) => {
	const { folder, stages } = await made();
	const env = { KSTACK_MAX_RESOURCES: '36' };
	const args = ['scale', 'demo', '--minions', '5', '--yes'];
	const { code, stderr, asked } = await on(stages(5), args, { cwd: folder, env });
	t.is(code, 2, stderr);
	t.regex(stderr, /allows 36/);
	t.deepEqual(changing(asked), []);
});

test('update with an additional pool in cluster.yaml', async (t) => {
	const { folder, stages } = await made();
	await appendFile(
		path.join(folder, 'demo/cluster.yaml'),
		'pools:\n  - {name: gpu, role: minion, count: 200}\n',
	);
	const { code, stderr, asked } = await on(stages(3), ['update', 'demo', '--yes'], { cwd: folder });
	t.is(code, 2, stderr);
	t.regex(stderr, /204 nodes.*allows 1000/);
	t.deepEqual(changing(asked), []);
});

for (const args of [
	['upgrade', 'demo', '--image', 'next-patch', '--yes'],
	['replace', 'demo', 'demo-minion-0', '--yes'],
]) {
	test(args[0] as string, async (t) => {
		const cluster = await upgradable(t, { master: 1, minion: 1, gateway: 0 });
		const env = { KSTACK_MAX_RESOURCES: '24' };
		const { code, stderr, asked } = await on([cluster.now()], args, { cwd: cluster.folder, env });
		t.is(code, 2, stderr);
		t.regex(stderr, /allows 24/);
		t.deepEqual(changing(asked), []);
	});
}
