import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	reversedUpgrade,
	startUpgrade,
	type UpgradeState,
	upgradeState,
} from '../../src/cluster/operations/upgrade-steps.ts';
import { finished, type Generations } from '../../src/cluster/spec/generations.ts';
import type { Answers } from '../support/fake-cloud.ts';
import { on, updates } from '../support/kstack-on-cloud.ts';
import type { SimulatedHeat, UpdateOutcome } from '../support/simulated-heat.ts';
import { type Upgradable, upgradable } from '../support/upgrading.ts';

const small = { master: 1, minion: 1, gateway: 0 };

/** Heat takes a step from `state`. */
function step(heat: SimulatedHeat, state: UpgradeState, outcome: UpdateOutcome = 'success'): boolean {
	const next = nextStep(state, heat.members(), heat.settled, 1);
	if (next === undefined) return false;
	heat.update(parametersOfStep(state, next, membersToRemove(state, next, heat.members())), outcome);
	return true;
}

/** What the cloud answers before, between and after the updates from `state` to the end. */
function toTheEnd({ heat, now }: Upgradable, state: UpgradeState, image: string): Answers[] {
	const stages = [now()];
	for (let next = state; step(heat, next); next = upgradeState(heat.parameters)) stages.push(now());
	const { generations } = upgradeState(heat.parameters);
	const recorded = JSON.parse(heat.parameters.recorded_settings ?? '{}') as object;
	const none = Object.fromEntries(
		['master', 'minion', 'gateway'].flatMap((role) => [
			[`previous_${role}_count`, 0],
			[`previous_${role}_image`, ''],
			[`removed_${role}s`, ''],
			[`previous_removed_${role}s`, ''],
		]),
	);
	const end = { ...none, generations: finished(generations), recorded_settings: { ...recorded, image } };
	heat.update(end, 'success');
	return [...stages, now()];
}

const beginning = ({ heat }: Upgradable, image: string): UpgradeState => {
	const state = startUpgrade(upgradeState(heat.parameters), image);
	return { ...state, generations: { ...state.generations, rollback: false, mastersLast: false } };
};

const parameter = (line: string | undefined, name: string) =>
	new RegExp(`'--parameter' '${name}=([^']*)'`).exec(line ?? '')?.[1];

test('an upgrade proceeds in steps to the new image, and then the files of the directory have it', async (t) => {
	const cluster = await upgradable(t, small);
	const stages = toTheEnd(cluster, beginning(cluster, 'image-2'), 'next-patch');
	const args = ['upgrade', 'demo', '--image', 'next-patch', '--yes'];
	const predicted = await on(stages.slice(0, 1), [...args, '--dry-run'], { cwd: cluster.folder });
	const { code, stdout, stderr, asked } = await on(stages, args, { cwd: cluster.folder });
	t.is(code, 0, stderr);
	const titles = predicted.stdout.split('\n').flatMap((line) => /^ *\d+\. (.*)/.exec(line)?.[1] ?? []);
	t.deepEqual(
		stderr.split('\n').filter((line) => titles.includes(line)),
		titles,
		'the dry run has shown these steps',
	);
	t.regex(
		stderr,
		/^demo: Kubernetes 1\.20\.2 -> 1\.20\.7, image next-patch \(image-2\)\. .*1 master, 1 minion;/m,
	);
	const asks = updates(asked);
	t.is(asks.length, 5);
	const counts = ['master_count', 'previous_master_count', 'minion_count', 'previous_minion_count'];
	t.deepEqual(
		asks.slice(0, 4).map((line) => counts.map((name) => parameter(line, name)).join(' ')),
		['1 1 0 1', '1 0 0 1', '1 0 1 1', '1 0 1 0'],
	);
	t.deepEqual(
		asks.map((line) => line.includes("'-t'")),
		[true, false, false, false, true],
		'templates change where generations come and go',
	);
	t.is(parameter(asks[1], 'previous_removed_masters'), '0');
	t.deepEqual(
		asks.map((line) => line.includes("'--parameter-file' 'master_token=")),
		[true, false, false, false, false],
		'a token for the master that comes, and for nobody else',
	);
	t.deepEqual(
		cluster.kubernetes.asked.filter((line) => /^(POST|PATCH)/.test(line)).map((line) => line.split(' by')[0]),
		[
			'POST /api/v1/namespaces/kube-system/secrets',
			'PATCH /api/v1/nodes/demo-master-0',
			'PATCH /api/v1/nodes/demo-minion-0',
		],
	);
	t.regex(stdout, /^demo-master-g2-0 /m);

	const file = (name: string) => readFile(path.join(cluster.folder, 'demo', name), 'utf8');
	t.regex(await file('cluster.yaml'), /^image: next-patch$/m);
	const { resources } = load(await file('heat/cluster.yaml')) as { resources: object };
	t.deepEqual(
		Object.keys(resources).filter((name) => /^masters/.test(name)),
		['masters_2'],
	);
});

