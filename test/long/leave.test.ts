// kstack-leave on a node that Heat is about to delete, with a cluster that answers as the masters would.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeCluster, FakeServices } from '../support/fake-cluster.ts';
import { type Program, programsOn } from '../support/fake-programs.ts';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { systemPath } from '../support/processes.ts';
import { inBackground, type Running, until } from '../support/waiting.ts';

const controlPlane = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];
const running: Readonly<Record<string, readonly string[]>> = {
	master: [
		'keepalived',
		...controlPlane,
		'kstack-nodes.service',
		'kstack-leavers.service',
		'kstack-renew.timer',
	],
	gateway: ['keepalived', 'haproxy', 'kstack-gateway.service'],
	minion: [],
};
const everywhere = [
	'kubelet',
	'kube-proxy',
	'kstack-routes.service',
	'kstack-agent.service',
	'kstack-pods.service',
];

interface How {
	/** Inputs of the deployment. */
	readonly inputs?: Readonly<Record<string, string>>;
	/** Whether its kubelet has ever been given a certificate. */
	readonly joined?: boolean;
	/** Shorter times than a real node's. */
	readonly shorter?: (text: string) => string;
	readonly etcdEnv?: string;
	/** What `ss` says of connections to the shared address, one look after the other; then there are none. */
	readonly connections?: string[];
}

/** kstack-leave at work on a node of the cluster; `masters` answers what it asks for. */
async function leave(t: ExecutionContext, cluster: FakeCluster, name: string, how: How = {}) {
	const root = await temporaryFolder();
	const role = /-(\w+)-\d+$/.exec(name)?.[1] as string;
	const env = `NODE_NAME=${name}\nNODE_IP=10.0.0.11\nROLE=${role}\nAPI_ADDRESS=10.0.0.5\n`;
	await writeNode(root, [
		...(await imageFiles()),
		{ path: 'etc/kstack/node.env', mode: 0o644, text: env },
		{ path: 'var/lib/kubelet/pki/kubelet-client-current.pem', mode: 0o600, text: '' },
		{ path: 'etc/kstack/gateway.env', mode: 0o644, text: 'GATEWAY_ADDRESS=10.0.0.6\n' },
		...(how.etcdEnv === undefined ? [] : [{ path: 'etc/kstack/etcd.env', mode: 0o644, text: how.etcdEnv }]),
	]);
	if (how.joined === false) await rm(path.join(root, 'var/lib/kubelet/pki/kubelet-client-current.pem'));
	const services = new FakeServices([...(running[role] as readonly string[]), ...everywhere], cluster.done);
	const { systemctl } = services;
	const kubectl: Program = (args) => cluster.kubectl(args);
	const iptables: Program = (args) => {
		cluster.done.push(`iptables ${args.join(' ')}`);
		return {};
	};
	const ss: Program = () => {
		cluster.done.push('look at connections');
		return { stdout: `Recv-Q Send-Q\n${how.connections?.shift() ?? ''}` };
	};
	const etcdctl: Program = (args) => cluster.etcdctl(args);
	const bin = await programsOn(t, root, { kubectl, systemctl, etcdctl, iptables, ss });
	await writeFile(path.join(bin, 'sleep'), '#!/bin/bash\nexec /bin/sleep 0.05\n', { mode: 0o755 });
	await mkdir(path.join(root, 'tmp'));
	const program = await inBackground(
		t,
		root,
		'kstack-leave',
		{ PATH: `${bin}:${systemPath}`, TMPDIR: path.join(root, 'tmp'), drain_timeout: '300', ...how.inputs },
		(text) =>
			(how.shorter ?? ((same) => same))(
				text.replace(/^patience=60/m, 'patience=2').replace(/^grace=15/m, 'grace=1'),
			),
	);
	return { program, services };
}

const asked = (program: Running, cluster: FakeCluster, name: string) =>
	until(program, () => cluster.asked(name) === 'leave', `${name} asks to leave`);

