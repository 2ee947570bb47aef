// kstack-nodes: which labels and taints it sets on which node.
import test from 'ava';
import { nodePool } from '../../src/cluster/kubernetes/pools.ts';
import { programsOfImage } from '../support/node.ts';
import { runToEnd } from '../support/processes.ts';

const root = programsOfImage();

const pending = { key: 'kstack.io/pending', effect: 'NoSchedule' };
const gpu = nodePool(
	{ labels: { a: 'b', c: 'd' }, taints: ['x=y:NoSchedule', 'z:NoExecute'] },
	nodePool({ labels: { old: '1', a: 'z' }, taints: ['f=1:NoSchedule', 'x=other:NoSchedule'] }),
);

/** The changes that the program requests from kubectl, with these nodes in the cluster. */
async function changes(nodes: readonly object[], cluster = 'demo', refused = 'nothing'): Promise<string[]> {
	const script = `. ${await root}/usr/local/sbin/kstack-nodes
kube() { case "$*" in *configmap*) printf '%s' "$POOLS" ;; 'get nodes'*) printf '%s' "$NODES" ;; *) echo "$*"; [ "$1" != "$REFUSED" ] ;; esac; }
set_pools`;
	const env = {
		REFUSED: refused,
		POOLS: JSON.stringify({ cluster, pools: { gpu } }),
		NODES: JSON.stringify({ items: nodes }),
	};
	const { code, stdout, stderr } = await runToEnd('bash', ['-c', script], { env });
	if (code !== 0) throw new Error(stderr);
	return stdout.split('\n').filter(Boolean);
}

const node = (name: string, labels: object = {}, taints: readonly object[] = []) => ({
	metadata: { name, labels },
	spec: { taints },
});

test('a node gets the labels and taints of the pool in its name; then the pending taint is removed', async (t) => {
	for (const name of ['demo-gpu-0', 'demo-gpu-g2-11']) {
		t.deepEqual(await changes([node(name, {}, [pending])]), [
			`label --overwrite node ${name} a=b c=d`,
			`taint --overwrite node ${name} x=y:NoSchedule z:NoExecute`,
			`taint node ${name} kstack.io/pending:NoSchedule-`,
		]);
	}
});

test('labels and taints that a pool no longer has are removed; a changed value is overwritten', async (t) => {
	const has = [
		{ key: 'f', value: '1', effect: 'NoSchedule' },
		{ key: 'x', value: 'other', effect: 'NoSchedule' },
	];
	t.deepEqual(await changes([node('demo-gpu-0', { old: '1', a: 'z', own: 'kept' }, has)]), [
		'label --overwrite node demo-gpu-0 a=b c=d old-',
		'taint --overwrite node demo-gpu-0 x=y:NoSchedule z:NoExecute f:NoSchedule-',
	]);
});

test('a node that has all of them, or whose name is of no pool, is not changed', async (t) => {
	const taints = [
		{ key: 'x', value: 'y', effect: 'NoSchedule' },
		{ key: 'z', effect: 'NoExecute' },
	];
	t.deepEqual(await changes([node('demo-gpu-0', { a: 'b', c: 'd' }, taints)]), []);
	const others = ['demo-minion-0', 'demo-gpu', 'demo-gpu-x-0', 'xdemo-gpu-0', 'demo-gpu-0-1', 'demo-gpux-0'];
	t.deepEqual(await changes(others.map((name) => node(name))), []);
	t.deepEqual(await changes([node('demo-gpu-0')], 'other'), []);
});

test('a node keeps the pending taint while its labels or taints cannot be set', async (t) => {
	for (const refused of ['label', 'taint']) {
		const requests = await changes([node('demo-gpu-0', {}, [pending])], 'demo', refused);
		t.true(requests.length > 0);
		t.false(requests.some((line) => line.includes('kstack.io/pending')));
	}
});
