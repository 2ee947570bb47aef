// What kstack-addons decides with jq: which objects are deleted, whose they are, and what is not ready yet.

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

test('what a manifest no longer has is deleted, and a newer version of an API is the same object', async (t) => {
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
	t.deepEqual(namesOf(await surplus('true')), ['space'], 'namespaces are deleted apart, and last');
});

test('an object without the label of the addon is not its own, in a list as kubectl prints it or alone', async (t) => {
	const labelled = (labels: object) => ({ kind: 'ConfigMap', metadata: { labels } });
	const ask = (input: unknown) => jq('labelled($name)', ['--arg', 'name', 'web'], input);
	t.deepEqual(await ask({ kind: 'List', items: [labelled({ 'kstack.io/addon': 'web' })] }), ['true']);
	t.deepEqual(await ask({ kind: 'List', items: [] }), ['false']);
	t.deepEqual(await ask(labelled({ 'kstack.io/addon': 'dns' })), ['false']);
	t.deepEqual(await ask({ kind: 'ConfigMap', metadata: {} }), ['false']);
});

test('an object of another addon is named with its owner', async (t) => {
	const status = (addon: string, ...items: object[]) => ({
		metadata: { name: `kstack-addon-${addon}`, labels: { 'kstack.io/addon': addon } },
		data: { inventory: JSON.stringify({ items }) },
	});
	const service = object('Service', 'kube-dns', 'kube-system');
	const statuses = listOf(status('dns', service), status('web', object('Service', 'web', 'default')));
	const taken = (input: object) => jq('taken($name)', ['-s', '--arg', 'name', 'web'], statuses, input);
	const [told, ...more] = await taken(listOf(service, object('Service', 'web', 'default')));
	t.deepEqual(more, []);
	t.regex(told ?? '', /Service kube-system\/kube-dns .*\bdns\b/);
	t.deepEqual(await taken(listOf(object('Service', 'kube-dns', 'default'))), []);
});

test('a workload is not ready while pods are missing, old, or its specification has not been seen', async (t) => {
	const deployment = (name: string, status: object) => ({
		...object('Deployment', name, 'a', 'apps/v1'),
		metadata: { name, namespace: 'a', generation: 2 },
		spec: { replicas: 2 },
		status,
	});
	const well = { observedGeneration: 2, availableReplicas: 2, updatedReplicas: 2 };
	const lines = await jq('list_of | unready', [], {
		kind: 'List',
		items: [
			deployment('well', well),
			deployment('missing', { ...well, availableReplicas: 1 }),
			deployment('old', { ...well, updatedReplicas: 1 }),
			deployment('unseen', { ...well, observedGeneration: 1 }),
			deployment('new', {}),
		],
	});
	t.deepEqual(
		lines.map((line) => /a\/(\w+)/.exec(line)?.[1]),
		['missing', 'old', 'unseen', 'new'],
	);
});