/** What was done, in words. */
const steps = (cluster: FakeCluster) =>
	cluster.done.map((line) => {
		if (/^patch \S+ .*"kstack.io\/leave":"leave"/.test(line))
			return line.replace(/^patch (\S+) .*/, '$1 asks');
		if (/^patch \S+ .*"kstack.io\/leave":null/.test(line))
			return line.replace(/^patch (\S+) .*/, '$1 takes it back');
		return line.replace(/^patch (\S+) .*leave-silent":"true".*/, '$1 is silent');
	});

/** What a master answers in one change. */
const answers = (cluster: FakeCluster, name: string, state: string) =>
	cluster.kubectl([
		...['patch', 'node', name, '-p'],
		JSON.stringify({
			metadata: { labels: { 'kstack.io/leave': null }, annotations: { 'kstack.io/leave-state': state } },
		}),
	]);

function clusterOf(masters: number, minions: number, gateways = 0): FakeCluster {
	const cluster = new FakeCluster();
	for (let index = 0; index < masters; index++) cluster.add(`demo-master-${index}`);
	for (let index = 0; index < minions; index++) cluster.add(`demo-minion-${index}`);
	for (let index = 0; index < gateways; index++) cluster.add(`demo-gateway-${index}`);
	return cluster;
}

test('a minion asks, waits until its Node object is gone, and stops what would make it again', async (t) => {
	const cluster = clusterOf(1, 2);
	(cluster.nodes.get('demo-minion-1') as { metadata: { annotations: object } }).metadata.annotations = {
		'kstack.io/leave-state': 'failed: yesterday',
	};
	const inputs = { drain_timeout: '60', drain_force: 'True' };
	const { program, services } = await leave(t, cluster, 'demo-minion-1', { inputs });
	await asked(program, cluster, 'demo-minion-1');
	t.deepEqual(cluster.nodes.get('demo-minion-1')?.metadata.annotations, {
		'kstack.io/leave-timeout': '60',
		'kstack.io/leave-force': 'true',
	});
	cluster.nodes.delete('demo-minion-1');
	t.is(await program.ended, 0);
	t.deepEqual(steps(cluster), [
		'demo-minion-1 asks',
		'disable kubelet',
		'stop kubelet',
		'stop kube-proxy',
		'stop kstack-routes.service',
	]);
	t.deepEqual([...services.active], ['kstack-agent.service', 'kstack-pods.service']);
	t.is(program.said(), 'demo-minion-1 has left\n');
});

test('a node that cannot leave says why, and is again what it was', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const { program, services } = await leave(t, cluster, 'demo-gateway-1');
	await until(program, () => !services.active.has('keepalived'), 'its address goes to the other gateway');
	answers(cluster, 'demo-gateway-1', 'failed: after 300 s there are still default/web-1');
	t.is(await program.ended, 1);
	t.is(program.said(), 'after 300 s there are still default/web-1\n');
	t.true(services.active.has('keepalived'));
	t.true(services.active.has('kubelet'));
});

test('a gateway answers what it was asked before its address goes, and is deaf meanwhile', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const connections = ['0 0 10.0.0.6:80 192.0.2.1:5\n', '0 0 10.0.0.6:80 192.0.2.1:5\n'];
	const { program } = await leave(t, cluster, 'demo-gateway-1', { connections });
	const deaf = 'INPUT -d 10.0.0.6/32 -p tcp --syn -j DROP';
	await until(program, () => cluster.done.includes(`iptables -w -D ${deaf}`), 'it hears again');
	t.deepEqual(steps(cluster), [
		'demo-gateway-1 asks',
		`iptables -w -I ${deaf}`,
		'look at connections',
		'look at connections',
		'look at connections',
		'stop keepalived',
		`iptables -w -D ${deaf}`,
	]);
	cluster.nodes.delete('demo-gateway-1');
	t.is(await program.ended, 0);
});

test('a gateway waits no longer than half a second for connections that stay', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const connections = Array.from({ length: 100 }, () => '0 0 10.0.0.6:80 192.0.2.1:5\n');
	const { program, services } = await leave(t, cluster, 'demo-gateway-1', { connections });
	await until(program, () => !services.active.has('keepalived'), 'its address goes to the other gateway');
	t.is(connections.length, 95);
	cluster.nodes.delete('demo-gateway-1');
	t.is(await program.ended, 0);
});

test('the only gateway keeps its address to the end', async (t) => {
	const cluster = clusterOf(1, 1, 1);
	cluster.add('demo-gateway-1', { ready: false });
	const { program, services } = await leave(t, cluster, 'demo-gateway-0');
	await asked(program, cluster, 'demo-gateway-0');
	setTimeout(() => cluster.nodes.delete('demo-gateway-0'), 500);
	t.is(await program.ended, 0);
	t.true(services.active.has('keepalived'));
});

