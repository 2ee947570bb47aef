// kstack-leavers on a master: what it does with nodes that ask to leave, and what it leaves alone.
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeCluster } from '../support/fake-cluster.ts';
import { programsOn } from '../support/fake-programs.ts';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { systemPath } from '../support/processes.ts';
import { inBackground, type Running, until } from '../support/waiting.ts';

/** kstack-leavers of demo-master-0 at work on a cluster. */
async function leavers(t: ExecutionContext, cluster: FakeCluster, prepare?: (root: string) => Promise<void>) {
	const root = await temporaryFolder();
	await writeNode(root, await imageFiles());
	await prepare?.(root);
	const { kubectl, etcdctl, ip } = cluster;
	const bin = await programsOn(t, root, { kubectl, etcdctl, ip });
	await writeFile(path.join(bin, 'sleep'), '#!/bin/bash\nexec /bin/sleep 0.05\n', { mode: 0o755 });
	const env = { PATH: `${bin}:${systemPath}`, NODE_NAME: 'demo-master-0', API_ADDRESS: '10.0.0.5' };
	// Seconds are the machine's own: what is waited for has to be short.
	const shorter = (text: string) =>
		text.replace(/^volumes=60/m, 'volumes=1').replace(/^silence=30/m, 'silence=2');
	return { root, program: await inBackground(t, root, 'kstack-leavers', env, shorter) };
}

const gone = (running: Running, cluster: FakeCluster, name: string) =>
	until(running, () => !cluster.nodes.has(name), `${name} is gone`);

const answered = (running: Running, cluster: FakeCluster, name: string) =>
	until(running, () => cluster.asked(name) === undefined, `${name} has its answer`);

/** What was done, in words; a master's control plane is stopped as soon as it is told to. */
const steps = (cluster: FakeCluster) =>
	cluster.done.map((line) => {
		if (/^patch \S+ .*"unschedulable":true/.test(line)) return line.replace(/^patch (\S+) .*/, 'cordon $1');
		if (/^patch \S+ .*"unschedulable":null/.test(line)) return line.replace(/^patch (\S+) .*/, 'uncordon $1');
		return line.replace(/^patch (\S+) .*"kstack.io\/leave-state":"(\w+).*/, 'tell $1 $2');
	});

function clusterOf(masters: number, minions: number): FakeCluster {
	const cluster = new FakeCluster();
	for (let index = 0; index < masters; index++) cluster.add(`demo-master-${index}`);
	for (let index = 0; index < minions; index++) cluster.add(`demo-minion-${index}`);
	return cluster;
}

/** As kstack-leave does on a master that is told that it is drained. */
function fallsSilent(cluster: FakeCluster, name: string): void {
	const kubectl = cluster.kubectl;
	cluster.kubectl = (args) => {
		const answer = kubectl(args);
		const node = cluster.nodes.get(name);
		if (cluster.state(name) === 'drained' && node !== undefined)
			node.metadata.annotations['kstack.io/leave-silent'] = 'true';
		return answer;
	};
}

test('a node that is to be drained is cordoned, drained and stays, and others are left alone', async (t) => {
	const cluster = clusterOf(1, 3);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.pods.set('demo-minion-2', ['web-2']);
	cluster.ask('demo-minion-1', 'drain');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), ['cordon demo-minion-1', 'drain demo-minion-1', 'tell demo-minion-1 drained']);
	const node = cluster.nodes.get('demo-minion-1');
	t.true(node?.spec.unschedulable);
	t.deepEqual(node?.metadata.annotations, { 'kstack.io/leave-state': 'drained' });
	t.deepEqual(cluster.pods.get('demo-minion-2'), ['web-2']);
});

