// The life of a cluster of three masters, two minions and two gateways, in the order in which it is lived.
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type Api, apiOf } from './api.ts';
import { ask, attempt, type Ended, eventually, inNode, openstack, succeed } from './cloud.ts';
import { inWords, meanwhile } from './loop.ts';

const manifest = new URL('../fixtures/answering.yaml', import.meta.url).pathname;
let folder: string;
let api: Api;

const kstack = (words: string): Promise<Ended> => attempt('kstack', words.split(' '), folder);

/** kstack that is to succeed; its words are told when it does not. */
async function done(words: string): Promise<string> {
	const { code, stdout, stderr } = await kstack(words);
	if (code !== 0) throw new Error(`kstack ${words}: exit ${code}\n${stdout}\n${stderr}`);
	return stdout + stderr;
}

const kubectl = (...args: string[]) =>
	succeed('kubectl', ['--kubeconfig', path.join(folder, 'ha/kubeconfig'), ...args]);

interface Member {
	readonly name: string;
	readonly server: string;
	readonly address: string;
}

async function members(role: string): Promise<Member[]> {
	const { output_value } = await ask<{ output_value: Member[] }>('stack', 'output', 'show', 'ha', role);
	return output_value;
}

const named = async (role: string) => (await members(role)).map(({ name }) => name).sort();

/** Nodes by whether they are Ready. */
async function nodes(): Promise<Record<string, boolean>> {
	const lines = (await kubectl('get', 'nodes', '--no-headers', '--request-timeout=5s')).trim().split('\n');
	return Object.fromEntries(
		lines.map((line) => line.split(/\s+/)).map(([name, state]) => [name, /^Ready/.test(state ?? '')]),
	);
}

/** The IDs of all servers, by name: what must not change unasked. */
async function servers(): Promise<Record<string, string>> {
	const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', '^ha-');
	return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
}

/** etcd's members as one of the masters knows them. */
async function etcdMembers(master: string): Promise<string[]> {
	const pki = '/etc/kubernetes/pki';
	const certificates = [
		`--cacert=${pki}/etcd-ca.crt`,
		`--cert=${pki}/apiserver-etcd-client.crt`,
		`--key=${pki}/apiserver-etcd-client.key`,
	];
	const etcdctl = (...words: string[]) =>
		inNode(
			master,
			'env',
			'ETCDCTL_API=3',
			'etcdctl',
			'--endpoints=https://127.0.0.1:2379',
			...certificates,
			...words,
		);
	const list = await etcdctl('member', 'list');
	const health = await etcdctl('endpoint', 'health', '--cluster');
	if (list.code !== 0 || health.code !== 0) throw new Error(`${list.stderr}\n${health.stderr}`);
	return list.stdout
		.trim()
		.split('\n')
		.map((line) => line.split(', '))
		.map(([, state, name, , , learner]) => `${name} ${state} ${learner}`)
		.sort();
}

const healthy = (masters: readonly string[]) => masters.map((name) => `${name} started false`).sort();

/** The master that holds the API's address. */
async function holder(): Promise<string> {
	const [port] = await ask<{ 'Fixed IP Addresses': { ip_address: string }[] }[]>(
		'port',
		'list',
		'--name',
		'ha-api',
	);
	const address = port?.['Fixed IP Addresses'][0]?.ip_address as string;
	for (const { name } of await members('masters')) {
		if ((await inNode(name, 'ip', '-o', 'addr', 'show', 'to', address)).stdout !== '') return name;
	}
	throw new Error(`no master holds ${address}`);
}

/** Remembers where the gateways are reached from outside. */
async function learnGatewayAddress(): Promise<void> {
	const { output_value: address } = await ask<{ output_value: string }>(
		'stack',
		'output',
		'show',
		'ha',
		'gateway_address',
	);
	gatewayAddress = address;
}
let gatewayAddress = '';

const request = () =>
	new Promise<void>((resolve, reject) => {
		const call = get({ host: gatewayAddress, port: 8080, agent: false, timeout: 3000 }, (answer) => {
			answer.resume();
			answer.on('end', () =>
				answer.statusCode === 200 ? resolve() : reject(new Error(`answer ${answer.statusCode}`)),
			);
			answer.on('error', reject);
		});
		call.on('timeout', () => call.destroy(new Error('no answer within 3 s')));
		call.on('error', reject);
	});

/** Nodes that carry one of the two web servers. */
const carriers = async () =>
	(await kubectl('get', 'pods', '-l', 'app=answering', '-o', 'jsonpath={.items[*].spec.nodeName}')).split(
		' ',
	);

async function bothAnswer(): Promise<void> {
	await kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/answering');
	await kubectl('rollout', 'status', '--timeout=120s', 'deployment/answering');
}

test.before(async () => {
	folder = await mkdtemp(path.join(tmpdir(), 'kstack-ha-'));
	await kstack('delete ha'); // of a run that was killed
});

test.after.always(async (t) => {
	const { code, stdout, stderr } = await kstack('delete ha');
	if (code !== 0) t.log(stdout, stderr);
	await rm(folder, { recursive: true, force: true });
});

test.serial('seven machines become a cluster of three masters, two minions and two gateways', async (t) => {
	const began = Date.now();
	await done('create ha --masters 3 --minions 2 --gateways 2');
	t.log(`created in ${Math.round((Date.now() - began) / 1000)} s`);
	api = await apiOf(path.join(folder, 'ha/kubeconfig'));
	const ready = await nodes();
	t.is(Object.keys(ready).length, 7);
	t.true(Object.values(ready).every(Boolean), JSON.stringify(ready));
	const masters = await named('masters');
	t.deepEqual(await etcdMembers('ha-master-0'), healthy(masters));
	await learnGatewayAddress();
});

