// kstack-leavers on a master: how it drains and removes nodes on request.
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { apiOf } from '../support/fake-api.ts';
import { FakeCluster, restrictedLabel } from '../support/fake-cluster.ts';
import { programsOn } from '../support/fake-programs.ts';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { systemPath } from '../support/processes.ts';
import { inBackground, type Running, until } from '../support/waiting.ts';

/** Runs kstack-leavers of demo-master-0 on a cluster. */
async function leavers(t: ExecutionContext, cluster: FakeCluster, prepare?: (root: string) => Promise<void>) {
	const root = await temporaryFolder();
	await writeNode(root, await imageFiles());
	await prepare?.(root);
	const { kubectl, etcdctl, ip } = cluster;
	const bin = await programsOn(t, root, { kubectl, etcdctl, ip });
	const env = {
		PATH: `${bin}:${systemPath}`,
		NODE_NAME: 'demo-master-0',
		API_ADDRESS: '10.0.0.5',
		KSTACK_LEAVERS_API: await apiOf(t, cluster, root, 'kstack-leavers'),
		KSTACK_LEAVERS_PAUSE: '0.05',
		PYTHONDONTWRITEBYTECODE: '1',
		KSTACK_LEAVERS_VOLUME_TIMEOUT: '1',
		KSTACK_LEAVERS_CONTROL_PLANE_TIMEOUT: '2',
	};
	return { root, program: await inBackground(t, root, 'kstack-leavers', env) };
}

const gone = (running: Running, cluster: FakeCluster, name: string) =>
	until(running, () => !cluster.nodes.has(name), `${name} is deleted`);

const answered = (running: Running, cluster: FakeCluster, name: string) =>
	until(running, () => cluster.asked(name) === undefined, `the request for ${name} has ended`);

/** What was done, in order. */
const steps = (cluster: FakeCluster) =>
	cluster.done.map((line) => {
		if (/^patch \S+ .*"unschedulable":true/.test(line)) return line.replace(/^patch (\S+) .*/, 'cordon $1');
		if (/^patch \S+ .*"unschedulable":null/.test(line)) return line.replace(/^patch (\S+) .*/, 'uncordon $1');
		return line.replace(/^patch (\S+) .*"kstack.io\/leave-state":"(\w+).*/, 'set state of $1 to $2');
	});

function clusterOf(masters: number, minions: number): FakeCluster {
	const cluster = new FakeCluster();
	for (let index = 0; index < masters; index++) cluster.add(`demo-master-${index}`);
	for (let index = 0; index < minions; index++) cluster.add(`demo-minion-${index}`);
	return cluster;
}

/** As kstack-leave on a master, whose control plane stops once the node is drained. */
function stopsControlPlane(cluster: FakeCluster, name: string): void {
	const kubectl = cluster.kubectl;
	cluster.kubectl = (args) => {
		const answer = kubectl(args);
		const node = cluster.nodes.get(name);
		if (cluster.state(name) === 'drained' && node !== undefined)
			node.metadata.annotations['kstack.io/leave-silent'] = 'true';
		return answer;
	};
}

test('a request to drain cordons and drains the node, keeps it, and does not change other nodes', async (t) => {
	const cluster = clusterOf(1, 3);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.pods.set('demo-minion-2', ['web-2']);
	cluster.ask('demo-minion-1', 'drain');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'drain demo-minion-1',
		'set state of demo-minion-1 to drained',
	]);
	const node = cluster.nodes.get('demo-minion-1');
	t.true(node?.spec.unschedulable);
	t.deepEqual(node?.metadata.annotations, { 'kstack.io/leave-state': 'drained' });
	t.deepEqual(cluster.pods.get('demo-minion-2'), ['web-2']);
});

test('a minion is drained, and removed once no volume is attached to it', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.volumes.set('csi-1', 'demo-minion-1');
	cluster.volumes.set('csi-2', 'demo-minion-0');
	cluster.onDrain = () => {
		setTimeout(() => {
			cluster.done.push('detached');
			cluster.volumes.delete('csi-1');
		}, 500);
	};
	cluster.ask('demo-minion-1', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'drain demo-minion-1',
		'detached',
		'delete node demo-minion-1',
	]);
});

