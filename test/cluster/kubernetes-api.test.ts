import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { countMovablePods, deleteNode, listNodes } from '../../src/cluster/kubernetes/api.ts';
import { kubeconfigText } from '../../src/cluster/kubernetes/kubeconfig-file.ts';
import { fakeKubernetes, nodeObject } from '../support/kubernetes.ts';
import { readByPyYaml } from '../support/python.ts';

test('nodes are listed with what the table shows, by the certificate in the kubeconfig', async (t) => {
	const items = [
		nodeObject('demo-master-0', true, { 'node-role.kubernetes.io/master': '', other: 'label' }),
		nodeObject('demo-minion-0', false),
		{ metadata: { name: 'new' }, status: {} },
	];
	const kubernetes = await fakeKubernetes({ 'GET /api/v1/nodes': [200, { items }] });
	t.teardown(kubernetes.close);
	const plain = { unreachable: false, unschedulable: false, labels: {}, annotations: {} };
	t.deepEqual(await listNodes(kubernetes.kubeconfig), [
		{
			...{ name: 'demo-master-0', ready: true, roles: 'master', version: 'v1.20.2', address: '10.0.0.11' },
			...plain,
			labels: { 'node-role.kubernetes.io/master': '', other: 'label' },
		},
		{
			...{ name: 'demo-minion-0', ready: false, roles: '', version: 'v1.20.2', address: '10.0.0.11' },
			...plain,
		},
		{ name: 'new', ready: false, roles: '', version: '', address: '', ...plain },
	]);
	t.deepEqual(kubernetes.asked, ['GET /api/v1/nodes by operator']);
});

test('deleting a missing node succeeds; a refusal is an error', async (t) => {
	const kubernetes = await fakeKubernetes({
		'DELETE /api/v1/nodes/demo-minion-1': [200, {}],
		'DELETE /api/v1/nodes/demo-minion-2': [403, {}],
	});
	t.teardown(kubernetes.close);
	await deleteNode(kubernetes.kubeconfig, 'demo-minion-1');
	await deleteNode(kubernetes.kubeconfig, 'demo-minion-9');
	const error = await t.throwsAsync(deleteNode(kubernetes.kubeconfig, 'demo-minion-2'), {
		instanceOf: UserError,
	});
	t.is(
		error.message,
		`The Kubernetes API at ${kubernetes.url} answered 403 to DELETE /api/v1/nodes/demo-minion-2.`,
	);
});

test('requests are retried after server errors', async (t) => {
	let troubles = 1;
	const kubernetes = await fakeKubernetes({
		'DELETE /api/v1/nodes/demo-minion-1': () => (troubles-- > 0 ? [500, {}] : [200, {}]),
	});
	t.teardown(kubernetes.close);
	await deleteNode(kubernetes.kubeconfig, 'demo-minion-1');
	t.is(kubernetes.asked.length, 2);
});

test('pods that a drain evicts are counted, without static ones, those of DaemonSets, and finished ones', async (t) => {
	const pod = (kind: string, phase = 'Running', annotations = {}) => ({
		metadata: { annotations, ownerReferences: [{ kind }] },
		status: { phase },
	});
	const items = [
		...[pod('ReplicaSet'), pod('DaemonSet'), pod('Job', 'Succeeded'), { metadata: {} }],
		pod('Node', 'Running', { 'kubernetes.io/config.mirror': 'x' }),
	];
	const kubernetes = await fakeKubernetes({
		'GET /api/v1/pods?fieldSelector=spec.nodeName%3Ddemo-minion-0': [200, { items }],
	});
	t.teardown(kubernetes.close);
	t.is(await countMovablePods(kubernetes.kubeconfig, 'demo-minion-0'), 2);
});

test('an API that does not respond, or is another one, is one message', async (t) => {
	const [one, other] = await Promise.all([fakeKubernetes({}), fakeKubernetes({})]);
	t.teardown(one.close);
	t.teardown(other.close);
	const stranger = one.kubeconfig.replace(one.url, other.url);
	await t.throwsAsync(listNodes(stranger), {
		instanceOf: UserError,
		message: /^The Kubernetes API at https:\/\/127\.0\.0\.1:\d+ does not answer: .*certificate.*\.$/,
	});
	t.deepEqual(other.asked, [], 'nothing is asked of a server that is not the one');
	one.close();
	await t.throwsAsync(listNodes(one.kubeconfig), {
		instanceOf: UserError,
		message: /does not answer: .*ECONNREFUSED/,
	});
});

test('a kubeconfig is YAML, whatever the cluster is called', async (t) => {
	for (const name of ['demo', 'null', 'true', 'e1', 'y']) {
		const [config] = await readByPyYaml([
			kubeconfigText(name, 'https://192.0.2.1:6443', { ca: 'QQ==', certificate: 'Qg==', key: 'Qw==' }),
		]);
		t.like(config as object, { 'current-context': name, clusters: [{ name }], users: [{ name }] });
	}
});