test('a minion that leaves is drained, and gone once no volume is attached to it', async (t) => {
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

test('a budget that keeps a pod: the answer says which and why, and the node takes pods again', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1', 'other-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(
		cluster.state('demo-minion-1'),
		"failed: after 0 s there are still default/web-1: Cannot evict pod as it would violate the pod's disruption budget.",
	);
	t.deepEqual(steps(cluster), ['cordon demo-minion-1', 'drain demo-minion-1', 'uncordon demo-minion-1']);
	t.is(cluster.nodes.get('demo-minion-1')?.spec.unschedulable, undefined);
	t.deepEqual(cluster.pods.get('demo-minion-1'), ['web-1']);
});

test('a node that an operator had cordoned stays so when it cannot leave', async (t) => {
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

test('who could not leave may ask again, and has all its time', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	cluster.ask('demo-minion-1', 'leave');
	const drains = cluster.done.length;
	await until(program, () => cluster.done.length > drains + 3, 'it is drained round by round');
	t.is(cluster.state('demo-minion-1'), undefined);
	cluster.protected.clear();
	await gone(program, cluster, 'demo-minion-1');
});

test('with force, what a budget keeps is deleted once the time is up', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'leave', { timeout: '0', force: true });
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'drain demo-minion-1',
		'drain demo-minion-1 without asking',
		'delete node demo-minion-1',
	]);
});

test('the last minions go without waiting for budgets that nothing could fulfil', async (t) => {
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
		['drain demo-minion-0 without asking', 'drain demo-minion-1 without asking'],
	);
});

for (const [what, change] of [
	['is cordoned', { spec: { unschedulable: true } }],
	['leaves too', { metadata: { labels: { 'kstack.io/leave': 'unknown' } } }],
] as const)
	test(`a drain is not waited for any longer once the only other node ${what}`, async (t) => {
		const cluster = clusterOf(1, 2);
		cluster.pods.set('demo-minion-1', ['web-1']);
		cluster.protected.add('web-1');
		cluster.onDrain = () => cluster.kubectl(['patch', 'node', 'demo-minion-0', '-p', JSON.stringify(change)]);
		cluster.ask('demo-minion-1', 'leave');
		const { program } = await leavers(t, cluster);
		await gone(program, cluster, 'demo-minion-1');
		t.true(cluster.done.includes('drain demo-minion-1 without asking'));
	});

test('the pods of a dead node are deleted at once, and nothing is waited for', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.volumes.set('csi-1', 'demo-minion-1');
	cluster.ask('demo-minion-1', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-minion-1');
	t.deepEqual(steps(cluster), [
		'cordon demo-minion-1',
		'delete pods of demo-minion-1: --grace-period=0 --force --wait=false',
		'delete node demo-minion-1',
	]);
});