test('if a disruption budget blocks the drain, the state names the pod and the reason, and the node is uncordoned', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1', 'other-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(
		cluster.state('demo-minion-1'),
		"failed: pods remain after the drain timeout of 0 s: default/web-1: Cannot evict pod as it would violate the pod's disruption budget.",
	);
	t.deepEqual(steps(cluster), ['cordon demo-minion-1', 'drain demo-minion-1', 'uncordon demo-minion-1']);
	t.is(cluster.nodes.get('demo-minion-1')?.spec.unschedulable, undefined);
	t.deepEqual(cluster.pods.get('demo-minion-1'), ['web-1']);
});

test('a node that an operator had cordoned stays cordoned when the request fails', async (t) => {
	const cluster = clusterOf(1, 1);
	cluster.add('demo-minion-1', { cordoned: true });
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.regex(cluster.state('demo-minion-1') ?? '', /^failed: /);
	t.true(cluster.nodes.get('demo-minion-1')?.spec.unschedulable);
});

test('a new request after a failed one has the whole drain timeout', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	cluster.ask('demo-minion-1', 'leave');
	const drains = cluster.done.length;
	await until(program, () => cluster.done.length > drains + 3, 'it is drained repeatedly');
	t.is(cluster.state('demo-minion-1'), undefined);
	cluster.protected.clear();
	await gone(program, cluster, 'demo-minion-1');
});

test('with force, protected pods are deleted after the drain timeout', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0', force: true });
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'drain demo-minion-1',
		'drain demo-minion-1 without eviction',
		'delete node demo-minion-1',
	]);
});

test('the last minions are removed without waiting for disruption budgets that no node could meet', async (t) => {
	const cluster = clusterOf(3, 2);
	cluster.pods.set('demo-minion-0', ['web-0']);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-0').add('web-1');
	cluster.ask('demo-minion-0', 'leave');
	cluster.ask('demo-minion-1', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-0');
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(
		steps(cluster)
			.filter((step) => /^drain/.test(step))
			.sort(),
		['drain demo-minion-0 without eviction', 'drain demo-minion-1 without eviction'],
	);
});

for (const [what, change] of [
	['is cordoned', { spec: { unschedulable: true } }],
	['is to be removed too', { metadata: { labels: { 'kstack.io/leave': 'unknown' } } }],
] as const)
	test(`pods are deleted without eviction once the only other node ${what}`, async (t) => {
		const cluster = clusterOf(1, 2);
		cluster.pods.set('demo-minion-1', ['web-1']);
		cluster.protected.add('web-1');
		cluster.onDrain = () => cluster.kubectl(['patch', 'node', 'demo-minion-0', '-p', JSON.stringify(change)]);
		cluster.ask('demo-minion-1', 'leave');
		const { program } = await leavers(t, cluster);
		await gone(program, cluster, 'demo-minion-1');
		t.true(cluster.done.includes('drain demo-minion-1 without eviction'));
	});

test('the pods of a dead node are force-deleted, without waiting', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.volumes.set('csi-1', 'demo-minion-1');
	cluster.ask('demo-minion-1', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'delete pod web-1 after 0 s',
		'delete node demo-minion-1',
	]);
});