test('a master lets go of the address, then of its control plane once drained, and of etcd at the end', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2');
	await until(program, () => !services.active.has('keepalived'), 'the address moves');
	t.true(services.active.has('kube-apiserver'));
	const { metadata } = cluster.nodes.get('demo-master-2') as {
		metadata: { annotations: Record<string, string> };
	};
	metadata.annotations['kstack.io/leave-state'] = 'drained';
	await until(program, () => metadata.annotations['kstack.io/leave-silent'] === 'true', 'it is silent');
	t.true(services.active.has('etcd'));
	t.is(cluster.asked('demo-master-2'), 'leave');
	cluster.nodes.delete('demo-master-2');
	t.is(await program.ended, 0);
	t.deepEqual(steps(cluster), [
		'demo-master-2 asks',
		'stop keepalived',
		'stop kube-scheduler',
		'stop kube-controller-manager',
		'stop kube-apiserver',
		'demo-master-2 is silent',
		'disable kubelet',
		'stop kubelet',
		'stop kube-proxy',
		'stop kstack-nodes.service',
		'stop kstack-leavers.service',
		'stop kstack-renew.timer',
		'stop kstack-routes.service',
		'stop etcd',
	]);
});

test('a master that cannot leave starts all it has stopped', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2');
	await asked(program, cluster, 'demo-master-2');
	const { metadata } = cluster.nodes.get('demo-master-2') as {
		metadata: { annotations: Record<string, string> };
	};
	metadata.annotations['kstack.io/leave-state'] = 'drained';
	await until(program, () => metadata.annotations['kstack.io/leave-silent'] === 'true', 'it is silent');
	answers(cluster, 'demo-master-2', 'failed: no snapshot of etcd could be made');
	t.is(await program.ended, 1);
	for (const service of ['keepalived', ...controlPlane]) t.true(services.active.has(service), service);
});

test('a master whose only company is not Ready keeps the address and its control plane', async (t) => {
	const cluster = clusterOf(1, 1);
	cluster.add('demo-master-1', { ready: false });
	const { program, services } = await leave(t, cluster, 'demo-master-0');
	await asked(program, cluster, 'demo-master-0');
	answers(
		cluster,
		'demo-master-0',
		'failed: without it 0 of 1 members of etcd would be well, and 1 have to be',
	);
	t.is(await program.ended, 1);
	t.false(cluster.done.some((line) => line.startsWith('stop')));
	t.true(services.active.has('keepalived'));
});

test('the last master lets the others leave first, and goes as it is', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-0', 'leave');
	const { program, services } = await leave(t, cluster, 'demo-master-0', {
		shorter: (text) => text.replace('patience=2', 'patience=30'),
	});
	await until(program, () => /this one leaves last/.test(program.said()), 'it knows that it is the last');
	await until(program, () => cluster.asked('demo-master-0') === undefined, 'it asks no longer');
	await new Promise((resolve) => setTimeout(resolve, 1500));
	let over = false;
	program.ended.then(() => {
		over = true;
	});
	t.false(over);
	cluster.nodes.delete('demo-minion-0');
	t.is(await program.ended, 0);
	t.false(cluster.done.some((line) => line.startsWith('stop')));
	t.true(services.active.has('kube-apiserver'));
});

test('the last master does not wait for ever for others that never come to an end', async (t) => {
	const cluster = clusterOf(1, 1);
	cluster.ask('demo-minion-0', 'leave');
	const { program } = await leave(t, cluster, 'demo-master-0');
	t.is(await program.ended, 0);
	t.is(cluster.asked('demo-minion-0'), 'leave');
});

test('of masters that leave together at least one knows that it is the last', async (t) => {
	const cluster = clusterOf(2, 0);
	const both = await Promise.all(
		['demo-master-0', 'demo-master-1'].map((name) =>
			leave(t, cluster, name, {
				inputs: { drain_timeout: '0' },
				shorter: (text) => text.replace('+ 180', '+ 5'),
			}),
		),
	);
	await Promise.all(both.map(({ program }) => program.ended));
	t.true(both.some(({ program }) => /this one leaves last/.test(program.said())));
	t.true(both.some(({ services }) => services.active.has('keepalived')));
});

