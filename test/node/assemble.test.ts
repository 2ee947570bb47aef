import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { assemble, node, operator, started, step } from '../support/assembling.ts';

test('a master assembles itself from nothing, step by step, and says so once', async (t) => {
	const { run, root, file, asked } = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	const { code, stdout, stderr } = await run(assemble);
	t.is(code, 0, stdout + stderr);
	const steps = (await readdir(path.join(root, 'etc/kstack/assemble.d'))).sort();
	t.deepEqual(
		[...stdout.matchAll(/^step (\S+)$/gm)].map(([, name]) => name),
		steps,
	);
	t.deepEqual(started(await asked('systemctl')), [
		...['containerd', 'kstack-metadata-guard', 'kstack-pods', 'kstack-images', 'etcd', 'kube-apiserver'],
		...['kube-controller-manager', 'kube-scheduler', 'kstack-nodes', 'keepalived', 'kubelet', 'kube-proxy'],
		'kstack-routes',
	]);
	const signals = (await file('signals')).match(/^== .*/gm);
	t.deepEqual(signals, [
		'== SUCCESS signed certificates ca',
		'== SUCCESS signed certificates operator',
		'== SUCCESS assembled ready',
	]);
	t.true(existsSync(path.join(root, 'var/lib/kstack/assembled')));
	for (const secret of ['abcdef.0123456789abcdef', '0123456789abcdef', 'PRIVATE KEY']) {
		t.false(stdout.includes(secret) || stderr.includes(secret), 'the journal holds no secret');
		t.false((await file('asked')).includes(secret), 'nor does a command line');
		t.false((await file('signals')).includes(secret), 'nor does a signal');
	}
});

test('what a master writes can be read by those it is for, and its secrets by root alone', async (t) => {
	const { run, root, file } = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	const { code, stdout, stderr } = await run(assemble);
	t.is(code, 0, stdout + stderr);
	const pki = path.join(root, 'etc/kubernetes/pki');
	for (const name of ['controller-manager', 'scheduler', 'admin', 'bootstrap']) {
		const config = load(await file(`etc/kubernetes/${name}.conf`)) as {
			clusters: { cluster: { server: string } }[];
			users: { user: Record<string, string> }[];
		};
		const own = name === 'bootstrap' ? 'https://10.0.0.5:6443' : 'https://127.0.0.1:6443';
		t.is(config.clusters[0]?.cluster.server, own);
		const user = config.users[0]?.user ?? {};
		if (name === 'bootstrap') t.deepEqual(user, { token: 'abcdef.0123456789abcdef' });
		else for (const place of Object.values(user)) t.true(existsSync(place), place);
		t.is((await stat(path.join(root, 'etc/kubernetes', `${name}.conf`))).mode & 0o777, 0o600, name);
	}
	t.like(load(await file('etc/kubernetes/kubelet.yaml')), {
		kind: 'KubeletConfiguration',
		cgroupDriver: 'systemd',
		clusterDNS: ['10.96.0.10'],
		authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
		serverTLSBootstrap: true,
	});
	const encryption = load(await file('etc/kubernetes/encryption.yaml')) as {
		resources: { providers: { aescbc?: { keys: { secret: string }[] } }[] }[];
	};
	const key = encryption.resources[0]?.providers[0]?.aescbc?.keys[0]?.secret ?? '';
	t.is(Buffer.from(key, 'base64').length, 32);
	for (const name of await readdir(pki)) {
		if (name.endsWith('.key')) t.is((await stat(path.join(pki, name))).mode & 0o777, 0o600, name);
		t.notRegex(name, /\.(csr|ext|cnf|new)$/, 'nothing is left lying about');
	}
	t.is((await stat(path.join(root, 'etc/kubernetes/encryption.yaml'))).mode & 0o777, 0o600);
	t.regex(
		await file('etc/keepalived/keepalived.conf'),
		/virtual_router_id 6\n[\s\S]*10\.0\.0\.5\/32 dev ens3/,
	);
	const applied = await file('applied');
	t.regex(applied, /name: bootstrap-token-abcdef\n[\s\S]*token-secret: "0123456789abcdef"/);
	t.regex(applied, /clusterIP: 10\.96\.0\.10\}\ndomain: cluster\.local\n/);
	t.regex(
		await file('etc/kstack/etcd.env'),
		/^ETCD_INITIAL_CLUSTER=demo-master-0=https:\/\/10\.0\.0\.11:2380$/m,
	);
});

test('assembling again changes no certificate, key or secret, and signals none a second time', async (t) => {
	const { run, root, file } = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	await run(assemble);
	const secrets = async () => {
		const files = [
			'encryption.yaml',
			'admin.conf',
			...(await readdir(path.join(root, 'etc/kubernetes/pki'))).map((name) => `pki/${name}`),
		];
		const texts = files
			.filter((name) => !/operator|\.srl$/.test(name))
			.map(async (name) => [name, await file(`etc/kubernetes/${name}`)]);
		return Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
	};
	const before = await secrets();
	await mkdir(path.join(root, 'var/lib/etcd/data/member'), { recursive: true });
	await writeFile(path.join(root, 'api-answers'), '');
	const { code, stdout, stderr } = await run(assemble);
	t.is(code, 0, stdout + stderr);
	t.deepEqual(await secrets(), before);
	t.is((await file('signals')).match(/^== SUCCESS signed/gm)?.length, 2);
});

