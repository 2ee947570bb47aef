// kstack-leave on a node that Heat is about to delete; the test answers as the masters would.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeCluster, type FakeMember, FakeServices } from '../support/fake-cluster.ts';
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
	/** Seconds without an answer of the API. */
	readonly apiTimeout?: number;
	/** Seconds beyond the drain timeout. */
	readonly margin?: number;
	readonly etcdEnv?: string;
	/** What each call of `ss` prints for the shared address; then there are no connections. */
	readonly connections?: string[];
}

/** Runs kstack-leave on a node of the cluster. */
async function leave(t: ExecutionContext, cluster: FakeCluster, name: string, how: How = {}) {
	const root = await temporaryFolder();
	const role = /-(\w+)-\d+$/.exec(name)?.[1] as string;
	const env = `NODE_NAME=${name}\nNODE_IP=10.0.0.11\nROLE=${role}\nAPI_ADDRESS=10.0.0.5\n`;
	await writeNode(root, [
		...(await imageFiles()),
		{ path: 'etc/kstack/node.env', mode: 0o644, text: env },
		{ path: 'var/lib/kubelet/pki/kubelet-client-current.pem', mode: 0o600, text: '' },
		{ path: 'etc/kstack/gateway.env', mode: 0o644, text: 'GATEWAY_ADDRESS=10.0.0.6\n' },
		...(how.etcdEnv === undefined
			? []
			: [{ path: 'etc/kstack/etcd-initial.env', mode: 0o644, text: how.etcdEnv }]),
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
		cluster.done.push('list connections');
		return { stdout: `Recv-Q Send-Q\n${how.connections?.shift() ?? ''}` };
	};
	const etcdctl: Program = (args) => cluster.etcdctl(args);
	const bin = await programsOn(t, root, { kubectl, systemctl, etcdctl, iptables, ss });
	await writeFile(path.join(bin, 'sleep'), '#!/bin/bash\nexec /bin/sleep 0.05\n', { mode: 0o755 });
	await mkdir(path.join(root, 'tmp'));
	const program = await inBackground(t, root, 'kstack-leave', {
		PATH: `${bin}:${systemPath}`,
		TMPDIR: path.join(root, 'tmp'),
		KSTACK_LEAVE_API_TIMEOUT: String(how.apiTimeout ?? 2),
		...(how.margin === undefined ? {} : { KSTACK_LEAVE_MARGIN: String(how.margin) }),
		drain_timeout: '300',
		...how.inputs,
	});
	return { program, services };
}

const asked = (program: Running, cluster: FakeCluster, name: string) =>
	until(program, () => cluster.asked(name) === 'leave', `${name} requests its removal`);

/** What was done, in order. */
const steps = (cluster: FakeCluster) =>
	cluster.done.map((line) => {
		if (/^patch \S+ .*"kstack.io\/leave":"leave"/.test(line))
			return line.replace(/^patch (\S+) .*/, '$1 requests removal');
		if (/^patch \S+ .*"kstack.io\/leave":null/.test(line))
			return line.replace(/^patch (\S+) .*/, '$1 cancels');
		return line.replace(/^patch (\S+) .*leave-silent":"true".*/, '$1 has stopped its control plane');
	});

/** Ends the request, as a master does in one patch. */
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

test('a minion requests removal, waits until its Node object is deleted, and stops what would create it again', async (t) => {
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
		'demo-minion-1 requests removal',
		'disable kubelet',
		'stop kubelet',
		'stop kube-proxy',
		'stop kstack-routes.service',
	]);
	t.deepEqual([...services.active], ['kstack-agent.service', 'kstack-pods.service']);
	t.is(program.output(), 'demo-minion-1 was removed from the cluster\n');
});

test('a node that cannot leave prints the reason and restarts what it had stopped', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const { program, services } = await leave(t, cluster, 'demo-gateway-1');
	await until(program, () => !services.active.has('keepalived'), 'its address moves to the other gateway');
	answers(cluster, 'demo-gateway-1', 'failed: pods remain: default/web-1');
	t.is(await program.ended, 1);
	t.is(program.output(), 'pods remain: default/web-1\n');
	t.true(services.active.has('keepalived'));
	t.true(services.active.has('kubelet'));
});