test.serial('a Service is reached through every gateway and through their shared address', async (t) => {
	await kubectl('apply', '-f', manifest);
	await bothAnswer();
	await eventually(60, request);
	const status = await eventually(30, async () => {
		const text = await kubectl(
			'get',
			'service',
			'answering',
			'-o',
			'jsonpath={.status.loadBalancer.ingress[*].ip}',
		);
		if (text.split(' ').length < 4) throw new Error(`addresses: ${text}`);
		return text.split(' ');
	});
	t.true(status.includes(gatewayAddress));
	for (const { address } of await members('gateways')) {
		t.true(status.includes(address), `${address} is among ${status}`);
		t.is((await inNode('ha-minion-0', 'curl', '-sf', '-m', '5', `http://${address}:8080/`)).code, 0, address);
	}
});

test.serial('a new master needs a token that is still known', async (t) => {
	const secrets = await kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'name');
	t.true(secrets.includes('secret/kstack-pki'));
	const tokens = await kubectl(
		...['-n', 'kube-system', 'get', 'secrets', '--field-selector', 'type=bootstrap.kubernetes.io/token'],
		...[
			'-o',
			'jsonpath={range .items[*]}{.data.auth-extra-groups} {.metadata.name} {.data.expiration}{"\\n"}{end}',
		],
	);
	const ofMasters = Buffer.from('system:bootstrappers:kstack-masters').toString('base64');
	const line = tokens.split('\n').find((text) => text.startsWith(ofMasters));
	t.truthy(line, tokens);
	const [, name, expiration] = (line as string).split(' ');
	t.true(Date.parse(Buffer.from(expiration as string, 'base64').toString()) > Date.now());
	await kubectl('-n', 'kube-system', 'delete', 'secret', name as string);
	await eventually(60, async () => {
		const left = await kubectl('-n', 'kube-system', 'get', 'secrets', '-o', 'name');
		if (left.includes('kstack-pki')) throw new Error('the PKI is still there');
	});
	t.pass();
});

test.serial(
	'a master that dies takes no acknowledged write with it, and the API stays at its address',
	async (t) => {
		const victim = await holder();
		const acknowledged: number[] = [];
		const asked = await meanwhile(
			async (turn) => {
				const body = {
					apiVersion: 'v1',
					kind: 'ConfigMap',
					metadata: { name: `write-${turn}`, labels: { of: 'loop' } },
				};
				await api('POST', '/api/v1/namespaces/default/configmaps', body);
				acknowledged.push(turn);
				await api('GET', `/api/v1/namespaces/default/configmaps/write-${turn}`);
			},
			100,
			async () => {
				await new Promise((resolve) => setTimeout(resolve, 3000));
				await openstack('server', 'stop', victim);
				await new Promise((resolve) => setTimeout(resolve, 45_000));
			},
		);
		t.log(`writing through the API's address while ${victim} is powered off: ${inWords(asked)}`);
		t.true(acknowledged.length > 0);
		// etcd may be electing a leader once more on a machine that is busy.
		const loop = '/api/v1/namespaces/default/configmaps?labelSelector=of%3Dloop';
		const { items } = JSON.parse(await eventually(30, () => api('GET', loop))) as {
			items: { metadata: { name: string } }[];
		};
		const kept = new Set(items.map(({ metadata }) => metadata.name));
		t.deepEqual(
			acknowledged.filter((turn) => !kept.has(`write-${turn}`)),
			[],
		);
		await eventually(30, () => api('DELETE', loop));
	},
);

test.serial('the minion that is named leaves, and nobody outside notices', async (t) => {
	await done('scale ha --minions +1');
	await bothAnswer();
	const [victim] = await carriers();
	const before = await servers();
	const asked = await meanwhile(request, 50, () => done(`scale ha --minions -1 --remove ${victim} --yes`));
	t.log(`through a gateway while ${victim} leaves: ${inWords(asked)}`);
	t.deepEqual(asked.failures, []);
	t.false((victim as string) in (await nodes()));
	const after = await servers();
	const { [victim as string]: _, ...rest } = before;
	t.deepEqual(after, rest);
});

test.serial('the same when the plain client shrinks the stack', async (t) => {
	await bothAnswer();
	const minions = await members('minions');
	const victim = minions
		.map(({ name }) => name)
		.sort()
		.at(-1) as string;
	t.true((await carriers()).includes(victim));
	const count = minions.length - 1;
	const asked = await meanwhile(request, 50, () =>
		openstack('stack', 'update', '--existing', '--parameter', `minion_count=${count}`, '--wait', 'ha'),
	);
	t.log(`through a gateway while ${victim} leaves: ${inWords(asked)}`);
	t.deepEqual(asked.failures, []);
	t.false(victim in (await nodes()));
	t.false(victim in (await servers()));
});

test.serial('a minion that was powered off before is removed as well', async (t) => {
	await done('scale ha --minions +1');
	const victim = (await named('minions')).at(-1) as string;
	await openstack('server', 'stop', victim);
	await done(`scale ha --remove ${victim} --yes`);
	t.false(victim in (await nodes()));
	t.false(victim in (await servers()));
});