test('the member of a master is removed after a snapshot, once its control plane has stopped; another member becomes the leader', async (t) => {
	const cluster = clusterOf(3, 1);
	cluster.leader = 'id2';
	cluster.leases.set('kube-scheduler', 'demo-master-2_0a').set('kube-controller-manager', 'demo-master-0_0b');
	stopsControlPlane(cluster, 'demo-master-2');
	cluster.ask('demo-master-2', 'leave');
	const { root, program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.deepEqual(steps(cluster), [
		'cordon demo-master-2',
		'drain demo-master-2',
		'set state of demo-master-2 to drained',
		'release kube-scheduler',
		'snapshot',
		'move-leader id1',
		'member remove id2',
		'delete node demo-master-2',
	]);
	t.deepEqual(
		cluster.members.map(({ name }) => name),
		['demo-master-0', 'demo-master-1'],
	);
	const snapshots = path.join(root, 'var/lib/etcd/snapshots');
	t.is((await readdir(snapshots)).length, 1);
	t.is((await stat(snapshots)).mode & 0o777, 0o700);
});

test('a master whose control plane does not stop is removed after a timeout', async (t) => {
	const cluster = clusterOf(3, 1);
	cluster.ask('demo-master-2', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.regex(program.output(), /demo-master-2: timed out waiting for its control plane/);
});

test('the three newest snapshots are kept', async (t) => {
	const cluster = clusterOf(3, 0);
	cluster.ask('demo-master-2', 'dead');
	const { root, program } = await leavers(t, cluster, async (folder) => {
		const snapshots = path.join(folder, 'var/lib/etcd/snapshots');
		await mkdir(snapshots, { recursive: true });
		for (const [index, name] of ['d.db', 'c.db', 'b.db', 'a.db'].entries()) {
			await writeFile(path.join(snapshots, name), '');
			await utimes(path.join(snapshots, name), 1_000_000 + index, 1_000_000 + index);
		}
	});
	await gone(program, cluster, 'demo-master-2');
	const left = await readdir(path.join(root, 'var/lib/etcd/snapshots'));
	t.deepEqual(left.filter((name) => name.length === 4).sort(), ['a.db', 'b.db']);
	t.is(left.length, 3);
});

test('a dead master is removed from etcd if the healthy members keep the quorum', async (t) => {
	const cluster = clusterOf(2, 1);
	cluster.add('demo-master-2', { ready: false });
	cluster.ask('demo-master-2', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.true(steps(cluster).includes('member remove id2'));
});

test('a request fails before the drain if etcd would lose its quorum', async (t) => {
	const cluster = clusterOf(2, 1);
	cluster.add('demo-master-2', { ready: false });
	cluster.ask('demo-master-1', 'leave');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-master-1');
	t.is(
		cluster.state('demo-master-1'),
		'failed: etcd would lose its quorum: 1 of the other 2 members are healthy, at least 2 must be',
	);
	t.deepEqual(steps(cluster), ['set state of demo-master-1 to failed']);
	t.is(cluster.members.length, 3);
});

test('the last etcd member is never removed', async (t) => {
	const cluster = new FakeCluster();
	cluster.add('demo-master-1');
	cluster.add('demo-minion-0');
	cluster.ask('demo-master-1', 'leave');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-master-1');
	t.is(cluster.state('demo-master-1'), 'failed: it is the last etcd member');
	t.is(cluster.members.length, 1);
});

test('a learner is removed without regard to the quorum', async (t) => {
	const cluster = clusterOf(1, 0);
	cluster.add('demo-master-1', { ready: false });
	(cluster.members[1] as { learner: boolean }).learner = true;
	cluster.ask('demo-master-1', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-1');
	t.true(steps(cluster).includes('member remove id1'));
});

test('of two masters to be removed at the same time, one member is removed after the other', async (t) => {
	const cluster = clusterOf(3, 0);
	stopsControlPlane(cluster, 'demo-master-1');
	stopsControlPlane(cluster, 'demo-master-2');
	let removing = 0;
	let most = 0;
	const etcdctl = cluster.etcdctl;
	cluster.etcdctl = async (args) => {
		const counts = args.includes('snapshot') || args.includes('remove');
		if (counts) most = Math.max(most, ++removing);
		if (counts) await new Promise((resolve) => setTimeout(resolve, 200));
		const answer = await etcdctl(args);
		if (counts) removing--;
		return answer;
	};
	cluster.ask('demo-master-1', 'leave');
	cluster.ask('demo-master-2', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-1');
	await gone(program, cluster, 'demo-master-2');
	t.deepEqual(
		cluster.members.map(({ name }) => name),
		['demo-master-0'],
	);
	t.is(most, 1);
});

test('a master processes requests only while it holds the API address', async (t) => {
	const cluster = clusterOf(3, 2);
	cluster.holdsAddress = false;
	let checks = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		checks++;
		return ip(args);
	};
	cluster.ask('demo-minion-1', 'leave');
	const { program } = await leavers(t, cluster);
	await until(program, () => checks > 3, 'it has checked whether it holds the address');
	t.deepEqual(cluster.done, []);
	cluster.holdsAddress = true;
	await gone(program, cluster, 'demo-minion-1');
});

test('a master that loses the API address during a drain stops processing the request', async (t) => {
	const cluster = clusterOf(3, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.onDrain = () => {
		cluster.holdsAddress = false;
	};
	let checks = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		if (!cluster.holdsAddress) checks++;
		return ip(args);
	};
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await until(program, () => checks > 4, 'it has checked again');
	t.deepEqual(steps(cluster), ['cordon demo-minion-1', 'drain demo-minion-1']);
	t.is(cluster.state('demo-minion-1'), undefined);
});

test('a master does not remove itself, even if it holds the API address', async (t) => {
	const cluster = clusterOf(3, 1);
	let checks = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		checks++;
		return ip(args);
	};
	cluster.ask('demo-master-0', 'leave');
	const { program } = await leavers(t, cluster);
	await until(program, () => checks > 3, 'it has checked several times');
	t.deepEqual(cluster.done, []);
});

test('a cancelled request ends the drain without a failure', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'drain');
	cluster.onDrain = () => {
		const labels = cluster.nodes.get('demo-minion-1')?.metadata.labels ?? {};
		delete labels['kstack.io/leave'];
		delete labels[restrictedLabel];
	};
	const { program } = await leavers(t, cluster);
	await until(program, () => cluster.done.includes('drain demo-minion-1'), 'the drain has begun');
	cluster.ask('demo-minion-0', 'drain');
	await answered(program, cluster, 'demo-minion-0');
	t.is(cluster.state('demo-minion-1'), undefined);
	t.is(cluster.done.filter((line) => line === 'drain demo-minion-1').length, 1);
});

test('an unknown request fails with the valid values', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-1', 'now');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(
		cluster.state('demo-minion-1'),
		'failed: the label kstack.io/leave must be drain, leave or dead, but is now',
	);
});