test('a gateway finishes open connections before its address moves, and blocks new ones meanwhile', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const connections = ['0 0 10.0.0.6:80 192.0.2.1:5\n', '0 0 10.0.0.6:80 192.0.2.1:5\n'];
	const { program } = await leave(t, cluster, 'demo-gateway-1', { connections });
	const rule = 'INPUT -d 10.0.0.6/32 -p tcp --syn -j DROP';
	await until(program, () => cluster.done.includes(`iptables -w -D ${rule}`), 'the rule is removed');
	t.deepEqual(steps(cluster), [
		'demo-gateway-1 requests removal',
		`iptables -w -I ${rule}`,
		'list connections',
		'list connections',
		'list connections',
		'stop keepalived',
		`iptables -w -D ${rule}`,
	]);
	cluster.nodes.delete('demo-gateway-1');
	t.is(await program.ended, 0);
});

test('a gateway waits for open connections for half a second at most', async (t) => {
	const cluster = clusterOf(1, 0, 2);
	const connections = Array.from({ length: 100 }, () => '0 0 10.0.0.6:80 192.0.2.1:5\n');
	const { program, services } = await leave(t, cluster, 'demo-gateway-1', { connections });
	await until(program, () => !services.active.has('keepalived'), 'its address moves to the other gateway');
	t.is(connections.length, 95);
	cluster.nodes.delete('demo-gateway-1');
	t.is(await program.ended, 0);
});

test('the only Ready gateway keeps its address until it is removed', async (t) => {
	const cluster = clusterOf(1, 1, 1);
	cluster.add('demo-gateway-1', { ready: false });
	const { program, services } = await leave(t, cluster, 'demo-gateway-0');
	await asked(program, cluster, 'demo-gateway-0');
	setTimeout(() => cluster.nodes.delete('demo-gateway-0'), 500);
	t.is(await program.ended, 0);
	t.true(services.active.has('keepalived'));
});