test('a failed master without a Node object is removed from etcd by one that kstack creates', async (t) => {
	const cluster = await upgradable(t, { master: 3, minion: 0, gateway: 0 }, {}, ['demo-master-g2-0']);
	step(cluster.heat, beginning(cluster, 'image-2'), 'additions fail');
	const first = cluster.now();
	step(cluster.heat, upgradeState(cluster.heat.parameters));
	const stages = [first, ...toTheEnd(cluster, upgradeState(cluster.heat.parameters), 'next-patch')];
	const { code, stderr } = await on(stages, ['upgrade', 'demo', '--yes'], { cwd: cluster.folder });
	t.is(code, 0, stderr);
	const changes = cluster.kubernetes.asked.filter(
		(line) => /\/nodes/.test(line) && /^(POST|PATCH)/.test(line),
	);
	t.regex(changes[0] ?? '', /^POST \/api\/v1\/nodes /);
	t.regex(changes[1] ?? '', /^PATCH \/api\/v1\/nodes\/demo-master-g2-0 /);
});

test('an interrupted upgrade is resumed without --image', async (t) => {
	const cluster = await upgradable(t, small);
	step(cluster.heat, beginning(cluster, 'image-2'));
	const stages = toTheEnd(cluster, upgradeState(cluster.heat.parameters), 'next-patch');
	const { code, stderr, asked } = await on(stages, ['upgrade', 'demo', '--yes'], { cwd: cluster.folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /^Resuming the upgrade of demo$/m);
	t.is(updates(asked).length, 4);
	t.is(parameter(updates(asked)[0], 'previous_master_count'), '0');
});

test('a failed member is removed before all other changes, and its server first', async (t) => {
	const cluster = await upgradable(t, { master: 3, minion: 0, gateway: 0 });
	step(cluster.heat, beginning(cluster, 'image-2'), 'additions fail');
	const first = cluster.now();
	const repaired = upgradeState(cluster.heat.parameters);
	step(cluster.heat, repaired);
	const stages = [first, ...toTheEnd(cluster, upgradeState(cluster.heat.parameters), 'next-patch')];
	const { code, stderr, asked } = await on(stages, ['upgrade', 'demo', '--yes'], { cwd: cluster.folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /^The last update failed; retrying; removing demo-master-g2-0$/m);
	t.regex(stderr, /^Removing demo-master-g2-0, which never became Ready, from etcd$/m);
	t.regex(stderr, /^demo-master-g2-0: removed from etcd and Kubernetes$/m);
	const gone = asked.findIndex((line) =>
		line.startsWith("'server' 'delete' '--wait' 'server-demo-master-g2-0'"),
	);
	t.true(gone > 0 && gone < asked.findIndex((line) => line.startsWith("'stack' 'update'")));
	t.is(parameter(updates(asked)[0], 'removed_masters'), '0');
	t.is(parameter(updates(asked)[0], 'master_count'), '1');
});

test('--rollback during an upgrade rolls it back, and a second --rollback continues', async (t) => {
	for (const again of [false, true]) {
		const cluster = await upgradable(t, small);
		step(cluster.heat, beginning(cluster, 'image-2'));
		step(cluster.heat, upgradeState(cluster.heat.parameters));
		let state = reversedUpgrade(upgradeState(cluster.heat.parameters), true);
		if (again) {
			step(cluster.heat, state);
			state = upgradeState(cluster.heat.parameters);
		}
		const stages = toTheEnd(cluster, state, 'debian12-x64-kubernetes');
		const { code, stdout, stderr, asked } = await on(stages, ['upgrade', 'demo', '--rollback', '--yes'], {
			cwd: cluster.folder,
		});
		t.is(code, 0, stderr);
		t.regex(stderr, again ? /^Resuming the rollback of demo$/m : /^Rolling back to generation 1 of demo$/m);
		t.is(parameter(updates(asked)[0], 'master_image'), 'image-1');
		t.regex(stdout, /^demo-master-1 /m);
		t.notRegex(stdout, /-g2-/);
	}
});

test('--rollback of a finished upgrade is an upgrade to the former image, masters last', async (t) => {
	const cluster = await upgradable(t, small, {
		...{ master_image: 'image-1', minion_image: 'image-1', gateway_image: 'image-1' },
		generations: JSON.stringify({
			current: 1,
			latest: 1,
			previous: null,
			images: { 0: 'image-5', 1: 'image-1' },
		}),
	});
	const state = startUpgrade(upgradeState(cluster.heat.parameters), 'image-5');
	const down = { ...state, generations: { ...state.generations, rollback: true, mastersLast: true } };
	const stages = toTheEnd(cluster, down, 'older');
	const { code, stderr, asked } = await on(stages, ['upgrade', 'demo', '--rollback', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.is(parameter(updates(asked)[0], 'minion_count'), '1');
	t.is(parameter(updates(asked)[0], 'master_count'), '0');
	t.is(parameter(updates(asked)[0], 'minion_image'), 'image-5');
});

test('a failure prints how to resume and how to roll back', async (t) => {
	const cluster = await upgradable(t, small);
	const first = cluster.now();
	step(cluster.heat, beginning(cluster, 'image-2'), 'additions fail');
	const { code, stderr } = await on(
		[first, cluster.now()],
		['upgrade', 'demo', '--image', 'next-patch', '--yes'],
		{ cwd: cluster.folder },
	);
	t.is(code, 1);
	t.regex(stderr, /^kstack: Updating demo failed \(UPDATE_FAILED\)/m);
	t.regex(stderr, /Resume with: kstack upgrade demo; roll back with: kstack upgrade demo --rollback$/m);
});

test('an upgrade whose last update failed is completed', async (t) => {
	const cluster = await upgradable(t, small);
	toTheEnd(cluster, beginning(cluster, 'image-2'), 'next-patch');
	const stack = cluster.now()['stack-show-demo'] as object;
	const failed = { ...cluster.now(), 'stack-show-demo': { ...stack, stack_status: 'UPDATE_FAILED' } };
	cluster.heat.update({}, 'success');
	const { code, stderr, asked } = await on([failed, cluster.now()], ['upgrade', 'demo', '--yes'], {
		cwd: cluster.folder,
	});
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.regex(updates(asked)[0] ?? '', /'-t'/);
	t.is(parameter(updates(asked)[0], 'minion_count'), '1');
});

test('an upgrade waits until the stack is no longer busy', async (t) => {
	const cluster = await upgradable(t, small);
	const stack = cluster.now()['stack-show-demo'] as object;
	const busy = { ...cluster.now(), 'stack-show-demo': { ...stack, stack_status: 'UPDATE_IN_PROGRESS' } };
	let output = '';
	const ended = await on([busy], ['upgrade', 'demo', '--yes'], {
		cwd: cluster.folder,
		onStderr: (text: string, pid: number) => {
			if (output === '' && text.includes('Waiting for Heat')) process.kill(pid, 'SIGINT');
			output = text;
		},
	});
	t.is(ended.code, 130);
	t.regex(ended.stderr, /^Waiting for Heat to finish with demo \(UPDATE_IN_PROGRESS\)$/m);
	t.deepEqual(updates(ended.asked), []);
});

interface Refusal {
	readonly args: readonly string[];
	readonly sentence: RegExp;
	readonly generations?: Partial<Generations>;
	/** Heat parameters beside these. */
	readonly parameters?: Readonly<Record<string, string>>;
	readonly without?: string;
	readonly code?: number;
}

const refuses = test.macro({
	title: (what) => `upgrade refused, and nothing changed: ${what}`,
	async exec(
		t: ExecutionContext,
		{ args, sentence, generations = {}, parameters = {}, without, code = 2 }: Refusal,
	) {
		const more = { ...parameters, generations: JSON.stringify(generations) };
		const cluster = await upgradable(t, small, more);
		if (without !== undefined) await rm(path.join(cluster.folder, 'demo', without));
		const text = await readFile(path.join(cluster.folder, 'demo/cluster.yaml'), 'utf8');
		const files = await readdir(cluster.folder, { recursive: true });
		const ended = await on([cluster.now()], ['upgrade', 'demo', ...args], { cwd: cluster.folder });
		t.is(ended.code, code, ended.stderr);
		t.regex(ended.stderr, sentence);
		t.deepEqual(updates(ended.asked), []);
		t.deepEqual(
			cluster.kubernetes.asked.filter((line) => !line.startsWith('GET')),
			[],
		);
		t.is(await readFile(path.join(cluster.folder, 'demo/cluster.yaml'), 'utf8'), text);
		t.deepEqual(await readdir(cluster.folder, { recursive: true }), files);
	},
});

const middle = {
	...{ current: 2, previous: 1, latest: 2, wanted: small, images: { 1: 'image-1', 2: 'image-2' } },
};
test('no image', refuses, { args: ['--yes'], sentence: /^kstack: .*--image NAME/m });
test('an image that does not exist', refuses, {
	args: ['--image', 'nonsuch', '--yes'],
	sentence: /^kstack: There is no image "nonsuch"\./m,
});
test('two minor versions at once', refuses, {
	args: ['--image', 'two-minors', '--yes'],
	sentence: /Kubernetes 1\.22\.0, the cluster 1\.20\.2: .*1\.21\./,
});
test('a version that is older', refuses, {
	args: ['--image', 'older', '--yes'],
	sentence: /Kubernetes 1\.20\.1, the cluster 1\.20\.2: .*--rollback/,
});
test('an image with an older minor version of etcd', refuses, {
	args: ['--image', 'older-etcd', '--yes'],
	sentence: /"older-etcd" has etcd 3\.3, the masters 3\.4: /,
});
test('a rollback after the last master with the older etcd was replaced', refuses, {
	args: ['--rollback', '--yes'],
	generations: { ...middle, images: { 1: 'image-1', 2: 'image-8' } },
	parameters: { master_image: 'image-8', previous_master_image: 'image-1', previous_minion_count: '1' },
	sentence: /"debian12-x64-kubernetes" has etcd 3\.4, the masters 3\.5: /,
});
test('an image without a version', refuses, {
	args: ['--image', 'untold', '--yes'],
	sentence: /openstack image set --property kstack_kubernetes=VERSION image-6/,
});
test('without a terminal and without --yes', refuses, {
	args: ['--image', 'next-minor'],
	sentence: /^ {2}.*--yes/m,
});
test('a rollback with --image', refuses, {
	args: ['--image', 'older', '--rollback', '--yes'],
	sentence: /^kstack: --rollback .*--image\./m,
});
test('a rollback without a former image', refuses, {
	args: ['--rollback', '--yes'],
	sentence: /^kstack: demo has no /m,
});
test('a batch of zero', refuses, {
	args: ['--image', 'next-patch', '--batch', '0', '--yes'],
	sentence: /^kstack: --batch is "0": it must be a whole number from 1 to 9999\./m,
});
test('a third image during an upgrade', refuses, {
	args: ['--image', 'next-minor', '--yes'],
	generations: middle,
	sentence: /An upgrade of demo is not finished: resume it with `kstack upgrade demo`/,
});
test('during a replacement', refuses, {
	args: ['--image', 'next-patch', '--yes'],
	generations: { replacing: { node: 'demo-minion-0', extra: true } },
	sentence: /demo-minion-0 of demo is being replaced: resume with `kstack replace demo demo-minion-0`/,
});
test('without a kubeconfig', refuses, {
	args: ['--image', 'next-patch', '--yes'],
	without: 'kubeconfig',
	sentence: /^kstack: There is no demo\/kubeconfig: /m,
	code: 1,
});

test('an upgrade to the current image does nothing', async (t) => {
	const cluster = await upgradable(t, small);
	const { code, stderr, asked } = await on(
		[cluster.now()],
		['upgrade', 'demo', '--image', 'debian12-x64-kubernetes'],
		{ cwd: cluster.folder },
	);
	t.is(code, 0, stderr);
	t.is(stderr, 'demo already uses that image.\n');
	t.deepEqual(updates(asked), []);
});
