import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Answers, demoStack } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { fakeKubernetes, nodeObject } from '../support/kubernetes.ts';
import { changing, kubernetesThat, type Node, names, withKubernetes } from '../support/leaving.ts';
import { upgradable } from '../support/upgrading.ts';

test('nodes are drained before the update of the stack, and their Node objects are deleted', async (t) => {
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? 'drained' : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const args = ['scale', 'demo', '--minions', '-1', '--yes', '--drain-timeout', '120'];
	const { code, stdout, stderr, asked } = await on(stages(2), args, { cwd: folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /^demo-minion-2 +minion +10\.0\.0\.14 +highest index in pool minions$/m);
	t.regex(stderr, /^demo-minion-2: draining .*120 s/m);
	t.regex(stderr, /^demo-minion-2: drained$/m);
	t.deepEqual(JSON.parse(kubernetes.sent[0] ?? ''), {
		metadata: {
			labels: { 'kstack.io/leave': 'drain', 'kstack.node-restriction.kubernetes.io/leave': 'drain' },
			annotations: {
				...{ 'kstack.io/leave-timeout': '120', 'kstack.io/leave-force': 'false' },
				'kstack.io/leave-state': null,
			},
		},
	});
	t.deepEqual(changing(kubernetes), [
		'PATCH /api/v1/nodes/demo-minion-2',
		'DELETE /api/v1/nodes/demo-minion-2',
	]);
	t.regex(updates(asked)[0] ?? '', /'minion_count=2' '--parameter' 'cluster_state=existing'/);
	t.regex(stdout, /^demo-minion-1 +minion/m);
});

test('if a drain fails, it is cancelled, the message of the master is printed, and nothing is updated', async (t) => {
	const words = 'failed: pod shop/web-1 is held back by the disruption budget web';
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? words : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const before = await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8');
	const { code, stderr, asked } = await on(stages(2), ['scale', 'demo', '--minions', '2', '-y'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.regex(
		stderr,
		/kstack: Could not drain demo-minion-2: pod shop\/web-1 is held back by the disruption budget web\n {2}.*--force/,
	);
	t.deepEqual(updates(asked), []);
	t.deepEqual(JSON.parse(kubernetes.sent.at(-1) ?? ''), {
		metadata: {
			labels: { 'kstack.io/leave': null, 'kstack.node-restriction.kubernetes.io/leave': null },
			annotations: {
				...{ 'kstack.io/leave-timeout': null, 'kstack.io/leave-force': null },
				'kstack.io/leave-state': null,
			},
		},
		spec: { unschedulable: null },
	});
	t.is(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), before);
});

test('Ctrl-C during a drain cancels it; a node that was cordoned before stays cordoned', async (t) => {
	const kubernetes = await kubernetesThat(
		() => undefined,
		(node) => ({ ...node, spec: { unschedulable: true } }),
	);
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	let sent = false;
	const { code, stderr, asked } = await on(stages(2), ['scale', 'demo', '--minions', '2', '-y'], {
		cwd: folder,
		onStderr: (text, pid) => {
			if (sent || !text.includes('draining')) return;
			sent = true;
			const watch = setInterval(() => {
				if (kubernetes.sent.length === 0) return;
				clearInterval(watch);
				process.kill(pid, 'SIGINT');
			}, 50);
		},
	});
	t.is(code, 130, stderr);
	t.regex(
		stderr,
		/Drain cancelled: demo-minion-2\nkstack: Interrupted\.\n {2}The cloud was not asked to change anything\.\n$/,
	);
	t.deepEqual(updates(asked), []);
	t.is(kubernetes.sent.length, 2);
	t.false('spec' in JSON.parse(kubernetes.sent[1] ?? ''));
});

test('a drained node that Heat does not remove is uncordoned', async (t) => {
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? 'drained' : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const [first] = stages(2);
	const { 'stack-update': _, ...refusing } = first as Answers;
	const cloud = { ...refusing, 'stack-update.fails': 'ERROR: no\n' };
	const before = await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8');
	const { code, stderr } = await on([cloud], ['scale', 'demo', '--minions', '2', '-y'], { cwd: folder });
	t.is(code, 1);
	t.regex(stderr, /Drain cancelled: demo-minion-2\n/);
	t.is(await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8'), before);
});

test('a dead node is removed by the masters and its server is deleted before the update of the stack', async (t) => {
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? 'gone' : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const [first, second] = stages(2);
	const servers = [{ ID: 'server-demo-minion-2', Name: 'demo-minion-2', Status: 'SHUTOFF' }];
	const cloud = { ...first, 'server-list': servers, 'server-delete-server-demo-minion-2': '' };
	const { code, stderr, asked } = await on(
		[cloud, second as Answers],
		['scale', 'demo', '--minions', '-1', '-y'],
		{
			cwd: folder,
		},
	);
	t.is(code, 0, stderr);
	t.deepEqual(JSON.parse(kubernetes.sent[0] ?? '').metadata.labels, {
		'kstack.io/leave': 'dead',
		'kstack.node-restriction.kubernetes.io/leave': 'dead',
	});
	t.regex(stderr, /^demo-minion-2: removed\ndemo-minion-2: server is SHUTOFF, deleting it$/m);
	const deleted = asked.indexOf("'server' 'delete' 'server-demo-minion-2'");
	t.true(deleted > 0 && deleted < asked.indexOf(updates(asked)[0] ?? ''));
});

test('a node that is running but does not answer is removed only with --force', async (t) => {
	const silent = (node: Node) =>
		node.metadata.name === 'demo-minion-2'
			? { ...node, status: { ...node.status, conditions: [{ type: 'Ready', status: 'Unknown' }] } }
			: node;
	const kubernetes = await kubernetesThat(() => undefined, silent);
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const { code, stderr, asked } = await on(stages(2), ['scale', 'demo', '--minions', '2', '-y'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.regex(stderr, /kstack: demo-minion-2: .*ACTIVE.*\n {2}.*--force/);
	t.deepEqual([updates(asked), changing(kubernetes)], [[], []]);
});

test('named nodes are removed, and Heat gets their indexes', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(1);
	const after = second?.['stack-show-demo'] as { parameters: object };
	const shown = { ...after, parameters: { ...after.parameters, removed_minions: '0,1' } };
	const { code, stderr, asked } = await on(
		[first as Answers, { ...second, 'stack-show-demo': shown }],
		['scale', 'demo', '--yes', '--remove', 'demo-minion-0', '--remove', 'demo-minion-1'],
		{ cwd: folder },
	);
	t.is(code, 0, stderr);
	t.regex(
		stderr,
		/^demo-minion-0 +minion +10\.0\.0\.12 +named\ndemo-minion-1 +minion +10\.0\.0\.13 +named$/m,
	);
	t.regex(updates(asked)[0] ?? '', /'--parameter' 'minion_count=1' '--parameter' 'removed_minions=0,1'/);
});

test('new masters get a new token, which no command line contains', async (t) => {
	const kubernetes = await fakeKubernetes({
		'POST /api/v1/namespaces/kube-system/secrets': [201, {}],
		'GET /api/v1/nodes': [200, { items: names.map((name) => nodeObject(name)) }],
	});
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const [first, second] = stages(3);
	const { parameters } = (second as Answers)['stack-show-demo'] as { parameters: object };
	const after = { ...second, 'stack-show-demo': demoStack(3, {}, { ...parameters, master_count: '3' }) };
	const { code, stderr, asked } = await on([first as Answers, after], ['scale', 'demo', '--masters', '3'], {
		cwd: folder,
	});
	t.is(code, 0, stderr);
	t.regex(updates(asked)[0] ?? '', /'master_count=3'.*'--parameter-file' 'master_token=file:\/\/\/\S+'/);
	const told = JSON.parse(kubernetes.sent[0] ?? '') as { stringData: Record<string, string> };
	const secret = told.stringData['token-secret'] ?? '';
	t.is(secret.length, 16);
	for (const line of asked) t.false(line.includes(secret));
	t.false(stderr.includes(secret));
});

test('indexes that the last update has removed are not used again', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(4);
	const before = (first as Answers)['stack-show-demo'] as { parameters: object };
	const shown = { ...before, parameters: { ...before.parameters, removed_minions: '7' } };
	const { code, stderr, asked } = await on(
		[{ ...first, 'stack-show-demo': shown }, second as Answers],
		['scale', 'demo', '--minions', '+1'],
		{ cwd: folder },
	);
	t.is(code, 0, stderr);
	t.regex(updates(asked)[0] ?? '', /'minion_count=4' '--parameter' 'removed_minions='/);
});

test('a concurrent change is reported, and success is not', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(4);
	const { parameters } = (first as Answers)['stack-show-demo'] as { parameters: object };
	const theirs = demoStack(5, {}, { ...parameters, minion_count: '5' });
	const { code, stderr } = await on(
		[first as Answers, { ...second, 'stack-show-demo': theirs }],
		['scale', 'demo', '--minions', '4'],
		{
			cwd: folder,
		},
	);
	t.is(code, 1);
	t.regex(stderr, /kstack: .* of demo .*: minion_count is "5", not "4"\.\n/);
});

for (const [what, args, sentence] of [
	['no terminal and no --yes', ['--minions', '2'], /kstack: Remove these nodes\?.*\n {2}.*--yes/],
	['an even number of masters', ['--masters', '+1'], /kstack: --masters is 2: .*Use 1, 3, 5 or 7/],
	['no master', ['--masters', '0'], /kstack: --masters is "?0"?: /],
	['the only master', ['--remove', 'demo-master-0', '-y'], /kstack: --masters is "?0"?: /],
	[
		'more than there are nodes',
		['--minions', '-4'],
		/kstack: --minions is -4, but the cluster has only 3 minions\./,
	],
	[
		'a node that is not there',
		['--remove', 'demo-minion-9'],
		/kstack: demo has no node demo-minion-9\. Its nodes: demo-master-0, /,
	],
	[
		'a count that contradicts',
		['--remove', 'demo-minion-0', '--minions', '3'],
		/kstack: --minions 3 changes 3 minions to 3, but --remove lists 1/,
	],
	[
		'no seconds',
		['--minions', '4', '--drain-timeout', 'long'],
		/kstack: --drain-timeout is "long": it must be .*seconds/,
	],
] as const) {
	test(`scale refuses, and changes nothing: ${what}`, async (t) => {
		const { folder, stages } = await made();
		const { code, stderr, asked } = await on(stages(2), ['scale', 'demo', ...args], { cwd: folder });
		t.is(code, 2, stderr);
		t.regex(stderr, sentence);
		t.deepEqual(updates(asked), []);
	});
}

test('during an upgrade, scale prints the command that resumes it', async (t) => {
	const { folder, stages } = await made();
	const [first] = stages(3);
	const before = (first as Answers)['stack-show-demo'] as { parameters: object };
	const generations = JSON.stringify({ current: 2, previous: 1, latest: 2 });
	const shown = { ...before, parameters: { ...before.parameters, generations } };
	const { code, stderr } = await on(
		[{ ...first, 'stack-show-demo': shown }],
		['scale', 'demo', '--minions', '4'],
		{
			cwd: folder,
		},
	);
	t.is(code, 2);
	t.regex(stderr, /kstack upgrade demo/);
});

/** A cluster of one master, of which two more never became Ready, and no kubeconfig. */
async function withFailedMasters(t: ExecutionContext) {
	// The setting is about pods: it does not allow to remove a master whose etcd member stays.
	const cluster = await upgradable(t, { master: 1, minion: 0, gateway: 0 }, { drain_force: 'True' });
	cluster.heat.update({ master_count: 3 }, 'additions fail');
	await rm(path.join(cluster.folder, 'demo/kubeconfig'));
	return cluster;
}

test('without a kubeconfig, failed masters are not removed while another master works', async (t) => {
	for (const more of [[], ['--dry-run']]) {
		const { folder, now } = await withFailedMasters(t);
		const args = ['scale', 'demo', '--masters', '1', '--yes', ...more];
		const { code, stderr, asked } = await on([now()], args, { cwd: folder });
		t.is(code, 1, stderr);
		t.regex(stderr, /no .*kubeconfig: demo-master-1, demo-master-2 cannot be removed from etcd/);
		t.regex(stderr, /kstack kubeconfig demo\. --force deletes the servers anyway/);
		t.deepEqual(updates(asked), []);
		t.false(asked.some((line) => line.startsWith("'server' 'delete'")));
	}
});

test('--force removes failed masters without a kubeconfig', async (t) => {
	const { folder, heat, now } = await withFailedMasters(t);
	const stages = [now()];
	heat.update({ master_count: 1 }, 'success');
	stages.push(now());
	const args = ['scale', 'demo', '--masters', '1', '--yes', '--force'];
	const { code, stderr, asked } = await on(stages, args, { cwd: folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /the etcd members of demo-master-1, demo-master-2 are not removed first/);
	t.regex(
		asked.find((line) => line.startsWith("'server' 'delete'")) ?? '',
		/'server-demo-master-1' 'server-demo-master-2'/,
	);
	t.is(updates(asked).length, 1);
});
