import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type Answers, demoStack, emptyCloud, event } from '../support/fake-cloud.ts';
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

test('update closes the formation that an interrupted create left open, and writes the kubeconfig', async (t) => {
	const { folder, stages } = await made();
	const open = stages(3).map((answers) => ({ ...answers }));
	const shown = open[0]?.['stack-show-demo'] as { parameters: Record<string, string> };
	open[0] = {
		...open[0],
		'stack-show-demo': { ...shown, parameters: { ...shown.parameters, cluster_state: 'new' } },
	};
	const { code, stderr, asked } = await on(open, ['update', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.true(updates(asked)[0]?.includes("'cluster_state=existing'"));
	t.true((await readdir(path.join(folder, 'demo'))).includes('kubeconfig'));
});

test('a flag that the stack has already is written to files that are behind', async (t) => {
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/parameters.yaml');
	const text = await readFile(file, 'utf8');
	await writeFile(file, text.replace('minion_count: 3', 'minion_count: 2'));
	const { code, stderr, asked } = await on(stages(3), ['update', 'demo', '--minions', '3'], { cwd: folder });
	t.is(code, 0, stderr);
	t.deepEqual(updates(asked), []);
	t.is(await readFile(file, 'utf8'), text);
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
	const kept = ['cluster.schema.json', 'cluster.yaml', 'heat', 'parameters.yaml'];
	t.deepEqual((await readdir(path.join(folder, 'demo'))).sort(), kept);
});

test('a deletion has ended when Heat has forgotten the events and shows the stack as deleted', async (t) => {
	const { folder, stages } = await made();
	const [first] = stages(3);
	const gone = {
		'stack-event-list': [],
		'stack-show-stack-1': demoStack(3, { stack_status: 'DELETE_COMPLETE', outputs: 'none' }),
	};
	const { code, stderr } = await on([first as Answers, gone], ['delete', 'demo', '--yes'], { cwd: folder });
	t.is(code, 0, stderr);
	t.false((await readdir(path.join(folder, 'demo'))).includes('secrets.yaml'));
});

const began = event(3, 'DELETE_IN_PROGRESS');
const cancelled = event(2, 'DELETE_FAILED', { resource_status_reason: 'Stack DELETE cancelled' });

test('a deletion that runs already is started again, and the end of the first is not that of the second', async (t) => {
	const { folder, stages } = await made();
	const [first] = stages(3);
	const events = { 'stack-event-list': [cancelled, began, event(4, 'DELETE_COMPLETE')] };
	const { code, stderr } = await on([first as Answers, events], ['delete', 'demo', '--yes'], { cwd: folder });
	t.is(code, 0, stderr);
});

test('a deletion that fails is an error with the reason of Heat', async (t) => {
	const { folder, stages } = await made();
	const [first] = stages(3);
	const events = { 'stack-event-list': [cancelled, began, event(4, 'DELETE_FAILED')] };
	const { code, stderr } = await on([first as Answers, events], ['delete', 'demo', '--yes'], { cwd: folder });
	t.is(code, 1);
	t.regex(stderr, /it went wrong/);
	t.true((await readdir(path.join(folder, 'demo'))).includes('secrets.yaml'));
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