test('a master releases the address, stops its control plane once it is drained, and etcd at the end', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2');
	await until(program, () => !services.active.has('keepalived'), 'the address moves');
	t.true(services.active.has('kube-apiserver'));
	const { metadata } = cluster.nodes.get('demo-master-2') as {
		metadata: { annotations: Record<string, string> };
	};
	metadata.annotations['kstack.io/leave-state'] = 'drained';
	await until(
		program,
		() => metadata.annotations['kstack.io/leave-silent'] === 'true',
		'its control plane has stopped',
	);
	t.true(services.active.has('etcd'));
	t.is(cluster.asked('demo-master-2'), 'leave');
	cluster.nodes.delete('demo-master-2');
	t.is(await program.ended, 0);
	t.deepEqual(steps(cluster), [
		'demo-master-2 requests removal',
		'stop keepalived',
		'stop kube-scheduler',
		'stop kube-controller-manager',
		'stop kube-apiserver',
		'demo-master-2 has stopped its control plane',
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

test('a master that cannot leave starts the services that it has stopped', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2');
	await asked(program, cluster, 'demo-master-2');
	const { metadata } = cluster.nodes.get('demo-master-2') as {
		metadata: { annotations: Record<string, string> };
	};
	metadata.annotations['kstack.io/leave-state'] = 'drained';
	await until(
		program,
		() => metadata.annotations['kstack.io/leave-silent'] === 'true',
		'its control plane has stopped',
	);
	answers(cluster, 'demo-master-2', 'failed: the etcd snapshot failed');
	t.is(await program.ended, 1);
	for (const service of ['keepalived', ...controlPlane]) t.true(services.active.has(service), service);
});

test('a master keeps the address and its control plane while no other master is Ready', async (t) => {
	const cluster = clusterOf(1, 1);
	cluster.add('demo-master-1', { ready: false });
	const { program, services } = await leave(t, cluster, 'demo-master-0');
	await asked(program, cluster, 'demo-master-0');
	answers(cluster, 'demo-master-0', 'failed: etcd would lose its quorum');
	t.is(await program.ended, 1);
	t.false(cluster.done.some((line) => line.startsWith('stop')));
	t.true(services.active.has('keepalived'));
});

test('the last master waits until the other nodes are gone, also those that have not asked yet, and stops nothing', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.ask('demo-minion-0', 'leave');
	const { program, services } = await leave(t, cluster, 'demo-master-0');
	await until(program, () => /this one leaves last/.test(program.output()), 'it knows that it is the last');
	await until(program, () => cluster.asked('demo-master-0') === undefined, 'its request is cancelled');
	let over = false;
	program.ended.then(() => {
		over = true;
	});
	for (const name of ['demo-minion-0', 'demo-minion-1']) {
		await new Promise((resolve) => setTimeout(resolve, 1000));
		t.false(over, `${name} is still there`);
		cluster.nodes.delete(name);
	}
	t.is(await program.ended, 0);
	t.false(cluster.done.some((line) => line.startsWith('stop')));
	t.true(services.active.has('kube-apiserver'));
});

test('the last master does not wait for a node that is down, or is not of its cluster', async (t) => {
	const cluster = clusterOf(1, 0);
	cluster.add('demo-minion-0', { ready: false });
	cluster.add('other-minion-0');
	const { program } = await leave(t, cluster, 'demo-master-0');
	t.is(await program.ended, 0);
});

test('the last master stays if other nodes stay', async (t) => {
	const cluster = clusterOf(1, 1);
	const inputs = { drain_timeout: '0' };
	const { program, services } = await leave(t, cluster, 'demo-master-0', { inputs, margin: 2 });
	t.is(await program.ended, 1);
	t.regex(program.output(), /this is the last master, and 1 other nodes are still in the cluster after 2 s/);
	t.true(services.active.has('kube-apiserver'));
	t.is(cluster.nodes.get('demo-master-0')?.metadata.annotations['kstack.io/leave-last'], undefined);
});

test('if all masters leave, one whose API ends with the others is deleted', async (t) => {
	const cluster = clusterOf(1, 1);
	const { program } = await leave(t, cluster, 'demo-master-0', { apiTimeout: 1 });
	await until(program, () => /this one leaves last/.test(program.output()), 'it knows that it is the last');
	cluster.answers = false;
	t.is(await program.ended, 0);
	t.regex(program.output(), /the other masters are gone, too/);
});

test('masters that all know that they are the last do not wait for each other', async (t) => {
	const cluster = clusterOf(2, 1);
	cluster.ask('demo-master-1', 'leave');
	const { program } = await leave(t, cluster, 'demo-master-0');
	await until(program, () => /this one leaves last/.test(program.output()), 'it knows that it is the last');
	// The other has read the nodes at the same time, and knows it too.
	const other = cluster.nodes.get('demo-master-1')?.metadata;
	delete other?.labels['kstack.io/leave'];
	if (other !== undefined) other.annotations['kstack.io/leave-last'] = 'true';
	cluster.nodes.delete('demo-minion-0');
	t.is(await program.ended, 0);
});

test('of masters that leave together at least one knows that it is the last', async (t) => {
	const cluster = clusterOf(2, 0);
	const both = await Promise.all(
		['demo-master-0', 'demo-master-1'].map((name) =>
			leave(t, cluster, name, { inputs: { drain_timeout: '0' }, margin: 5 }),
		),
	);
	await Promise.all(both.map(({ program }) => program.ended));
	t.true(both.some(({ program }) => /this one leaves last/.test(program.output())));
	t.true(both.some(({ services }) => services.active.has('keepalived')));
});

test('a server that never became a node is deleted without a request', async (t) => {
	const cluster = clusterOf(1, 1);
	const { program } = await leave(t, cluster, 'demo-minion-1', { joined: false });
	t.is(await program.ended, 0);
	t.regex(program.output(), /never became a node/);
	t.deepEqual(cluster.done, []);
});

test('a master that joined etcd and never became a node removes its member', async (t) => {
	const cluster = clusterOf(3, 0);
	cluster.nodes.delete('demo-master-2');
	(cluster.members[2] as FakeMember).address = '10.0.0.11';
	const peers = ['demo-master-2=https://10.0.0.11:2380', 'demo-master-1=https://demo-master-1:2380'];
	const etcdctl = cluster.etcdctl;
	const at = new Set<string | undefined>();
	cluster.etcdctl = (args) => {
		at.add(args.find((arg) => arg.startsWith('--endpoints=')));
		return etcdctl(args);
	};
	const { program } = await leave(t, cluster, 'demo-master-2', {
		joined: false,
		etcdEnv: `ETCD_NAME=demo-master-2\nETCD_INITIAL_CLUSTER=${peers.join(',')}\n`,
	});
	t.is(await program.ended, 0);
	t.deepEqual(cluster.done, ['member remove id2']);
	t.deepEqual([...at], ['--endpoints=https://demo-master-1:2379'], 'its own member is not asked');
});

test('a master whose etcd member has not started, or whose Node object is gone, removes its member itself', async (t) => {
	for (const isNode of [true, false]) {
		const cluster = clusterOf(3, 0);
		(cluster.members[2] as FakeMember).address = '10.0.0.11';
		if (!isNode) cluster.nodes.delete('demo-master-2');
		const { program } = await leave(t, cluster, 'demo-master-2', {
			etcdEnv:
				'ETCD_INITIAL_CLUSTER=demo-master-1=https://demo-master-1:2380,demo-master-2=https://10.0.0.11:2380\n',
		});
		if (isNode) {
			await asked(program, cluster, 'demo-master-2');
			cluster.nodes.delete('demo-master-2');
		}
		t.is(await program.ended, 0);
		t.is(cluster.done.filter((line) => line === 'member remove id2').length, 1);
		t.true(cluster.done.indexOf('member remove id2') < cluster.done.indexOf('stop etcd'));
	}
});

test('the only master, which never became a node, removes no member', async (t) => {
	const cluster = clusterOf(1, 0);
	const { program } = await leave(t, cluster, 'demo-master-0', {
		joined: false,
		etcdEnv: 'ETCD_INITIAL_CLUSTER=demo-master-0=https://10.0.0.11:2380\n',
	});
	t.is(await program.ended, 0);
	t.is(cluster.members.length, 1);
});

test('without an answer of the API until the timeout, the server stays, and the message says what to do', async (t) => {
	for (const [name, service] of [
		['demo-minion-1', 'kubelet'],
		['demo-master-2', 'keepalived'],
	] as const) {
		const cluster = clusterOf(3, 2);
		cluster.answers = false;
		const { program, services } = await leave(t, cluster, name, { apiTimeout: 1 });
		t.is(await program.ended, 1);
		t.regex(
			program.output(),
			new RegExp(
				`^no answer from the API at 10\\.0\\.0\\.5 for 1 s: ${name} was not drained, and stays\\. .*openstack server delete ${name}\\. Unable to connect`,
			),
		);
		t.true(services.active.has(service));
	}
});

test('a node that nests its object deep, or writes odd values into it, keeps no other from leaving', async (t) => {
	const cluster = clusterOf(1, 2);
	const odd = cluster.nodes.get('demo-minion-0') as unknown as Record<string, Record<string, unknown>>;
	let deep: unknown = {};
	for (let level = 0; level < 3000; level++) deep = { a: deep };
	Object.assign(odd.metadata as object, { managedFields: [{ fieldsV1: deep }], annotations: 'a\nb' });
	odd.status = { conditions: [{ type: 'Ready', status: 'True\n9 9 9' }, 7, null] as unknown[] };
	const { program } = await leave(t, cluster, 'demo-minion-1');
	await asked(program, cluster, 'demo-minion-1');
	cluster.nodes.delete('demo-minion-1');
	t.is(await program.ended, 0);
	const last = await leave(t, cluster, 'demo-master-0');
	t.is(await last.program.ended, 0);
});

test('an API that does not answer for a moment is asked again', async (t) => {
	const cluster = clusterOf(1, 2);
	const { program } = await leave(t, cluster, 'demo-minion-1', { apiTimeout: 30 });
	await asked(program, cluster, 'demo-minion-1');
	cluster.answers = false;
	await new Promise((resolve) => setTimeout(resolve, 1000));
	cluster.nodes.delete('demo-minion-1');
	cluster.answers = true;
	t.is(await program.ended, 0);
	t.is(program.output(), 'demo-minion-1 was removed from the cluster\n');
});

test('if the API denies the request, the server stays, and the error is printed', async (t) => {
	const cluster = clusterOf(1, 2);
	cluster.kubectl = () => ({ code: 1, stderr: 'Error from server (Forbidden): nodes "x" is forbidden\n' });
	const { program } = await leave(t, cluster, 'demo-minion-1');
	t.is(await program.ended, 1);
	t.is(
		program.output(),
		'request denied by the API: Error from server (Forbidden): nodes "x" is forbidden\n',
	);
});

test('a node that no master removes times out and cancels its request', async (t) => {
	const cluster = clusterOf(3, 1);
	const { program, services } = await leave(t, cluster, 'demo-master-2', {
		inputs: { drain_timeout: '0' },
		margin: 2,
	});
	t.is(await program.ended, 1);
	t.regex(program.output(), /timed out: .*demo-master-2.* 2 s/);
	t.is(cluster.asked('demo-master-2'), undefined);
	t.true(services.active.has('keepalived'));
});

test('if the request is cancelled, the server stays', async (t) => {
	const cluster = clusterOf(1, 2);
	const { program } = await leave(t, cluster, 'demo-minion-1');
	await asked(program, cluster, 'demo-minion-1');
	delete cluster.nodes.get('demo-minion-1')?.metadata.labels['kstack.io/leave'];
	t.is(await program.ended, 1);
	t.regex(program.output(), /demo-minion-1 was cancelled/);
});

test('a node whose Node object is already deleted only stops its services', async (t) => {
	const cluster = clusterOf(1, 1);
	const { program, services } = await leave(t, cluster, 'demo-minion-1');
	t.is(await program.ended, 0);
	t.false(services.active.has('kubelet'));
});
