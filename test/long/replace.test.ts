import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readTree } from '../../src/base/tree.ts';
import { nextReplacementStep } from '../../src/cluster/operations/replace.ts';
import { parametersOfStep, upgradeState } from '../../src/cluster/operations/upgrade-steps.ts';
import type { Answers } from '../support/fake-cloud.ts';
import { on, updates } from '../support/kstack-on-cloud.ts';
import { type Upgradable, upgradable } from '../support/upgrading.ts';

/** What the cloud answers before, between and after the updates that replace the node. */
function toTheEnd({ heat, now }: Upgradable, node: string, isDead: boolean, more: Answers = {}): Answers[] {
	const stages = [{ ...now(), ...more }];
	for (;;) {
		const step = nextReplacementStep(
			node,
			upgradeState(heat.parameters),
			heat.members(),
			heat.settled,
			isDead,
		);
		if (step === undefined) return stages;
		heat.update(parametersOfStep(step.state, step.state, step.toRemove), 'success');
		stages.push(now());
	}
}

const parameter = (line: string | undefined, name: string) =>
	new RegExp(`'--parameter' '${name}=([^']*)'`).exec(line ?? '')?.[1];

test('a node is drained and removed once another one is Ready', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const stages = toTheEnd(cluster, 'demo-minion-0', false);
	const { code, stdout, stderr, asked } = await on(stages, ['replace', 'demo', 'demo-minion-0', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.regex(stderr, /^Replacing demo-minion-0 \(minion, alive\)$/m);
	t.regex(stderr, /^demo-minion-0 was replaced$/m);
	const asks = updates(asked);
	t.deepEqual(
		asks.map((line) => `${parameter(line, 'minion_count')} ${parameter(line, 'removed_minions')}`),
		['3 ', '2 0'],
	);
	t.false(asked.some((line) => line.includes('master_token')));
	t.deepEqual(
		cluster.kubernetes.asked.filter((line) => line.startsWith('PATCH')),
		['PATCH /api/v1/nodes/demo-minion-0 by operator'],
	);
	t.regex(stdout, /^demo-minion-2 /m);
	t.notRegex(stdout, /^demo-minion-0 /m);
	t.regex(await readFile(path.join(cluster.folder, 'demo/cluster.yaml'), 'utf8'), /^minions: 2$/m);
});

test('a master is removed once another one has joined with a new token', async (t) => {
	const cluster = await upgradable(t, { master: 3, minion: 0, gateway: 0 });
	const stages = toTheEnd(cluster, 'demo-master-1', false);
	const { code, stderr, asked } = await on(stages, ['replace', 'demo', 'demo-master-1', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.deepEqual(
		updates(asked).map((line) => `${parameter(line, 'master_count')} ${parameter(line, 'removed_masters')}`),
		['4 ', '3 1'],
	);
	t.deepEqual(
		updates(asked).map((line) => line.includes("'--parameter-file' 'master_token=")),
		[true, false],
	);
});

test('a node whose server is off is removed in one update, after its server is deleted', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 }, {}, ['demo-minion-1']);
	const servers = cluster.now()['server-list'] as { Name: string }[];
	const off = servers.map((server) => ({
		...server,
		Status: server.Name === 'demo-minion-1' ? 'SHUTOFF' : 'ACTIVE',
	}));
	const stages = toTheEnd(cluster, 'demo-minion-1', true, { 'server-list': off });
	const { code, stderr, asked } = await on(stages, ['replace', 'demo', 'demo-minion-1', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.regex(stderr, /^Replacing demo-minion-1 \(minion, dead\)$/m);
	t.deepEqual(
		updates(asked).map((line) => `${parameter(line, 'minion_count')} ${parameter(line, 'removed_minions')}`),
		['2 1'],
	);
	const gone = asked.indexOf("'server' 'delete' 'server-demo-minion-1'");
	t.true(gone > 0 && gone < asked.findIndex((line) => line.startsWith("'stack' 'update'")));
});

test('an interrupted replacement is resumed, and does not add another node', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const [, ...rest] = toTheEnd(cluster, 'demo-minion-0', false);
	const { code, stderr, asked } = await on(rest, ['replace', 'demo', 'demo-minion-0', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.deepEqual(
		updates(asked).map((line) => parameter(line, 'minion_count')),
		['2'],
	);
});

test('a node that has been replaced is not replaced again', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const last = toTheEnd(cluster, 'demo-minion-0', false).slice(-1);
	const { code, stderr, asked } = await on(last, ['replace', 'demo', 'demo-minion-0'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.is(stderr, 'demo-minion-0 was replaced\n');
	t.deepEqual(updates(asked), []);
});

const refuses = test.macro({
	title: (what) => `replace refused, and nothing changed: ${what}`,
	async exec(t: ExecutionContext, args: readonly string[], sentence: RegExp, generations: object = {}) {
		const cluster = await upgradable(
			t,
			{ master: 1, minion: 1, gateway: 0 },
			{ generations: JSON.stringify(generations) },
		);
		const ended = await on([cluster.now()], ['replace', 'demo', ...args], { cwd: cluster.folder });
		t.is(ended.code, 2, ended.stderr);
		t.regex(ended.stderr, sentence);
		t.deepEqual(updates(ended.asked), []);
		t.false(cluster.kubernetes.asked.some((line) => !line.startsWith('GET')));
	},
});

test(
	'an unknown node',
	refuses,
	['demo-minion-7', '--yes'],
	/^kstack: There is no node demo-minion-7\. Nodes: demo-master-0, demo-minion-0\./m,
);
test('without a terminal and without --yes', refuses, ['demo-minion-0'], /^ {2}.*--yes/m);
test(
	'during another replacement',
	refuses,
	['demo-minion-0', '--yes'],
	/demo-minion-9 of demo is being replaced: resume with `kstack replace demo demo-minion-9`/,
	{ replacing: { node: 'demo-minion-9', extra: true } },
);
test('during an upgrade', refuses, ['demo-minion-0', '--yes'], /An upgrade of demo is not finished/, {
	current: 2,
	previous: 1,
	latest: 2,
	wanted: { master: 1, minion: 1, gateway: 0 },
});
test(
	'an invalid drain timeout',
	refuses,
	['demo-minion-0', '--drain-timeout', 'long'],
	/--drain-timeout is "long"/,
);

test('if there is no temporary folder, Heat is not asked, and the files stay as they were', async (t) => {
	const cluster = await upgradable(t, { master: 1, minion: 2, gateway: 0 });
	const before = await readTree(cluster.folder);
	const { code, asked } = await on([cluster.now()], ['replace', 'demo', 'demo-minion-0', '--yes'], {
		cwd: cluster.folder,
		env: { TMPDIR: '/nonexistent' },
	});
	t.is(code, 1);
	t.deepEqual(updates(asked), []);
	t.deepEqual(await readTree(cluster.folder), before);
});
