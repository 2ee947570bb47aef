import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { load, loadAll } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { packagedRoles } from '../../src/cluster/spec/roles.ts';
import { assemble, node, operator, put, started, step, stepsOf } from '../support/assembling.ts';
import { runToEnd, tool } from '../support/processes.ts';

/** For tests that only read its files. */
const assembledMaster = (async () => {
	const master = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	return { ...master, ended: await master.run(assemble) };
})();

test('a master runs all steps in order and signals success once', async (t) => {
	const { root, file, asked, ended } = await assembledMaster;
	const { code, stdout, stderr } = ended;
	t.is(code, 0, stdout + stderr);
	const steps = (await file(stepsOf('master'))).trim().split('\n');
	t.deepEqual(
		[...stdout.matchAll(/^step (\S+)$/gm)].map(([, name]) => name),
		steps,
	);
	t.deepEqual(started(await asked('systemctl')), [
		...[
			'containerd',
			'kstack-metadata-guard',
			'kstack-pods',
			'kstack-images',
			'chrony',
			'etcd',
			'kstack-guard',
			'kube-apiserver',
		],
		...['kube-controller-manager', 'kube-scheduler', 'kstack-renew.timer', 'kstack-etcd-upkeep.timer'],
		...[
			'kstack-tokens',
			'kstack-nodes',
			'kstack-pki',
			'kstack-leavers',
			'kstack-services',
			'kstack-addons',
			'keepalived',
			'kubelet',
			'kube-proxy',
			'kstack-routes',
		],
	]);
	const signals = (await file('signals')).match(/^== .*/gm);
	t.deepEqual(signals, [
		'== SUCCESS signed certificates ca',
		'== SUCCESS signed certificates operator',
		'== SUCCESS assembled ready',
	]);
	t.true(existsSync(path.join(root, 'var/lib/kstack/assembled')));
	for (const secret of ['0123456789abcdef', 'fedcba9876543210', 'PRIVATE KEY']) {
		t.false(stdout.includes(secret) || stderr.includes(secret), 'the output has no secret');
		t.false((await file('asked')).includes(secret), 'a command line has no secret');
		t.false((await file('signals')).includes(secret), 'a signal has no secret');
	}
});

test('the files of a master are valid, and its secrets are readable by root only', async (t) => {
	const { root, file, ended } = await assembledMaster;
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	const pki = path.join(root, 'etc/kubernetes/pki');
	for (const name of ['controller-manager', 'scheduler', 'admin', 'bootstrap']) {
		const config = load(await file(`etc/kubernetes/${name}.conf`)) as {
			clusters: { cluster: { server: string } }[];
			users: { user: Record<string, string> }[];
		};
		const own = name === 'bootstrap' ? 'https://10.0.0.5:6443' : 'https://127.0.0.1:6443';
		t.is(config.clusters[0]?.cluster.server, own);
		const user = config.users[0]?.user ?? {};
		if (name === 'bootstrap') t.deepEqual(user, { token: 'kstack:demo:minion:10.0.0.11:0123456789abcdef' });
		else for (const place of Object.values(user)) t.true(existsSync(place), place);
		t.is((await stat(path.join(root, 'etc/kubernetes', `${name}.conf`))).mode & 0o777, 0o600, name);
	}
	t.like(load(await file('etc/kubernetes/kubelet.yaml')), {
		kind: 'KubeletConfiguration',
		cgroupDriver: 'systemd',
		clusterDNS: ['10.96.0.10'],
		authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
		serverTLSBootstrap: true,
		protectKernelDefaults: true,
		podPidsLimit: 4096,
		seccompDefault: true,
		evictionHard: {
			'memory.available': '100Mi',
			'nodefs.available': '5%',
			'nodefs.inodesFree': '5%',
			'imagefs.available': '5%',
			'imagefs.inodesFree': '5%',
		},
	});
	t.regex(await file('etc/kstack/etcd.env'), /^ETCD_QUOTA_BACKEND_BYTES=8589934592$/m);
	const encryption = load(await file('etc/kubernetes/encryption.yaml')) as {
		resources: { providers: { aescbc?: { keys: { secret: string }[] } }[] }[];
	};
	const key = encryption.resources[0]?.providers[0]?.aescbc?.keys[0]?.secret ?? '';
	t.is(Buffer.from(key, 'base64').length, 32);
	for (const name of await readdir(pki)) {
		if (name.endsWith('.key')) t.is((await stat(path.join(pki, name))).mode & 0o777, 0o600, name);
		t.notRegex(name, /\.(csr|ext|cnf|new)$/, 'no temporary file is left');
	}
	t.is((await stat(path.join(root, 'etc/kubernetes/encryption.yaml'))).mode & 0o777, 0o600);
	t.regex(
		await file('etc/keepalived/keepalived.conf'),
		/virtual_router_id 6\n[\s\S]*10\.0\.0\.5\/32 dev ens3/,
	);
	const applied = await file('applied');
	t.regex(applied, /name: kstack-join-seeds\n[\s\S]*seeds: '\["abcdef\.0123456789abcdef"\]'/);
	t.false(applied.includes('bootstrap-token-abcdef'));
	const manifest = gunzipSync(Buffer.from(/manifest\.yaml\.gz: (\S+)/.exec(applied)?.[1] ?? '', 'base64'));
	t.regex(manifest.toString(), /clusterIP: 10\.96\.0\.10\}\ndomain: cluster\.local\nreplicas: 2\n/);
	t.regex(
		await file('etc/kstack/etcd-initial.env'),
		/^ETCD_INITIAL_CLUSTER_STATE=new\nETCD_INITIAL_CLUSTER=demo-master-0=https:\/\/10\.0\.0\.11:2380$/m,
	);
});

