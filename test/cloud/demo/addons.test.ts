// Addons on the quick start's cluster: the masters apply them and report errors.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { attempt, clusters, kstack, kubectl, withFolder } from '../cloud.ts';

interface Row {
	readonly name: string;
	readonly state: string;
}

const addons = async () => JSON.parse(await kstack('addon', 'list', 'demo', '-o', 'json')) as Row[];

const stateOf = async (name: string) => (await addons()).find((addon) => addon.name === name)?.state;

const cpu = (namespace: string) =>
	kubectl(
		...['get', 'limitrange', 'default-limits', '-n', namespace, '--ignore-not-found'],
		...['-o', 'jsonpath={.spec.limits[0].defaultRequest.cpu}'],
	);

test.serial('DNS is an addon that the cluster has applied', async (t) => {
	t.is(await stateOf('dns'), 'ready');
});

test.serial('an addon is enabled, changed and disabled; what it no longer contains is deleted', async (t) => {
	await kstack('addon', 'enable', 'default-limits', 'demo');
	t.is(await cpu('default'), '100m');
	await kstack(
		...['addon', 'enable', 'default-limits', 'demo', '--set', 'namespace=kube-public', '--set', 'cpu=50m'],
	);
	t.is(await cpu('kube-public'), '50m');
	t.is(await cpu('default'), '', 'the object in the former namespace is deleted');
	await kstack('addon', 'disable', 'default-limits', 'demo');
	t.is(await cpu('kube-public'), '');
});

test.serial(
	'an addon with a broken manifest fails with the reason and does not affect other addons',
	async (t) => {
		await withFolder(async (folder) => {
			const broken = path.join(folder, 'broken');
			await mkdir(broken);
			await writeFile(path.join(broken, 'addon.yaml'), 'description: A namespace that does not exist\n');
			await writeFile(
				path.join(broken, 'manifest.yaml'),
				'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: broken, namespace: nonsuch}\n',
			);
			const { code, stderr } = await attempt('kstack', ['addon', 'enable', broken, 'demo'], clusters);
			t.is(code, 1, stderr);
			t.regex(stderr, /nonsuch/);
			t.is(await stateOf('dns'), 'ready');
			await kstack('addon', 'disable', 'broken', 'demo');
			t.is(await stateOf('broken'), undefined);
		});
	},
);
