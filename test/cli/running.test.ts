import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type Answers, emptyCloud } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';

test('scale changes the count and nothing else, and both files say so', async (t) => {
	const { folder, stages } = await made();
	const { code, stdout, stderr, asked } = await on(stages(4), ['scale', 'demo', '--minions', '4'], {
		cwd: folder,
	});
	t.is(code, 0, stderr);
	t.regex(stderr, /^minions: 3 -> 4$/m);
	t.deepEqual(updates(asked), [
		"'stack' 'update' '--existing' '--parameter' 'minion_count=4' '--parameter' 'cluster_state=existing' '--timeout' '45' '-f' 'json' 'demo'",
	]);
	t.regex(stdout, /^demo-minion-3 /m);
	t.regex(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), /^minions: 4$/m);
	t.regex(await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8'), /^ {2}minion_count: 4$/m);
});

test('delete removes the stack and the secrets of its directory, and keeps what was asked for', async (t) => {
	const { folder, stages } = await made();
	const [first] = stages(3);
	const gone = { 'stack-event-list.fails': 'Stack not found: stack-1\n' };
	const { code, stderr, asked } = await on([first as Answers, gone], ['delete', 'demo', '--yes'], {
		cwd: folder,
	});
	t.is(code, 0, stderr);
	t.regex(stderr, /demo is deleted\n$/);
	t.true(asked.includes("'stack' 'delete' '--yes' 'stack-1'"));
	t.deepEqual((await readdir(path.join(folder, 'demo'))).sort(), ['cluster.yaml', 'heat', 'parameters.yaml']);
});

test('status as JSON is for programs: nothing but JSON on stdout', async (t) => {
	const { folder, stages } = await made();
	const { code, stdout } = await on(stages(3), ['status', 'demo', '-o', 'json'], { cwd: folder });
	t.is(code, 0);
	t.like(JSON.parse(stdout), { name: 'demo', stack: 'CREATE_COMPLETE', api: 'https://127.0.0.1:1' });
	t.is((JSON.parse(stdout) as { nodes: unknown[] }).nodes.length, 4);
});

test('list shows the stacks that kstack made, and knows an empty cloud', async (t) => {
	const none = await on([emptyCloud], ['list']);
	t.deepEqual([none.code, none.stdout], [0, 'NAME   STATUS   CREATED\n']);
	t.true(none.asked[0]?.includes("'--tags' 'kstack'"));
	const stacks = [
		{ 'Stack Name': 'demo', 'Stack Status': 'CREATE_COMPLETE', 'Creation Time': '2026-01-01T00:00:00Z' },
	];
	const one = await on([{ 'stack-list': stacks }], ['list', '-o', 'json']);
	t.deepEqual(JSON.parse(one.stdout), [
		{ name: 'demo', status: 'CREATE_COMPLETE', created: '2026-01-01T00:00:00Z' },
	]);
});
