import test, { type ExecutionContext } from 'ava';
import { withCaller } from '../../src/base/caller.ts';
import { UserError } from '../../src/base/errors.ts';
import {
	answerOf,
	cancelRequest,
	type NodeRequest,
	sendRequest,
	type WaitOptions,
	waitForAnswers,
} from '../../src/cluster/kubernetes/requests.ts';
import { fakeKubernetes, nodeObject } from '../support/kubernetes.ts';

const request: NodeRequest = {
	...{ kind: 'reboot', target: 'demo-minion-0', value: 'now' },
	parameters: { timeout: '60' },
};

/** An API server with one node, whose annotation `kstack.io/reboot-state` is this. */
async function withAnswer(t: ExecutionContext, answer: string | undefined) {
	const annotations = answer === undefined ? {} : { 'kstack.io/reboot-state': answer };
	const node = nodeObject('demo-minion-0');
	const kubernetes = await fakeKubernetes({
		'GET /api/v1/nodes': [200, { items: [{ ...node, metadata: { ...node.metadata, annotations } }] }],
		'PATCH /api/v1/nodes/demo-minion-0': [200, {}],
	});
	t.teardown(kubernetes.close);
	return kubernetes;
}

const following: WaitOptions = {
	isDone: (node) => answerOf(node, 'reboot') === 'rebooted',
	...{ done: 'rebooted', seconds: 0 },
	failed: (target, reason) => new UserError(`${target} failed: ${reason}`, { code: 'failed' }),
	timedOut: (targets) => new UserError(`no answer for ${targets.join()}`, { code: 'timed-out' }),
};

/** The messages of following the request. */
async function follow(kubeconfig: string): Promise<string[]> {
	const told: string[] = [];
	const caller = { tell: (message: string) => void told.push(message), confirm: async () => true };
	await withCaller(caller, () => waitForAnswers(kubeconfig, [request], following));
	return told;
}

test('a request is labels of its kind, one of which no node can set, with its parameters, and takes an earlier answer away', async (t) => {
	const kubernetes = await withAnswer(t, undefined);
	await sendRequest(kubernetes.kubeconfig, request);
	await cancelRequest(kubernetes.kubeconfig, request, { spec: { unschedulable: null } });
	t.deepEqual(
		kubernetes.sent.map((body) => JSON.parse(body)),
		[
			{
				metadata: {
					labels: { 'kstack.io/reboot': 'now', 'kstack.node-restriction.kubernetes.io/reboot': 'now' },
					annotations: { 'kstack.io/reboot-timeout': '60', 'kstack.io/reboot-state': null },
				},
			},
			{
				metadata: {
					labels: { 'kstack.io/reboot': null, 'kstack.node-restriction.kubernetes.io/reboot': null },
					annotations: { 'kstack.io/reboot-timeout': null, 'kstack.io/reboot-state': null },
				},
				spec: { unschedulable: null },
			},
		],
	);
});

test('a request is waited for until it is answered', async (t) => {
	const kubernetes = await withAnswer(t, 'rebooted');
	t.deepEqual(await follow(kubernetes.kubeconfig), ['demo-minion-0: rebooted']);
});

test('the reason in a failed answer is the error', async (t) => {
	const kubernetes = await withAnswer(t, 'failed: the lid is open\n');
	await t.throwsAsync(follow(kubernetes.kubeconfig), { message: 'demo-minion-0 failed: the lid is open' });
});

test('a request without an answer ends with its timeout', async (t) => {
	for (const answer of [undefined, 'rebooting']) {
		const kubernetes = await withAnswer(t, answer);
		await t.throwsAsync(follow(kubernetes.kubeconfig), { message: 'no answer for demo-minion-0' });
	}
});