for (const role of ['minion', 'gateway'] as const) {
	test(`a ${role} joins with the CA that came through Heat, its token, and nothing else`, async (t) => {
		const master = await node('master');
		await master.run(step('20-pki'));
		const ca = await master.file('etc/kubernetes/pki/ca.crt');
		const certificates = JSON.stringify({ operator: 'T1A=', ca: Buffer.from(ca).toString('base64') });
		const { run, root, file, asked } = await node(role, {}, { CERTIFICATES: certificates });
		const { code, stdout, stderr } = await run(assemble);
		t.is(code, 0, stdout + stderr);
		t.is(await file('etc/kubernetes/pki/ca.crt'), ca);
		t.deepEqual(await readdir(path.join(root, 'etc/kubernetes/pki')), ['ca.crt']);
		t.like((load(await file('etc/kubernetes/bootstrap.conf')) as { users: object[] }).users[0], {
			user: { token: 'abcdef.0123456789abcdef' },
		});
		t.deepEqual(started(await asked('systemctl')), [
			...['containerd', 'kstack-metadata-guard', 'kstack-pods', 'kstack-images', 'kubelet', 'kube-proxy'],
			'kstack-routes',
		]);
		t.deepEqual((await file('signals')).match(/^== .*/gm), ['== SUCCESS assembled ready']);
	});
}

test('a step that fails ends the assembling, and its name, exit code and last lines go to Heat', async (t) => {
	const { run, root, file } = await node('minion');
	const text = '#!/bin/bash\nseq 1 50 | sed "s/^/line /"\necho "no such thing" >&2\nexit 7\n';
	await writeFile(path.join(root, step('20-broken')), text);
	const { code, stdout } = await run(assemble);
	t.is(code, 1);
	t.regex(stdout, /^step 20-broken failed \(exit 7\)$/m);
	t.notRegex(stdout, /70-join/);
	t.false(existsSync(path.join(root, 'var/lib/kstack/assembled')));
	const lines = (await file('signals')).trimEnd().split('\n');
	t.is(lines[0], '== FAILURE demo-minion-0: step 20-broken failed (exit 7) all');
	t.deepEqual(lines.slice(1), [
		...Array.from({ length: 19 }, (_, index) => `line ${index + 32}`),
		'no such thing',
	]);
});

test('a service that does not start fails its step, which says the words of the service', async (t) => {
	const { run, root } = await node('minion');
	await writeFile(path.join(root, 'bin/systemctl'), '#!/bin/bash\n[ "$1 $2" != "start containerd" ]\n');
	const { code, stdout } = await run(step('10-host'));
	t.is(code, 1);
	t.regex(stdout, /^containerd did not start:\nwords of containerd$/m);
});

/** When a master without a member's data may form an etcd cluster. */
for (const [what, tokens, files, allowed] of [
	['the first master of a new stack', {}, [], true],
	['a further master', { MASTER_INDEX: '1' }, [], false],
	['the first master of a stack that was up before', { CLUSTER_STATE: 'existing' }, [], false],
	['a first master whose API already answers elsewhere', {}, ['api-answers'], false],
	[
		'a master that has its data, whatever else',
		{ CLUSTER_STATE: 'existing', MASTER_INDEX: '2' },
		['var/lib/etcd/data/member/x'],
		true,
	],
] as const) {
	test(`etcd ${allowed ? 'starts' : 'does not start'} on ${what}`, async (t) => {
		const { run, root, asked } = await node('master', {}, tokens);
		for (const file of files) {
			await mkdir(path.dirname(path.join(root, file)), { recursive: true });
			await writeFile(path.join(root, file), '');
		}
		await writeFile(path.join(root, 'asked'), '');
		const { code, stdout } = await run(step('30-etcd'));
		t.is(code, allowed ? 0 : 1, stdout);
		t.deepEqual(started(await asked('systemctl')), allowed ? ['etcd'] : []);
		if (!allowed) t.regex(stdout, /may form no cluster|forms no second cluster/);
	});
}

test('a proxy is for the container runtime alone, with its signs as systemd reads them', async (t) => {
	const flags = { httpProxy: 'http://proxy:3128/it\'s%20"50%"\\', noProxy: '.internal,10.0.0.0/8' };
	const { run, file, asked } = await node('minion', flags);
	t.is((await run(step('10-host'))).code, 0);
	t.is(
		await file('etc/systemd/system/containerd.service.d/proxy.conf'),
		`[Service]\nEnvironment="HTTP_PROXY=http://proxy:3128/it's%%20\\"50%%\\"\\\\" "HTTPS_PROXY=" "NO_PROXY=.internal,10.0.0.0/8"\n`,
	);
	const calls = await asked('systemctl');
	await run(step('10-host'));
	t.is(calls.filter((call) => call === 'daemon-reload').length, 1);
	t.is((await asked('systemctl')).filter((call) => call === 'daemon-reload').length, 1, 'and once is enough');
});

test('an addon that the image lacks fails the step with what the image has', async (t) => {
	const { run } = await node('master', { networkDriver: 'calico' });
	const { code, stdout } = await run(step('50-cluster'));
	t.is(code, 1);
	t.regex(stdout, /^this image has no addon network-calico \(it has: dns\.yaml\)$/m);
});
