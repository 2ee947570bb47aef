// kstack-addons with a fake API: it applies and prunes objects, and addons do not affect each other.
import test from 'ava';
import { addonCluster, type KubeObject } from '../support/addon-cluster.ts';
import { until } from '../support/waiting.ts';

const configMap = (name: string, data = 'x', namespace = 'web') => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: ${namespace}}
data: {content: ${data}}
`;

const namesOf = (objects: ReadonlyMap<string, KubeObject>) =>
	[...objects.keys()].filter((key) => !key.includes('kube-system')).sort();

test('an addon is applied with its label, and objects that are no longer in the manifest are deleted', async (t) => {
	const cluster = await addonCluster(t);
	const { objects, running } = cluster;
	cluster.request('web', configMap('one') + configMap('two') + configMap('three'));
	await until(running, () => cluster.status('web') === 'ready', 'web is ready');
	t.deepEqual(namesOf(objects), ['ConfigMap web/one', 'ConfigMap web/three', 'ConfigMap web/two']);
	t.is(objects.get('ConfigMap web/one')?.metadata.labels?.['kstack.io/addon'], 'web');
	t.truthy(objects.get('ConfigMap kube-system/kstack-addons'), 'kstack sees that addons are applied');

	// Without the label it is the operator's own.
	const own = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'three', namespace: 'web' } };
	objects.set('ConfigMap web/three', own);
	cluster.request('web', configMap('one', 'new'));
	await until(running, () => cluster.status('web') === 'ready', 'web is ready again');
	t.deepEqual(namesOf(objects), ['ConfigMap web/one', 'ConfigMap web/three']);
	t.is(objects.get('ConfigMap web/one')?.data?.content, 'new');
	await until(running, () => cluster.events.includes('AddonReady web'), 'an Event tells of it');
});

for (const [what, broken] of [
	['is not YAML', 'kind: [\n'],
	[
		'has an object that the API refuses',
		`${configMap('extra')}---\napiVersion: v1\nkind: Unknown\nmetadata: {name: y}\n`,
	],
] as const) {
	test(`a manifest that ${what} changes nothing, and disturbs no other addon`, async (t) => {
		const cluster = await addonCluster(t);
		const { objects, running } = cluster;
		cluster.request('web', configMap('one'));
		cluster.request('logs', configMap('collector'));
		const ready = (name: string) => cluster.status(name) === 'ready';
		await until(running, () => ready('web') && ready('logs'), 'both are ready');
		cluster.request('logs', broken);
		await until(running, () => cluster.status('logs').startsWith('failed: '), 'logs has failed');
		t.deepEqual(namesOf(objects), ['ConfigMap web/collector', 'ConfigMap web/one']);
		await until(running, () => cluster.events.includes('AddonFailed logs'), 'an Event tells of it');
		cluster.request('web', configMap('one') + configMap('two'));
		await until(running, () => ready('web'), 'web is ready beside it');
		t.deepEqual(namesOf(objects), ['ConfigMap web/collector', 'ConfigMap web/one', 'ConfigMap web/two']);
		cluster.request('logs', configMap('collector', 'new'));
		await until(running, () => ready('logs'), 'logs is ready again');
	});
}

test('an addon cannot take over an object of another addon', async (t) => {
	const cluster = await addonCluster(t);
	const { objects, running } = cluster;
	cluster.request('web', configMap('one'));
	await until(running, () => cluster.status('web') === 'ready', 'web is ready');
	cluster.request('logs', configMap('one', 'taken'));
	await until(running, () => cluster.status('logs').startsWith('failed: '), 'logs has failed');
	t.regex(cluster.status('logs'), /ConfigMap web\/one .*addon web\b/);
	t.is(objects.get('ConfigMap web/one')?.data?.content, 'x');
});

test('all objects of a disabled addon are deleted', async (t) => {
	const cluster = await addonCluster(t);
	const { objects, running } = cluster;
	cluster.request('web', `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n${configMap('one')}`);
	await until(running, () => cluster.status('web') === 'ready', 'web is ready');
	t.is(namesOf(objects).length, 2);
	cluster.request('web', '', 'absent');
	await until(running, () => cluster.status('web') === 'disabled', 'web is disabled');
	t.deepEqual(namesOf(objects), []);
});

test('an addon is ready when its Deployments have all their pods', async (t) => {
	const cluster = await addonCluster(t);
	const { objects, running } = cluster;
	const deployment = {
		...{
			apiVersion: 'apps/v1',
			kind: 'Deployment',
			metadata: { name: 'web', namespace: 'web', generation: 1 },
		},
		spec: { replicas: 2 },
	};
	cluster.request('web', JSON.stringify(deployment));
	const waiting = 'progressing: Deployment web/web: 0 of 2 available';
	await until(running, () => cluster.status('web') === waiting, 'web waits for its pods');
	const applied = objects.get('Deployment web/web') as KubeObject;
	const status = { observedGeneration: 1, availableReplicas: 2, updatedReplicas: 2 };
	objects.set('Deployment web/web', { ...applied, status });
	await until(running, () => cluster.status('web') === 'ready', 'web is ready');
	await until(running, () => cluster.events.includes('AddonReady web'), 'an Event tells of it');
	t.deepEqual(cluster.events, ['AddonReady web']);
});

test('only the master that holds the API address applies addons', async (t) => {
	const cluster = await addonCluster(t);
	const { objects, running } = cluster;
	cluster.request('web', configMap('one'));
	await until(running, () => cluster.status('web') === 'ready', 'web is ready');
	cluster.holder = false;
	const asked = cluster.looks();
	cluster.request('web', configMap('two'));
	await until(running, () => cluster.looks() > asked + 3, 'it has looked for the address again');
	t.is(cluster.status('web'), '');
	t.deepEqual(namesOf(objects), ['ConfigMap web/one']);
	cluster.holder = true;
	await until(running, () => cluster.status('web') === 'ready', 'it holds the address again');
	t.deepEqual(namesOf(objects), ['ConfigMap web/two']);
});
