// A cluster of three masters, three minions and two gateways: creation, failures, scaling, upgrade, in this order.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { type Api, apiOf } from '../../api.ts';
import { eventually, inNode, openstack, root } from '../../cloud.ts';
import { uploadChangedImage } from '../../image.ts';
import { meanwhile, type Requests, summary } from '../../loop.ts';
import { OwnCluster } from '../../own-cluster.ts';
import { conversation, requestTo } from '../../traffic.ts';
import { writesWhile } from '../../writes.ts';

const manifest = (name: string) => path.join(root, 'test/fixtures', `${name}.yaml`);
let ha: OwnCluster;
let api: Api;
let gatewayAddress: string;

/** Requests a page from the web servers, through the shared address of the gateways. */
const request = () => requestTo(gatewayAddress, 8080)();

/** Sends one request to the API. */
const requestApi = async () => {
	await api('GET', '/api/v1/namespaces/default');
};

/** The nodes with one of the two web servers. */
const nodesWithReplica = async () =>
	(await ha.kubectl('get', 'pods', '-l', 'app=answering', '-o', 'jsonpath={.items[*].spec.nodeName}')).split(
		' ',
	);

async function waitForReplicas(): Promise<void> {
	await ha.kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/answering');
	await ha.kubectl('rollout', 'status', '--timeout=120s', 'deployment/answering');
}

test.before(async () => {
	ha = await OwnCluster.named('ha');
});

test.after.always(async (t) => {
	const errors = await ha.end();
	if (errors !== '') t.log(errors);
	if (imageB !== '') await openstack('image', 'delete', imageB);
});

test.serial('a cluster of three masters, three minions and two gateways is created', async (t) => {
	const began = Date.now();
	await ha.done('create ha --masters 3 --minions 3 --gateways 2');
	t.log(`created in ${Math.round((Date.now() - began) / 1000)} s`);
	api = await apiOf(ha.kubeconfig);
	const ready = await ha.nodes();
	t.is(Object.keys(ready).length, 8);
	t.true(Object.values(ready).every(Boolean), JSON.stringify(ready));
	t.deepEqual(await ha.etcdMembers(), await ha.mastersAsEtcdMembers());
	gatewayAddress = await ha.output<string>('gateway_address');
});

test.serial('a Service is reachable through every gateway and through their shared address', async (t) => {
	await ha.kubectl('apply', '-f', manifest('answering'));
	await waitForReplicas();
	await eventually(60, request);
	const status = await eventually(30, async () => {
		const text = await ha.kubectl(
			...['get', 'service', 'answering', '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}'],
		);
		if (text.split(' ').length < 4) throw new Error(`addresses: ${text}`);
		return text.split(' ');
	});
	t.true(status.includes(gatewayAddress));
	for (const { address } of await ha.members('gateway')) {
		t.true(status.includes(address), `${address} is among ${status}`);
		t.is((await inNode('ha-minion-0', 'curl', '-sf', '-m', '5', `http://${address}:8080/`)).code, 0, address);
	}
});

/** Creates Services for the two web servers, each at a port of the gateways. */
async function expose(services: Iterable<readonly [string, number]>, annotations: object = {}) {
	const items = [...services].map(([name, port]) => ({
		apiVersion: 'v1',
		kind: 'Service',
		metadata: { name, labels: { of: 'crowd' }, annotations },
		spec: { type: 'LoadBalancer', selector: { app: 'answering' }, ports: [{ port, targetPort: 80 }] },
	}));
	const file = path.join(ha.folder, 'services.json');
	await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
	await ha.kubectl('apply', '-f', file);
}

/** Fails unless all ports of an address are reachable from a node of the cluster. */
const answerAt = (address: string, ports: Iterable<number>) =>
	eventually(30, async () => {
		const urls = [...ports].map((port) => `http://${address}:${port}/`);
		const result = await inNode('ha-master-0', 'curl', '-sSf', '--fail-early', '-m', '3', ...urls);
		if (result.code !== 0) throw new Error(`${address}: ${result.stderr}`);
	});

const refusedAt = (address: string, port: number) =>
	eventually(30, async () => {
		const result = await inNode('ha-master-0', 'curl', '-s', '-m', '3', `http://${address}:${port}/`);
		if (result.code !== 7)
			throw new Error(`${address}:${port} is not refused (curl's exit code ${result.code})`);
	});

const hasEvent = (service: string, reason: string) =>
	eventually(30, async () => {
		const events = await ha.kubectl(
			...['get', 'events', '--field-selector', `involvedObject.name=${service}`],
			...['-o', 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}'],
		);
		const line = events.split('\n').find((text) => text.startsWith(`${reason}: `));
		if (line === undefined) throw new Error(`events of ${service}: ${events}`);
		return line;
	});