interface Admission {
	readonly plugins: readonly {
		readonly name: string;
		readonly configuration: {
			readonly apiVersion: string;
			readonly defaults?: object;
			readonly exemptions?: object;
		};
	}[];
}

test('the API server enforces the Pod Security Standard of the setting, except in kube-system', async (t) => {
	for (const [version, level] of [
		['v1', 'baseline'],
		['v1beta1', 'restricted'],
		['', 'baseline'],
	] as const) {
		const { root, run, file } = await node('master', { podSecurity: level });
		await put(root, 'etc/kubernetes/pki/ca.crt');
		await writeFile(path.join(root, 'usr/share/kstack/flags.env'), `POD_SECURITY_API=${version}\n`);
		t.is((await run(step('40-control-plane'))).code, 0);
		const { plugins } = load(await file('etc/kubernetes/admission.yaml')) as Admission;
		const found = plugins.find(({ name }) => name === 'PodSecurity')?.configuration;
		if (version === '') t.is(found, undefined, 'not in a release that does not have it');
		else {
			t.is(found?.apiVersion, `pod-security.admission.config.k8s.io/${version}`);
			t.like(found?.defaults, { enforce: level, 'enforce-version': 'latest', warn: level });
			t.like(found?.exemptions, { namespaces: ['kube-system'] });
		}
		t.true(plugins.some(({ name }) => name === 'EventRateLimit'));
	}
});

test('a master whose user-data has no Pod Security Standard enforces none', async (t) => {
	const { root, run, file } = await node('master');
	const env = path.join(root, 'etc/kstack/master.env');
	await put(root, 'etc/kubernetes/pki/ca.crt');
	await writeFile(env, (await file('etc/kstack/master.env')).replace(/^POD_SECURITY=.*\n/m, ''));
	await writeFile(path.join(root, 'usr/share/kstack/flags.env'), 'POD_SECURITY_API=v1\n');
	t.is((await run(step('40-control-plane'))).code, 0);
	t.regex(await file('etc/kubernetes/admission.yaml'), /enforce: privileged/);
});

for (const role of ['minion', 'gateway'] as const) {
	test(`a ${role} joins with the CA from Heat and the join token, and gets no other secrets`, async (t) => {
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
			user: { token: 'kstack:demo:minion:10.0.0.11:0123456789abcdef' },
		});
		t.deepEqual(started(await asked('systemctl')), [
			...[
				'containerd',
				'kstack-metadata-guard',
				'kstack-pods',
				'kstack-images',
				'chrony',
				'kubelet',
				'kube-proxy',
			],
			'kstack-routes',
			...(role === 'gateway' ? ['kstack-gateway', 'haproxy', 'keepalived'] : []),
		]);
		t.deepEqual((await file('signals')).match(/^== .*/gm), ['== SUCCESS assembled ready']);
	});
}

