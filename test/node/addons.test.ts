// The jq library of kstack-addons: which objects are deleted, which addon owns them, and which are not ready.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { runToEnd, tool } from '../support/processes.ts';

const library = path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/addons.jq');

/** Runs a program of the library; several inputs come as an array. */
async function jq(
	program: string,
	args: readonly string[],
	...inputs: readonly unknown[]
): Promise<string[]> {
	const text = `${await readFile(library, 'utf8')} ${program}`;
	const input = inputs.map((one) => JSON.stringify(one)).join('\n');
	const { code, stdout, stderr } = await runToEnd(tool('jq', 'jq'), ['-c', '-r', ...args, text], { input });
	if (code !== 0) throw new Error(stderr);
	return stdout.split('\n').filter((line) => line !== '');
}

const object = (kind: string, name: string, namespace?: string, apiVersion = 'v1') => ({
	apiVersion,
	kind,
	metadata: namespace === undefined ? { name } : { name, namespace },
});
const listOf = (...items: object[]) => ({ items });
const namesOf = (lines: readonly string[]) =>
	lines.map((line) => (JSON.parse(line) as { metadata: { name: string } }).metadata.name);

test('objects that are no longer in the manifest are deleted; an object stays the same in a newer API version', async (t) => {
	const before = listOf(
		object('ConfigMap', 'kept', 'a'),
		object('ConfigMap', 'moved', 'a'),
		object('Ingress', 'newer', 'a', 'networking.k8s.io/v1beta1'),
		object('Namespace', 'space'),
	);
	const after = listOf(
		object('ConfigMap', 'kept', 'a'),
		object('ConfigMap', 'moved', 'b'),
		object('Ingress', 'newer', 'a', 'networking.k8s.io/v1'),
	);
	const surplus = (base: string) => jq('surplus($base)', ['-s', '--arg', 'base', base], before, after);
	t.deepEqual(namesOf(await surplus('false')), ['moved']);
	t.deepEqual(
		namesOf(await surplus('true')),
		['space'],
		'namespaces are deleted separately, after all others',
	);
});

test('an object without the label of the addon is not owned by it, in a list of kubectl or by itself', async (t) => {
	const labelled = (labels: object) => ({ kind: 'ConfigMap', metadata: { labels } });
	const ask = (input: unknown) => jq('labelled($name)', ['--arg', 'name', 'web'], input);
	t.deepEqual(await ask({ kind: 'List', items: [labelled({ 'kstack.io/addon': 'web' })] }), ['true']);
	t.deepEqual(await ask({ kind: 'List', items: [] }), ['false']);
	t.deepEqual(await ask(labelled({ 'kstack.io/addon': 'dns' })), ['false']);
	t.deepEqual(await ask({ kind: 'ConfigMap', metadata: {} }), ['false']);
});

test('the error for an object of another addon names the owner', async (t) => {
	const status = (addon: string, ...items: object[]) => ({
		metadata: { name: `kstack-addon-${addon}`, labels: { 'kstack.io/addon': addon } },
		data: { inventory: JSON.stringify({ items }) },
	});
	const service = object('Service', 'kube-dns', 'kube-system');
	const statuses = listOf(status('dns', service), status('web', object('Service', 'web', 'default')));
	const errors = (input: object) =>
		jq('owned_by_others($name)', ['-s', '--arg', 'name', 'web'], statuses, input);
	const [error, ...more] = await errors(listOf(service, object('Service', 'web', 'default')));
	t.deepEqual(more, []);
	t.regex(error ?? '', /Service kube-system\/kube-dns .*\bdns\b/);
	t.deepEqual(await errors(listOf(object('Service', 'kube-dns', 'default'))), []);
});

test('a workload is not ready while pods are missing or outdated, or its generation was not observed', async (t) => {
	const deployment = (name: string, status: object) => ({
		...object('Deployment', name, 'a', 'apps/v1'),
		metadata: { name, namespace: 'a', generation: 2 },
		spec: { replicas: 2 },
		status,
	});
	const ready = { observedGeneration: 2, availableReplicas: 2, updatedReplicas: 2 };
	const lines = await jq('list_of | unready', [], {
		kind: 'List',
		items: [
			deployment('ready', ready),
			deployment('missing', { ...ready, availableReplicas: 1 }),
			deployment('old', { ...ready, updatedReplicas: 1 }),
			deployment('unseen', { ...ready, observedGeneration: 1 }),
			deployment('new', {}),
		],
	});
	t.deepEqual(
		lines.map((line) => /a\/(\w+)/.exec(line)?.[1]),
		['missing', 'old', 'unseen', 'new'],
	);
});
