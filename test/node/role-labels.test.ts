// kstack-nodes: the labels of a node's role follow from its name, whatever its kubelet says.
import test from 'ava';
import { programsOfImage } from '../support/node.ts';
import { runToEnd } from '../support/processes.ts';

const root = programsOfImage();

const node = (name: string, ...labels: readonly string[]) => ({
	metadata: { name, labels: Object.fromEntries(labels.map((label) => label.split('='))) },
});

/** A node with the labels of this role. */
const of = (role: string, name: string) =>
	node(name, `kstack.io/role=${role}`, `node-role.kubernetes.io/${role}=`, 'a=b');

/** What a master of the cluster changes with these nodes in the cluster. */
async function changes(nodes: readonly object[], master = 'demo-master-0'): Promise<string[]> {
	const script = `. ${await root}/usr/local/sbin/kstack-nodes
kube() { case "$*" in 'get nodes'*) printf '%s' "$NODES" ;; *) echo "$*" ;; esac; }
set_roles`;
	const env = { NODES: JSON.stringify({ items: nodes }), NODE_NAME: master, ROLE: 'master' };
	const { code, stdout, stderr } = await runToEnd('bash', ['-c', script], { env });
	if (code !== 0) throw new Error(stderr);
	return stdout.split('\n').filter(Boolean);
}

test('a node that claims another role is labelled with the role in its name', async (t) => {
	t.deepEqual(await changes([of('gateway', 'demo-minion-1'), of('minion', 'demo-gateway-g2-0')]), [
		'label --overwrite node demo-minion-1 kstack.io/role=minion node-role.kubernetes.io/minion= node-role.kubernetes.io/gateway-',
		'label --overwrite node demo-gateway-g2-0 kstack.io/role=gateway node-role.kubernetes.io/gateway= node-role.kubernetes.io/minion-',
	]);
	t.deepEqual(await changes([node('demo-master-0')], 'demo-master-g3-2'), [
		'label --overwrite node demo-master-0 kstack.io/role=master node-role.kubernetes.io/master=',
	]);
});

test('a node that has the labels of its role, or is of another cluster or pool, is not changed', async (t) => {
	const right = [
		of('master', 'demo-master-0'),
		of('minion', 'demo-minion-g2-11'),
		of('gateway', 'demo-gateway-0'),
	];
	t.deepEqual(await changes(right), []);
	const others = ['demo-gpu-0', 'demo2-minion-0', 'minion-0', 'demo-minion-a-b-0', 'demo-'];
	t.deepEqual(await changes(others.map((name) => node(name))), []);
	t.deepEqual(await changes([of('gateway', 'demo-minion-1')], 'strange'), []);
});