test("a node's providerID is that of its server in OpenStack, and of no other instance ID", async (t) => {
	const minion = await node('minion');
	await put(minion.root, 'etc/kubernetes/kubelet.yaml');
	const providerId = async (instance: string | undefined) => {
		if (instance !== undefined) {
			await put(minion.root, 'var/lib/cloud/data/instance-id');
			await writeFile(path.join(minion.root, 'var/lib/cloud/data/instance-id'), instance);
		}
		const { code, stdout, stderr } = await minion.run(step('80-node'));
		t.is(code, 0, stdout + stderr);
		const config = load(await minion.file('etc/kubernetes/kubelet.yaml')) as Record<string, unknown>;
		return config.providerID;
	};
	const server = '6e7d30b6-0d0c-4a53-8d4c-0f1f6f1c9a11';
	t.is(await providerId(undefined), undefined);
	t.is(await providerId(`${server}\n`), `openstack:///${server}`);
	t.is(await providerId(server.toUpperCase()), `openstack:///${server}`);
	for (const other of ['i-00000a11\n', 'i-standalone', `${server}\nevil: 1`, `${server}0`, ''])
		t.is(await providerId(other), undefined, other);
});

test('masters set the taints that roles have', async (t) => {
	const marks = await readFile(
		path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/python/kstack/marks.py'),
		'utf8',
	);
	const taints = Object.values(packagedRoles).map(({ name, taints: all }) => [name, ...all]);
	t.deepEqual(taints.sort(), [
		['gateway', 'kstack.io/gateway:NoSchedule'],
		['master', 'node-role.kubernetes.io/master:NoSchedule'],
		['minion'],
	]);
	t.regex(marks, /^GATEWAY_TAINT = 'kstack\.io\/gateway'$/m);
});