test.serial(
	'twenty Services are created, changed and deleted; invalid ones get an Event and do not affect others',
	async (t) => {
		await ha.kubectl('apply', '-f', manifest('echo'));
		await ha.kubectl('wait', '--for=condition=Available', '--timeout=60s', 'deployment/echo');
		await eventually(60, () => conversation(gatewayAddress, 7000, () => setTimeout(1000)));
		const crowd = new Map(Array.from({ length: 20 }, (_, index) => [`crowd-${index}`, 9000 + index]));
		const left = new Set<number>();
		const random = (below: number) => Math.floor(Math.random() * below);
		const talk = await conversation(gatewayAddress, 7000, async () => {
			await expose(crowd);
			for (let turn = 0; turn < 12; turn++) {
				const name = `crowd-${random(20)}`;
				const port = crowd.get(name);
				t.log(
					`turn ${turn}: ${name} at ${port ?? 'no port'} ${turn % 3 === 2 ? 'is deleted' : 'changes its port'}`,
				);
				if (port !== undefined) left.add(port);
				if (turn % 3 === 2) {
					crowd.delete(name);
					await ha.kubectl('delete', 'service', name, '--ignore-not-found');
				} else {
					crowd.set(name, 9100 + turn);
					await expose([[name, 9100 + turn]]);
				}
			}
			const [[first, taken] = ['', 0]] = crowd;
			await expose([
				['late', taken],
				['later', taken],
				['reserved', 22],
			]);
			await expose([['malformed', 9200]], { 'kstack.io/gateway-proxy-protocol': 'v9' });
			t.regex(await hasEvent('late', 'PortTaken'), new RegExp(first));
			t.regex(await hasEvent('later', 'PortTaken'), new RegExp(first));
			await hasEvent('reserved', 'PortReserved');
			await hasEvent('malformed', 'WrongAnnotation');
			for (const { address } of await ha.members('gateway')) {
				await answerAt(address, [...crowd.values(), 8080]);
				for (const port of [...left, 9200]) await refusedAt(address, port);
			}
		});
		t.log(`one connection repeated ${talk.sent} lines meanwhile`);
		t.is(talk.ended, undefined);
		await ha.kubectl('delete', 'service', '-l', 'of=crowd');
		await ha.kubectl('delete', '-f', manifest('echo'));
	},
);

test.serial('the PKI is deleted with the master token', async (t) => {
	const secrets = () => ha.kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'name');
	t.true((await secrets()).includes('secret/kstack-pki'));
	const tokens = await ha.kubectl(
		...[
			'-n',
			'kube-system',
			'get',
			'secrets',
			'--field-selector',
			'type=bootstrap.kubernetes.io/token',
			'-o',
		],
		'jsonpath={range .items[*]}{.data.auth-extra-groups} {.metadata.name} {.data.expiration}{"\\n"}{end}',
	);
	const ofMasters = Buffer.from('system:bootstrappers:kstack-masters').toString('base64');
	const line = tokens.split('\n').find((text) => text.startsWith(ofMasters));
	t.truthy(line, tokens);
	const [, name, expiration] = (line as string).split(' ');
	t.true(Date.parse(Buffer.from(expiration as string, 'base64').toString()) > Date.now());
	await ha.kubectl('-n', 'kube-system', 'delete', 'secret', name as string);
	await eventually(60, async () => {
		if ((await secrets()).includes('kstack-pki')) throw new Error('the PKI is still there');
	});
	t.pass();
});

let dead: string;

test.serial('no acknowledged write is lost when a master fails, and the API stays available', async (t) => {
	dead = await ha.holder();
	const writes = await writesWhile(api, async () => {
		await setTimeout(3000);
		await openstack('server', 'stop', dead);
		await setTimeout(45_000);
	});
	t.log(`writes through the API address while ${dead} is powered off: ${summary(writes)}`);
	t.true(writes.acknowledged > 0);
	t.deepEqual(writes.lost, []);
});

test.serial('the dead master is replaced, and etcd has three healthy members again', async (t) => {
	const before = await ha.servers();
	await ha.done(`replace ha ${dead} --yes`);
	const masters = await ha.names('master');
	t.is(masters.length, 3);
	t.false(masters.includes(dead));
	t.deepEqual(await ha.etcdMembers(), await ha.mastersAsEtcdMembers());
	t.false(dead in (await ha.nodes()));
	const after = await ha.servers();
	const { [dead]: gone, ...rest } = before;
	for (const [name, id] of Object.entries(rest)) t.is(after[name], id, name);
	t.false(Object.values(after).includes(gone as string));
});

test.serial('the named minion is removed, and no request from outside fails', async (t) => {
	await waitForReplicas();
	const [victim] = (await nodesWithReplica()) as [string];
	const { [victim]: _, ...rest } = await ha.servers();
	const toApi = await meanwhile(request, 50, () => ha.done(`scale ha --minions -1 --remove ${victim} --yes`));
	t.log(`requests through a gateway while ${victim} is removed: ${summary(toApi)}`);
	t.deepEqual(toApi.failures, []);
	t.false(victim in (await ha.nodes()));
	t.deepEqual(await ha.servers(), rest);
});