test('a machine that never became a node has nothing to leave', async (t) => {
	const cluster = clusterOf(1, 1);
	const { program } = await leave(t, cluster, 'demo-minion-1', { joined: false });
	t.is(await program.ended, 0);
	t.regex(program.said(), /never became a node/);
	t.deepEqual(cluster.done, []);
});

test('a master that joined etcd and never became a node leaves no member behind', async (t) => {
	const cluster = clusterOf(3, 0);
	cluster.nodes.delete('demo-master-2');
	const peers = ['demo-master-0', 'demo-master-2', 'demo-master-1'].map(
		(name) => `${name}=https://${name}:2380`,
	);
	const etcdctl = cluster.etcdctl;
	let at: string | undefined;
	cluster.etcdctl = (args) => {
		at = args.find((arg) => arg.startsWith('--endpoints='));
		return etcdctl(args);
	};
	const { program } = await leave(t, cluster, 'demo-master-2', {
		joined: false,
		etcdEnv: `ETCD_NAME=demo-master-2\nETCD_INITIAL_CLUSTER=${peers.join(',')}\n`,
	});
	t.is(await program.ended, 0);
	t.deepEqual(cluster.done, ['member remove id2']);
	t.is(at, '--endpoints=https://demo-master-0:2379,https://demo-master-1:2379', 'itself is not asked');
});

test('the master that formed the cluster alone asks no etcd', async (t) => {
	const cluster = clusterOf(1, 0);
	const { program } = await leave(t, cluster, 'demo-master-0', {
		joined: false,
		etcdEnv: 'ETCD_INITIAL_CLUSTER=demo-master-0=https://10.0.0.11:2380\n',
	});
	t.is(await program.ended, 0);
	t.is(cluster.members.length, 1);
});

test('without an API for long there is nothing to leave, and the server may go', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.answers = false;
	const { program } = await leave(t, cluster, 'demo-minion-1');
	t.is(await program.ended, 0);
	t.regex(
		program.said(),
		/^the API at 10\.0\.0\.5 has not answered for 2 s: nothing to leave\. Unable to connect/,
	);
});

test('an API that is away for a moment is waited for', async (t) => {
	const cluster = clusterOf(1, 2);
	const { program } = await leave(t, cluster, 'demo-minion-1', {
		shorter: (text) => text.replace('patience=2', 'patience=30'),
	});
	await asked(program, cluster, 'demo-minion-1');
	cluster.answers = false;
	await new Promise((resolve) => setTimeout(resolve, 1000));
	cluster.nodes.delete('demo-minion-1');
	cluster.answers = true;
	t.is(await program.ended, 0);
	t.is(program.said(), 'demo-minion-1 has left\n');
});

test('an API that refuses keeps the server, with its words', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.kubectl = () => ({ code: 1, stderr: 'Error from server (Forbidden): nodes "x" is forbidden\n' });
	const { program } = await leave(t, cluster, 'demo-minion-1');
	t.is(await program.ended, 1);
	t.is(program.said(), 'the API refuses: Error from server (Forbidden): nodes "x" is forbidden\n');
});

test('a node that no master takes out gives up, and asks no longer', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2', {
		inputs: { drain_timeout: '0' },
		shorter: (text) => text.replace('+ 180', '+ 2'),
	});
	t.is(await program.ended, 1);
	t.regex(program.said(), /timed out: .*demo-master-2.* 2 s/);
	t.is(cluster.asked('demo-master-2'), undefined);
	t.true(services.active.has('keepalived'));
});

test('a leave that somebody took back keeps the server', async (t) => {
	const cluster = clusterOf(1, 2);
	const { program } = await leave(t, cluster, 'demo-minion-1');
	await asked(program, cluster, 'demo-minion-1');
	delete cluster.nodes.get('demo-minion-1')?.metadata.labels['kstack.io/leave'];
	t.is(await program.ended, 1);
	t.regex(program.said(), /demo-minion-1 was cancelled/);
});

test('a node whose Node object is gone already only stops what is left', async (t) => {
	const cluster = clusterOf(1, 1);
	const { program, services } = await leave(t, cluster, 'demo-minion-1');
	t.is(await program.ended, 0);
	t.false(services.active.has('kubelet'));
});