test('after a failed step no other step runs, and its name, exit code and last lines are signalled', async (t) => {
	const { run, root, file } = await node('minion');
	const text = '#!/bin/bash\nseq 1 50 | sed "s/^/line /"\necho "no such thing" >&2\nexit 7\n';
	await writeFile(path.join(root, step('20-broken')), text);
	await writeFile(path.join(root, stepsOf('minion')), '10-host\n20-broken\n70-join\n');
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

test('a service that does not start fails its step, which prints the end of its log', async (t) => {
	const { run, root } = await node('minion');
	await writeFile(path.join(root, 'bin/systemctl'), '#!/bin/bash\n[ "$1 $2" != "start containerd" ]\n');
	const { code, stdout } = await run(step('10-host'));
	t.is(code, 1);
	t.regex(stdout, /^containerd did not start:\nlog of containerd$/m);
});

test('if the image does not have the role, a failure is signalled', async (t) => {
	const { run, root, file } = await node('minion');
	await rm(path.join(root, stepsOf('minion')));
	t.is((await run(assemble)).code, 1);
	t.false(existsSync(path.join(root, 'var/lib/kstack/assembled')));
	t.regex(await file('signals'), /^== FAILURE demo-minion-0: .*minion.* all$/m);
});

/** Whether a master forms an etcd cluster. */
for (const [what, tokens, files, forms] of [
	['the first master of a new stack', {}, [], true],
	['a further master', { MASTER_INDEX: '1' }, [], false],
	['the first master of an existing cluster', { CLUSTER_STATE: 'existing' }, [], false],
	['a first master, while an API already answers', {}, ['api-answers'], false],
	['a first master with data of etcd', {}, ['var/lib/etcd/data/member/x'], false],
	[
		'a master that formed the cluster before its API answered',
		{},
		['var/lib/kstack/forms', 'api-answers'],
		true,
	],
	['a master that joined before', {}, ['var/lib/kstack/joins'], false],
] as const) {
	test(`${what} ${forms ? 'forms a cluster' : 'joins a cluster'}`, async (t) => {
		const { run, root, fakeProgram } = await node('master', {}, tokens);
		await fakeProgram('kstack-fetch-pki', '');
		for (const file of files) await put(root, file);
		t.is((await run(step('15-form-or-join'))).code, 0);
		t.deepEqual(await readdir(path.join(root, 'var/lib/kstack')), [forms ? 'forms' : 'joins']);
		const sent = existsSync(path.join(root, 'etc/kstack/signals/certificates.joins.sent'));
		t.is(
			sent,
			!forms && !files.some((file) => file.endsWith('joins')),
			'only a master that forms a cluster signals certificates',
		);
	});
}

/** When etcd starts without a request to another master. */
for (const [what, files, starts] of [
	['a master that forms', ['var/lib/kstack/forms'], true],
	['a master that forms, while an API already answers', ['var/lib/kstack/forms', 'api-answers'], false],
	['a master without a decision', [], false],
	['a master that has its data', ['var/lib/etcd/data/member/x', 'api-answers'], true],
] as const) {
	test(`etcd ${starts ? 'starts' : 'does not start'} on ${what}`, async (t) => {
		const { run, root, asked } = await node('master');
		for (const file of files) await put(root, file);
		await put(root, 'asked');
		const { code, stdout } = await run(step('30-etcd'));
		t.is(code, starts ? 0 : 1, stdout);
		t.deepEqual(started(await asked('systemctl')), starts ? ['etcd'] : []);
		if (!starts) t.regex(stdout, /may not bootstrap a cluster|not bootstrapping a second cluster/);
	});
}

test('a master asks the API for two minutes for each thing that it creates there', async (t) => {
	const { file } = await assembledMaster;
	for (const name of [step('50-cluster'), 'usr/local/sbin/kstack-image-addon']) {
		const waits = (await file(name)).matchAll(/wait_for (\d+) (?!"the namespaces"|"the role of nodes")/g);
		const limits = [...waits].map(([, limit]) => limit);
		t.true(limits.length > 1 && limits.every((limit) => limit === '120'), `${name}: ${limits}`);
	}
});

test('while the API does not say whether there are seeds, a master does not bring back the shared join token', async (t) => {
	const { run, root, file, fakeProgram } = await node(
		'master',
		{},
		{ JOIN_TOKEN: 'abcdef.0123456789abcdef' },
	);
	await rm(path.join(root, 'etc/kstack/join-seed'));
	await run(step('20-pki'));
	const asked = '$(grep -c "get secret kstack-join-seeds" "$root/asked")';
	await fakeProgram(
		'kubectl',
		`case "$*" in
			*"get secret kstack-join-seeds"*) [ ${asked} -gt 1 ] || exit 1; echo secret/kstack-join-seeds ;;
			*"apply -f -"*) cat >>"$root/applied" ;;
		esac`,
	);
	t.is((await run(step('50-cluster'))).code, 0);
	t.false((await file('applied')).includes('bootstrap-token-abcdef'));
	t.notRegex(await file('asked'), /shared-token/);
});

test('the master token is valid for the boot timeout, and another run does not renew it', async (t) => {
	const { run, root, file } = await node('master', {}, { BOOT_TIMEOUT: '1000' });
	await run(step('20-pki'));
	await put(root, 'var/lib/kstack/forms');
	const before = Math.floor(Date.now() / 1000);
	t.is((await run(step('50-cluster'))).code, 0);
	const applied = await file('applied');
	const objects = loadAll(applied.replace(/^apiVersion/gm, '---\napiVersion')) as {
		metadata?: { name: string; namespace: string };
		stringData?: Record<string, string>;
		data?: Record<string, string>;
	}[];
	const secret = objects.find(({ metadata }) => metadata?.name === 'bootstrap-token-master');
	t.like(secret?.stringData, {
		'token-id': 'master',
		'token-secret': 'fedcba9876543210',
		'usage-bootstrap-authentication': 'true',
		'usage-bootstrap-signing': 'true',
		'auth-extra-groups': 'system:bootstrappers:kstack-masters',
	});
	const end = Date.parse(secret?.stringData?.expiration ?? '') / 1000;
	t.true(end >= before + 1600 && end <= Date.now() / 1000 + 1600, String(end - before));
	const info = objects.find(({ metadata }) => metadata?.name === 'cluster-info');
	t.is(info?.metadata?.namespace, 'kube-public');
	t.like((load(info?.data?.kubeconfig ?? '') as { clusters: object[] }).clusters[0], {
		cluster: {
			server: 'https://10.0.0.5:6443',
			'certificate-authority-data': Buffer.from(await file('etc/kubernetes/pki/ca.crt')).toString('base64'),
		},
	});
	await writeFile(path.join(root, 'applied'), '');
	t.is((await run(step('50-cluster'))).code, 0);
	t.notRegex(await file('applied'), /bootstrap-token-master/);
});

test('in a cluster of an earlier kstack, a master creates the join token that its members share', async (t) => {
	const { run, root, file } = await node('master', {}, { JOIN_TOKEN: 'abcdef.0123456789abcdef' });
	await rm(path.join(root, 'etc/kstack/join-seed'));
	await run(step('20-pki'));
	t.is((await run(step('50-cluster'))).code, 0);
	const applied = await file('applied');
	t.regex(applied, /name: bootstrap-token-abcdef\n[\s\S]*token-secret: "0123456789abcdef"/);
	t.false(applied.includes('kstack-join-seeds'));
	t.regex(await file('asked'), /kubectl .*apply -f .*assemble\/shared-token/);
	await writeFile(path.join(root, 'applied'), 'kstack-join-seeds\n');
	await writeFile(path.join(root, 'asked'), '');
	t.is((await run(step('50-cluster'))).code, 0);
	t.notRegex(await file('applied'), /bootstrap-token-abcdef/, 'a revoked token stays revoked');
	t.notRegex(await file('asked'), /shared-token/);
});

test('a master that joined creates no master token and signals no certificates', async (t) => {
	const { run, root, file } = await node('master', {}, { MASTER_INDEX: '1' });
	await run(step('20-pki'));
	await put(root, 'var/lib/kstack/joins');
	t.is((await run(step('50-cluster'))).code, 0);
	t.notRegex(await file('applied'), /bootstrap-token-master/);
	t.is((await run(step('25-certificates'))).code, 0);
	t.false(existsSync(path.join(root, 'signals')));
});

test('masters take the address by different priorities, and no priority takes it from another master', async (t) => {
	const ranks = new Set<number>();
	for (const address of ['10.0.0.11', '10.0.0.12', '10.0.0.13', '10.0.0.200', '10.0.0.254']) {
		const { run, file } = await node('master', {}, { NODE_IP: address });
		t.is((await run(step('60-api-address'))).code, 0);
		const text = await file('etc/keepalived/keepalived.conf');
		t.regex(text, /^ {4}state BACKUP\n {4}nopreempt$/m);
		const rank = Number(/^ {4}priority (\d+)$/m.exec(text)?.[1]);
		t.true(rank > 0 && rank < 255, String(rank));
		for (const other of ranks) t.true(Math.abs(other - rank) >= 5, `${rank} ${other}`);
		ranks.add(rank);
	}
});

test('keepalived accepts its configuration, and stops before the API server at a shutdown', async (t) => {
	const { run, root, file } = await node('master');
	t.is((await run(step('60-api-address'))).code, 0);
	const taken = await runToEnd(tool('keepalived', 'keepalived'), [
		'--config-test',
		`--use-file=${path.join(root, 'etc/keepalived/keepalived.conf')}`,
	]);
	t.notRegex(taken.stdout + taken.stderr, /unknown keyword|missing|invalid/i);
	const unit = await file('etc/systemd/system/keepalived.service.d/kstack.conf');
	t.regex(unit, /^After=.*\bkube-apiserver\.service$/m);
	t.regex(unit, /^ExecStopPost=.* addr del 10\.0\.0\.5\/32 dev ens3 /m);
});

test('a proxy is configured for the container runtime only, escaped for systemd', async (t) => {
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
	t.is(
		(await asked('systemctl')).filter((call) => call === 'daemon-reload').length,
		1,
		'a second run changes nothing',
	);
});

test('each request to the API has a time limit, and one that fails is sent again', async (t) => {
	const { run, root, file, asked, fakeProgram } = await node('master');
	await run(step('20-pki'));
	await put(root, 'var/lib/kstack/forms');
	const kubectl = /^echo "kubectl[^\n]*\n([\s\S]*)$/m.exec(await file('bin/kubectl'))?.[1] ?? '';
	// Fails the first request with the same arguments.
	const once =
		'known=$root/known; grep -qsxF -- "$*" "$known" || { echo "$*" >>"$known"; cat >/dev/null; exit 1; }';
	await fakeProgram('kubectl', `${once}\n${kubectl}`);
	const { code, stdout, stderr } = await run(step('50-cluster'));
	t.is(code, 0, stdout + stderr);
	const calls = await asked('kubectl');
	t.true(calls.length > 10);
	for (const call of calls) t.regex(call, /--request-timeout=15s/);
	for (const name of ['kstack-join-seeds', 'cluster-info', 'kstack-addon-dns', 'bootstrap-token-master'])
		t.is((await file('applied')).match(new RegExp(`name: ${name}$`, 'gm'))?.length, 1, name);
});

test('an addon that is not in the image fails the step; the message lists those that are', async (t) => {
	const { run } = await node('master', { networkDriver: 'calico' });
	const { code, stdout } = await run(step('50-cluster'));
	t.is(code, 1);
	t.regex(stdout, /\bnetwork-calico\b.*\bdns\.yaml$/m);
});