test.serial('the same with the plain client', async (t) => {
	await waitForReplicas();
	const minions = await ha.names('minion');
	const victim = minions.at(-1) as string;
	t.true((await nodesWithReplica()).includes(victim));
	const count = `minion_count=${minions.length - 1}`;
	const toApi = await meanwhile(request, 50, () =>
		openstack('stack', 'update', '--existing', '--parameter', count, '--wait', 'ha'),
	);
	t.log(`requests through a gateway while ${victim} is removed: ${summary(toApi)}`);
	t.deepEqual(toApi.failures, []);
	t.false(victim in (await ha.nodes()));
	t.false(victim in (await ha.servers()));
});

test.serial('three masters are reduced to one, and the API keeps its address', async (t) => {
	const before = await ha.servers();
	const toApi = await meanwhile(requestApi, 100, () => ha.done('scale ha --masters 1 --yes'));
	t.log(`requests to the API meanwhile: ${summary(toApi)}`);
	t.is((await ha.names('master')).length, 1);
	t.deepEqual(await ha.etcdMembers(), await ha.mastersAsEtcdMembers());
	t.is(Object.keys(await ha.nodes()).filter((name) => name.startsWith('ha-master')).length, 1);
	for (const [name, id] of Object.entries(await ha.servers())) t.is(before[name], id, name);
});

/** Starts an upgrade, and sends SIGINT once its output matches. */
function interruptedUpgrade(image: string, at: RegExp): Promise<{ code: number | null; stderr: string }> {
	return new Promise((resolve, reject) => {
		const upgrade = spawn('kstack', ['upgrade', 'ha', '--image', image, '--yes'], { cwd: ha.folder });
		let stderr = '';
		let pressed = false;
		upgrade.stderr.on('data', (data) => {
			stderr += String(data);
			if (pressed || !at.test(stderr)) return;
			pressed = true;
			upgrade.kill('SIGINT');
		});
		upgrade.on('error', reject);
		upgrade.on('close', (code) => resolve({ code, stderr }));
	});
}

/** Runs `use` while requests are sent through the gateways and to the API. */
async function watched(use: () => Promise<void>): Promise<{ gateway: Requests; toApi: Requests }> {
	let toApi: Requests | undefined;
	const gateway = await meanwhile(request, 50, async () => {
		toApi = await meanwhile(requestApi, 100, use);
	});
	return { gateway, toApi: toApi as Requests };
}

const imageMarker = async (node: string) => (await inNode(node, 'cat', '/etc/issue.net')).stdout.trim();

let imageB = '';

test.serial('a pool with a label and a taint is added to the cluster', async (t) => {
	const before = await ha.servers();
	const file = path.join(ha.folder, 'ha/cluster.yaml');
	const pool =
		"{name: extra, count: 1, labels: {kstack-test: 'yes'}, taints: ['kstack-test/pool=extra:NoSchedule']}";
	await writeFile(file, `${await readFile(file, 'utf8')}pools:\n  - ${pool}\n`);
	await ha.done('update ha');
	const { 'ha-extra-0': added, ...rest } = await ha.servers();
	t.truthy(added);
	t.deepEqual(rest, before);
	await t.notThrowsAsync(hasMarks('ha-extra-0'));
});

/** Fails unless a node has the label and the taint of its pool. */
const hasMarks = (node: string) =>
	eventually(60, async () => {
		const columns = 'jsonpath={.metadata.labels.kstack-test} {.spec.taints[*].key}';
		const marks = await ha.kubectl('get', 'node', node, '-o', columns);
		if (marks !== 'yes kstack-test/pool') throw new Error(`${node}: ${marks}`);
	});

test.serial('an interrupted upgrade is resumed, and no request fails', async (t) => {
	imageB = await uploadChangedImage('image-b', { '/etc/issue.net': 'image B\n' });
	await waitForReplicas();
	const { gateway, toApi } = await watched(async () => {
		const interrupted = await interruptedUpgrade(imageB, /minion-g2-\d: Ready/);
		t.is(interrupted.code, 130, interrupted.stderr);
		await ha.idle();
		await ha.done(`upgrade ha --image ${imageB} --yes`);
	});
	t.log(`requests through a gateway meanwhile: ${summary(gateway)}`);
	t.log(`requests to the API meanwhile: ${summary(toApi)}`);
	t.deepEqual(gateway.failures, []);
	const names = Object.keys(await ha.nodes());
	t.true(
		names.every((name) => /^ha-\w+-g2-\d+$/.test(name)),
		names.join(' '),
	);
	for (const name of names) t.is(await imageMarker(name), 'image B', name);
	t.true(names.includes('ha-extra-g2-0'), names.join(' '));
	await t.notThrowsAsync(hasMarks('ha-extra-g2-0'));
});