test('a master leaves etcd after a snapshot, when its control plane has stopped, and hands over its lead', async (t) => {
	const cluster = clusterOf(3, 1);
	cluster.leader = 'id2';
	cluster.leases.set('kube-scheduler', 'demo-master-2_0a').set('kube-controller-manager', 'demo-master-0_0b');
	fallsSilent(cluster, 'demo-master-2');
	cluster.ask('demo-master-2', 'leave');
	const { root, program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.deepEqual(steps(cluster), [
		'cordon demo-master-2',
		'drain demo-master-2',
		'tell demo-master-2 drained',
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
	t.is((await readdir(path.join(root, 'var/lib/etcd/snapshots'))).length, 1);
});

test('a master that never says that its control plane has stopped is not waited for for ever', async (t) => {
	const cluster = clusterOf(3, 1);
	cluster.ask('demo-master-2', 'leave');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.regex(program.said(), /demo-master-2: has not said that its control plane has stopped/);
});

test('three snapshots are kept, the newest', async (t) => {
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

test('a dead master is removed from etcd while the others are a majority without it', async (t) => {
	const cluster = clusterOf(2, 1);
	cluster.add('demo-master-2', { ready: false });
	cluster.ask('demo-master-2', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-2');
	t.true(steps(cluster).includes('member remove id2'));
});

test('a master stays while etcd could not do without it: nothing is drained, and the answer counts', async (t) => {
	const cluster = clusterOf(2, 1);
	cluster.add('demo-master-2', { ready: false });
	cluster.ask('demo-master-1', 'leave');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-master-1');
	t.is(
		cluster.state('demo-master-1'),
		'failed: without it 1 of 2 members of etcd would be well, and 2 have to be',
	);
	t.deepEqual(steps(cluster), ['tell demo-master-1 failed']);
	t.is(cluster.members.length, 3);
});

test('the last member of etcd is never removed', async (t) => {
	const cluster = new FakeCluster();
	cluster.add('demo-master-1');
	cluster.add('demo-minion-0');
	cluster.ask('demo-master-1', 'leave');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-master-1');
	t.is(cluster.state('demo-master-1'), 'failed: it is the last member of etcd');
	t.is(cluster.members.length, 1);
});

test('a learner has no vote: it may go from a cluster whose majority is small', async (t) => {
	const cluster = clusterOf(1, 0);
	cluster.add('demo-master-1', { ready: false });
	(cluster.members[1] as { learner: boolean }).learner = true;
	cluster.ask('demo-master-1', 'dead');
	const { program } = await leavers(t, cluster);
	await gone(program, cluster, 'demo-master-1');
	t.true(steps(cluster).includes('member remove id1'));
});

test('two masters that leave at the same time do so one after the other', async (t) => {
	const cluster = clusterOf(3, 0);
	fallsSilent(cluster, 'demo-master-1');
	fallsSilent(cluster, 'demo-master-2');
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

test('a master that does not hold the address does nothing, until it holds it', async (t) => {
	const cluster = clusterOf(3, 2);
	cluster.holdsAddress = false;
	let looked = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		looked++;
		return ip(args);
	};
	cluster.ask('demo-minion-1', 'leave');
	const { program } = await leavers(t, cluster);
	await until(program, () => looked > 3, 'it has looked whether it holds the address');
	t.deepEqual(cluster.done, []);
	cluster.holdsAddress = true;
	await gone(program, cluster, 'demo-minion-1');
});

test('a master that loses the address in the middle of a drain leaves the rest to the next', async (t) => {
	const cluster = clusterOf(3, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.onDrain = () => {
		cluster.holdsAddress = false;
	};
	let looked = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		if (!cluster.holdsAddress) looked++;
		return ip(args);
	};
	cluster.ask('demo-minion-1', 'leave', { timeout: '0' });
	const { program } = await leavers(t, cluster);
	await until(program, () => looked > 4, 'it has looked again');
	t.deepEqual(steps(cluster), ['cordon demo-minion-1', 'drain demo-minion-1']);
	t.is(cluster.state('demo-minion-1'), undefined);
});

test('a master does not take itself out, also with the address', async (t) => {
	const cluster = clusterOf(3, 1);
	let looked = 0;
	const ip = cluster.ip;
	cluster.ip = (args) => {
		looked++;
		return ip(args);
	};
	cluster.ask('demo-master-0', 'leave');
	const { program } = await leavers(t, cluster);
	await until(program, () => looked > 3, 'it has looked several times');
	t.deepEqual(cluster.done, []);
});

test('a request that is taken back ends the drain, and nobody is told of a failure', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.pods.set('demo-minion-1', ['web-1']);
	cluster.protected.add('web-1');
	cluster.ask('demo-minion-1', 'drain');
	cluster.onDrain = () => {
		delete cluster.nodes.get('demo-minion-1')?.metadata.labels['kstack.io/leave'];
	};
	const { program } = await leavers(t, cluster);
	await until(program, () => cluster.done.includes('drain demo-minion-1'), 'the drain has begun');
	cluster.ask('demo-minion-0', 'drain');
	await answered(program, cluster, 'demo-minion-0');
	t.is(cluster.state('demo-minion-1'), undefined);
	t.is(cluster.done.filter((line) => line === 'drain demo-minion-1').length, 1);
});

test('a request that is none is refused with the words that are', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-1', 'now');
	const { program } = await leavers(t, cluster);
	await answered(program, cluster, 'demo-minion-1');
	t.is(
		cluster.state('demo-minion-1'),
		'failed: the label kstack.io/leave is drain, leave or dead, and not now',
	);
});

test('an API that gives no answers for a while is asked again, and nothing is skipped', async (t) => {
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
