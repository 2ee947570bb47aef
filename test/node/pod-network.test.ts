import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { node, step } from '../support/assembling.ts';

/** A node of the driver whose kubectl reports these conditions and pods; its step waits for 2 seconds. */
async function nodeWith(
	networkDriver: string,
	conditions: Readonly<Record<string, string>>,
	pods = '{"items": []}',
) {
	const made = await node('minion', { networkDriver });
	await mkdir(path.join(made.root, 'etc/kubernetes'));
	const file = path.join(made.root, step('80-node'));
	const text = await readFile(file, 'utf8');
	const shortened = text.replace('wait_for 600 ', 'wait_for 2 ');
	if (shortened === text) throw new Error('the step has another time limit');
	await writeFile(file, shortened);
	await writeFile(path.join(made.root, 'pods.json'), pods);
	const cases = Object.entries(conditions).map(
		([type, status]) => `*"get node"*'"${type}"'*) echo "${status}" ;;`,
	);
	await made.fakeProgram(
		'kubectl',
		`case "$*" in ${cases.join(' ')} *"get pods"*) cat "$root/pods.json" ;; *configmap*) echo "addon: failed no such kind" ;; esac`,
	);
	await made.fakeProgram('sleep', 'exec /bin/sleep 0.2');
	return made;
}

for (const driver of ['calico', 'flannel']) {
	test(`with ${driver}, a node is assembled when its pod network works`, async (t) => {
		const works = await nodeWith(driver, { Ready: 'True', NetworkUnavailable: 'False' });
		const { code, stdout } = await works.run(step('80-node'));
		t.is(code, 0, stdout);
	});

	for (const status of ['True', '']) {
		test(`with ${driver}, a node that is Ready fails while NetworkUnavailable is "${status}"`, async (t) => {
			const { run } = await nodeWith(driver, { Ready: 'True', NetworkUnavailable: status });
			const { code, stdout } = await run(step('80-node'));
			t.is(code, 1);
			t.regex(stdout, /^timed out waiting for .*pod network/m);
		});
	}
}

test('with routed, nothing sets NetworkUnavailable, and the node does not wait for it', async (t) => {
	const { run } = await nodeWith('routed', { Ready: 'True', NetworkUnavailable: 'True' });
	t.is((await run(step('80-node'))).code, 0);
});

test('a failure of the pod network has the state of its pods and the end of its log, within what kstack shows', async (t) => {
	const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "quay.io/calico/cni"' };
	const container = (name: string, state: object) => ({ name, state });
	const pods = {
		items: [
			{
				metadata: { name: 'calico-node-abc' },
				status: {
					phase: 'Pending',
					initContainerStatuses: [container('install-cni', { waiting })],
					containerStatuses: [container('calico-node', { waiting: { reason: 'PodInitializing' } })],
				},
			},
			{
				metadata: { name: 'works' },
				status: {
					phase: 'Running',
					initContainerStatuses: [container('before', { terminated: { reason: 'Completed' } })],
					containerStatuses: [container('works', { running: {} })],
				},
			},
		],
	};
	const { run, root } = await nodeWith('calico', { Ready: 'False' }, JSON.stringify(pods));
	const logs = path.join(root, 'var/log/pods/kube-system_calico-node-abc_1/calico-node');
	await mkdir(logs, { recursive: true });
	await writeFile(path.join(logs, '0.log'), 'first\nsecond\nthird\nfourth\nno route to the API\n');
	await writeFile(path.join(root, 'etc/kubernetes/admin.conf'), 'x');
	const { code, stdout } = await run(step('80-node'));
	t.is(code, 1);
	const shown = stdout.trimEnd().split('\n').slice(-20);
	t.deepEqual(shown.slice(-9), [
		'log of kubelet',
		'pod calico-node-abc: Pending',
		'  install-cni: ImagePullBackOff Back-off pulling image "quay.io/calico/cni"',
		'  calico-node: PodInitializing ',
		...['second', 'third', 'fourth', 'no route to the API'],
		'addon: failed no such kind',
	]);
	t.regex(stdout, /^timed out waiting for /m);
});
