import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../src/base/errors.ts';
import type { StackDirectory } from '../../src/cluster/heat/directory.ts';
import type { MemberState } from '../../src/cluster/heat/inventory.ts';
import type { Stack } from '../../src/cluster/heat/stack.ts';
import { requireEtcdAccess } from '../../src/cluster/kubernetes/remove-from-etcd.ts';
import { type Behavior, etcdCluster, master, type NodeOf } from '../support/etcd-requests.ts';
import { temporaryFolder } from '../support/folders.ts';

const [first, second] = ['demo-master-1', 'demo-master-2'] as const;

async function cluster(t: ExecutionContext, present: readonly string[], behavior: Behavior = {}) {
	const made = await etcdCluster(present, behavior);
	t.teardown(made.close);
	return made;
}

const asked = (node: NodeOf | undefined) => node?.metadata.labels?.['kstack.io/leave'] === 'dead';

/** Refuses the request for a node, as kstack-leavers does. */
function refuse(nodes: Map<string, NodeOf>, name: string): void {
	const node = nodes.get(name);
	if (node === undefined || !asked(node)) return;
	node.metadata.labels = {};
	node.metadata.annotations = { 'kstack.io/leave-state': 'failed: etcd would lose its quorum' };
}

test('masters remove a failed master by its Node object, or by one that is created', async (t) => {
	const made = await cluster(t, [first], {
		answer: (nodes) => {
			for (const [name, node] of nodes) if (asked(node)) nodes.delete(name);
		},
	});
	await made.remove([master(1), master(2)], 60);
	t.deepEqual(
		made.told,
		[first, second].map((name) => `${name}: removed from etcd and Kubernetes`),
	);
	t.deepEqual([...made.nodes], []);
});

test('if no master answers in time, label and answer are taken away and created Node objects deleted', async (t) => {
	const made = await cluster(t, [first]);
	await t.throwsAsync(made.remove([master(1), master(2)], 0), {
		message:
			/^Could not remove demo-master-1, demo-master-2 from etcd: the masters have not answered within 0 s\.$/,
	});
	t.deepEqual([...made.nodes.keys()], [first]);
	t.deepEqual(made.nodes.get(first)?.metadata, { name: first, labels: {}, annotations: {} });
	t.deepEqual(made.told, [`Request cancelled: ${first}`, `Request cancelled: ${second}`]);
});

test('if the masters refuse, the request for every master that is still there is cancelled', async (t) => {
	const made = await cluster(t, [first], {
		answer: (nodes) => {
			if (asked(nodes.get(first)) && asked(nodes.get(second))) nodes.delete(first);
			else if (!nodes.has(first)) refuse(nodes, second);
		},
	});
	await t.throwsAsync(made.remove([master(1), master(2)], 60), {
		message: 'Could not remove demo-master-2 from etcd: etcd would lose its quorum',
	});
	t.deepEqual([...made.nodes], []);
	t.deepEqual(made.told, [`${first}: removed from etcd and Kubernetes`, `Request cancelled: ${second}`]);
});

test('a Node object that an earlier, killed kstack created is deleted too', async (t) => {
	const made = await cluster(t, []);
	made.nodes.set(second, { metadata: { name: second, labels: {} }, status: {} });
	await t.throwsAsync(made.remove([master(2)], 0));
	t.deepEqual([...made.nodes], []);
});

test('if a request cannot be made, those made before it are cancelled', async (t) => {
	const made = await cluster(t, [first, second], {
		refuses: (what) => (what === `PATCH /api/v1/nodes/${second}` ? 403 : undefined),
	});
	await t.throwsAsync(made.remove([master(1), master(2)], 60), { message: /answered 403 to PATCH/ });
	t.false(made.isAsked(first));
});

test('a request that cannot be cancelled is told with the command that does it', async (t) => {
	let listed = 0;
	const made = await cluster(t, [first], {
		answer: () => void listed++,
		// From the second look on, which is when the time is over.
		refuses: (what) => (listed > 1 && !what.startsWith('GET') ? 403 : undefined),
	});
	await t.throwsAsync(made.remove([master(1), master(2)], 0), { message: /the masters have not answered/ });
	t.is(made.told.length, 2);
	t.regex(
		made.told[0] ?? '',
		/answered 403 .*: kubectl label node demo-master-1 kstack\.io\/leave- kstack\.node-restriction\.kubernetes\.io\/leave-$/,
	);
	t.regex(made.told[1] ?? '', /answered 403 .*: kubectl delete node demo-master-2$/);
});

test('an API that does not answer is an error that says that no server was deleted', async (t) => {
	const made = await cluster(t, []);
	made.close();
	const error = await t.throwsAsync(made.remove([master(1)], 60), { instanceOf: UserError });
	t.regex(error?.message ?? '', /does not answer/);
	t.regex((error as UserError).hint ?? '', /^No server was deleted/);
});

/** Whether failed masters of a stack without a kubeconfig may be removed. */
async function access(members: readonly MemberState[], force: boolean) {
	const directory = { kubeconfig: path.join(await temporaryFolder(), 'kubeconfig') } as StackDirectory;
	const failed = members.filter(({ condition }) => condition === 'failed');
	return requireEtcdAccess({ name: 'demo', outputs: {} } as Stack, directory, members, failed, force);
}

test('without a kubeconfig, a failed master is not removed while another master works, except by --force', async (t) => {
	for (const condition of ['ready', 'leaving'] as const) {
		const members = [master(0, condition), master(1)];
		const error = await t.throwsAsync(access(members, false), { instanceOf: UserError });
		t.regex(error?.message ?? '', /: demo-master-1 cannot be removed from etcd/);
		t.regex((error as UserError).hint ?? '', /kstack kubeconfig demo\..* --force /);
		await t.notThrowsAsync(access(members, true));
	}
	const minion: MemberState = { ...master(0, 'ready'), role: 'minion', pool: 'minion' };
	await t.notThrowsAsync(access([master(0), minion], false), 'no master has ever worked');
});
