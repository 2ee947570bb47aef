import test from 'ava';
import { UserError } from '../../src/errors.ts';
import { deleteNode, kubeconfigText, listNodes } from '../../src/stack/kubernetes-api.ts';
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
	t.deepEqual(await listNodes(kubernetes.kubeconfig), [
		{ name: 'demo-master-0', ready: true, roles: 'master', version: 'v1.20.2', address: '10.0.0.11' },
		{ name: 'demo-minion-0', ready: false, roles: '', version: 'v1.20.2', address: '10.0.0.11' },
		{ name: 'new', ready: false, roles: '', version: '', address: '' },
	]);
	t.deepEqual(kubernetes.asked, ['GET /api/v1/nodes by operator']);
});

test('deleting a node that is gone already is well; being refused is not', async (t) => {
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

test('an API that does not answer, or is another one, is said in a sentence', async (t) => {
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