test('requests are retried while the API does not answer, and no step is skipped', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-1', 'leave');
	cluster.onDrain = () => {
		cluster.onDrain = () => {};
		cluster.answers = false;
		setTimeout(() => {
			cluster.answers = true;
		}, 1000);
	};
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.is(steps(cluster).at(-1), 'delete node demo-minion-1');
});

test('a node cannot say of itself that it is dead: the label that it may set asks for no more than its removal', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.ask('demo-minion-1', 'dead', { byNode: true });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(
		cluster.state('demo-minion-1'),
		`failed: the label kstack.io/leave may be drain or leave; dead must be in the label ${restrictedLabel}, which nodes cannot set (kstack before 0.4 does not set it)`,
	);
	t.deepEqual(steps(cluster), ['set state of demo-minion-1 to failed']);
	t.deepEqual(cluster.pods.get('demo-minion-1'), ['web-1']);
});

test('the label of operators alone is a request', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-1', 'drain');
	delete cluster.nodes.get('demo-minion-1')?.metadata.labels['kstack.io/leave'];
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(cluster.state('demo-minion-1'), 'drained');
});

test('a node whose drain is stuck, and one whose request is malformed, keep no other waiting', async (t) => {
	const cluster = clusterOf(1, 4);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave');
	const malformed = cluster.nodes.get('demo-minion-2')?.metadata as unknown as Record<string, unknown>;
	malformed.labels = { 'kstack.io/leave': ['drain'] };
	malformed.annotations = { 'kstack.io/leave-timeout': { a: 1 } };
	cluster.ask('demo-minion-3', 'leave', { timeout: '1\n2' });
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-3');
	t.is(cluster.asked('demo-minion-1'), 'leave');
});

test('force that is set during a drain counts', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.onDrain = () => {
		const annotations = cluster.nodes.get('demo-minion-1')?.metadata.annotations;
		Object.assign(annotations ?? {}, { 'kstack.io/leave-timeout': '0', 'kstack.io/leave-force': 'true' });
	};
	cluster.ask('demo-minion-1', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.true(cluster.done.includes('drain demo-minion-1 without eviction'));
});

test('an answer ends no request that was made while the node was drained', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.onDrain = () => {
		if (cluster.asked('demo-minion-1') === 'drain') cluster.ask('demo-minion-1', 'dead');
	};
	cluster.ask('demo-minion-1', 'drain');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.is(cluster.done.filter((line) => line.includes('"drained"')).length, 0);
});
