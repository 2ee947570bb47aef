import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { ask, eventually, inNode, kubectl, readyNodes, root, succeed } from '../cloud.ts';

const manifest = join(root, 'test/fixtures/web.yaml');

/** Sends an anonymous request to the API. */
async function anonymous(path: string): Promise<{ status: number; body: string }> {
	const config = load(await readFile(process.env.KUBECONFIG as string, 'utf8')) as {
		clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
	};
	const cluster = config.clusters[0]?.cluster;
	const ca = Buffer.from(cluster?.['certificate-authority-data'] ?? '', 'base64');
	return new Promise((resolve, reject) => {
		request(new URL(path, cluster?.server), { ca, agent: false }, (answer) => {
			let body = '';
			answer.on('data', (chunk) => {
				body += String(chunk);
			});
			answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
		})
			.on('error', reject)
			.end();
	});
}

const inPod = (...command: string[]) => kubectl('exec', 'asker', '--', ...command);

test.before(async () => {
	await kubectl('delete', '--ignore-not-found', '-f', manifest);
	await kubectl('apply', '-f', manifest);
	await kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/web');
	await kubectl('wait', '--for=condition=Ready', '--timeout=120s', 'pod/asker');
});

test.after.always(async () => {
	await kubectl('delete', '--ignore-not-found', '-f', manifest);
});

test.serial('one master and three minions are Ready, each with its role', async (t) => {
	const lines = (await kubectl('get', 'nodes', '--no-headers')).trim().split('\n');
	t.deepEqual(
		lines.map((line) => line.split(/\s+/).slice(0, 3)),
		[
			['demo-master-0', 'Ready', 'control-plane,master'],
			['demo-minion-0', 'Ready', 'minion'],
			['demo-minion-1', 'Ready', 'minion'],
			['demo-minion-2', 'Ready', 'minion'],
		],
	);
});

test.serial(
	'the providerID of each node is that of its server; none is pending; the master has its taint',
	async (t) => {
		const columns = 'custom-columns=:.metadata.name,:.spec.providerID,:.spec.taints[*].key';
		const lines = (await kubectl('get', 'nodes', '--no-headers', '-o', columns)).trim().split('\n');
		for (const [name = '', provider, taints] of lines.map((line) => line.split(/\s+/))) {
			const { id } = await ask<{ id: string }>('server', 'show', name);
			t.is(provider, `openstack:///${id}`, name);
			t.is(taints, name === 'demo-master-0' ? 'node-role.kubernetes.io/master' : '<none>', name);
		}
	},
);

test.serial(
	'nodes have no access to sites outside of the cloud, and need only their image to boot',
	async (t) => {
		const mirror = /https?:\/\/([^/\s]+)/.exec(
			await succeed('apt-get', ['indextargets', '--format', '$(REPO_URI)']),
		)?.[1];
		for (const node of ['demo-master-0', 'demo-minion-0']) {
			const outside = await inNode(node, 'curl', '-sS', '-m', '5', '-o', '/dev/null', `http://${mirror}/`);
			t.not(outside.code, 0, `${node} reaches ${mirror}, as this machine does`);
			const { stdout } = await inNode(node, 'journalctl', '--no-pager', '-u', 'containerd', '-u', 'kubelet');
			t.regex(stdout, /containerd successfully booted/);
			t.notRegex(stdout, /PullImage/, node);
		}
	},
);

test.serial('two pods of a Deployment and their client run on three minions', async (t) => {
	const nodes = await kubectl('get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}');
	t.is(new Set(nodes.split(' ')).size, 3);
	t.false(nodes.includes('master'));
});

test.serial('a Service is reachable by its name, and both pods answer', async (t) => {
	const answered = new Set<string>();
	await eventually(60, async () => {
		answered.add(await inPod('wget', '-q', '-O', '-', 'http://web/'));
		if (answered.size < 2) throw new Error(`only ${[...answered]} answered`);
	});
	t.is(answered.size, 2);
});

test.serial('a name that does not exist in the cluster is not resolved', async (t) => {
	const error = await t.throwsAsync(inPod('nslookup', 'nothing.default.svc.cluster.local'));
	t.regex(error?.message ?? '', /NXDOMAIN/);
});

test.serial('an ExternalName Service leads to its target by one question', async (t) => {
	const target = 'web.default.svc.cluster.local';
	await kubectl('create', 'service', 'externalname', 'elsewhere', '--external-name', target);
	try {
		await eventually(30, () => inPod('wget', '-q', '-O', '-', 'http://elsewhere/'));
		t.pass();
	} finally {
		await kubectl('delete', 'service', 'elsewhere');
	}
});

test.serial('the pods of DNS are on different nodes and not root, and one may be evicted', async (t) => {
	const asked = ['-n', 'kube-system', 'get', 'pods', '-l', 'k8s-app=kube-dns', '-o'];
	const nodes = (await kubectl(...asked, 'jsonpath={.items[*].spec.nodeName}')).split(' ');
	t.is(nodes.length, 2);
	t.is(new Set(nodes).size, 2);
	const [user] = (
		await kubectl(...asked, 'jsonpath={.items[*].spec.containers[0].securityContext.runAsUser}')
	).split(' ');
	t.true(Number(user) > 0);
	const budget = ['-n', 'kube-system', 'get', 'poddisruptionbudget', 'kube-dns', '-o'];
	await eventually(60, async () => {
		const allowed = await kubectl(...budget, 'jsonpath={.status.disruptionsAllowed}');
		if (allowed !== '1') throw new Error(`the budget allows ${allowed}`);
	});
});

test.serial('data larger than the MTU passes between pods on different minions', async (t) => {
	const address = await kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].status.podIP}');
	t.regex(await inPod('ping', '-c', '2', '-s', '4000', address), / 0% packet loss/);
	t.is((await inPod('sh', '-c', `wget -q -O - http://${address}/large | wc -c`)).trim(), '1000000');
});

test.serial('pods have the MTU of their node', async (t) => {
	const mtu = (await inPod('cat', '/sys/class/net/eth0/mtu')).trim();
	const node = (await kubectl('get', 'pod', 'asker', '-o', 'jsonpath={.spec.nodeName}')).trim();
	t.is(mtu, (await inNode(node, 'cat', '/sys/class/net/eth0/mtu')).stdout.trim());
});

test.serial('kubectl logs and exec work, with certificates that the cluster has signed', async (t) => {
	t.is(await kubectl('logs', 'asker'), 'waiting\n');
	t.is((await inPod('hostname')).trim(), 'asker');
	const requests = await kubectl('get', 'csr', '-o', 'jsonpath={.items[*].status.conditions[*].type}');
	t.false(/Denied|Failed/.test(requests));
});

test.serial('anonymous requests are refused, except for health', async (t) => {
	t.is((await anonymous('/readyz')).status, 200);
	for (const path of ['/api/v1/nodes', '/api/v1/secrets', '/version', '/apis', '/metrics']) {
		t.is((await anonymous(path)).status, 403, path);
	}
});

test.serial('a kubelet refuses anonymous requests', async (t) => {
	const address = await kubectl(
		'get',
		'node',
		'demo-minion-0',
		'-o',
		'jsonpath={.status.addresses[0].address}',
	);
	const { stdout } = await inNode(
		'demo-master-0',
		'curl',
		'-sk',
		'-o',
		'/dev/null',
		'-w',
		'%{http_code}',
		`https://${address}:10250/pods`,
	);
	t.is(stdout, '401');
});

test.serial('a pod has no access to the metadata service, but its node has', async (t) => {
	const node = (await kubectl('get', 'pod', 'asker', '-o', 'jsonpath={.spec.nodeName}')).trim();
	const address = 'http://169.254.169.254/openstack/latest/user_data';
	t.regex((await inNode(node, 'curl', '-sf', '-m', '5', address)).stdout, /^#cloud-config$/m);
	t.is(await inPod('sh', '-c', `timeout 5 wget -q -O - ${address} || echo refused`), 'refused\n');
});

test.serial('Secrets are encrypted in etcd', async (t) => {
	await kubectl('create', 'secret', 'generic', 'proof', '--from-literal=word=abracadabra');
	t.teardown(() => kubectl('delete', 'secret', 'proof'));
	const pki = '/etc/kubernetes/pki';
	const { stdout } = await inNode(
		'demo-master-0',
		...[
			'env',
			'ETCDCTL_API=3',
			'etcdctl',
			'--endpoints=https://127.0.0.1:2379',
			`--cacert=${pki}/etcd-ca.crt`,
		],
		...[`--cert=${pki}/apiserver-etcd-client.crt`, `--key=${pki}/apiserver-etcd-client.key`],
		...['get', '/registry/secrets/default/proof'],
	);
	t.regex(stdout, /k8s:enc:aescbc/);
	t.false(stdout.includes('abracadabra'));
});

test.serial('assembling a node again changes nothing', async (t) => {
	const running = async () =>
		(
			await inNode(
				'demo-minion-0',
				'systemctl',
				'show',
				'-p',
				'MainPID',
				'kubelet',
				'kube-proxy',
				'containerd',
			)
		).stdout;
	const before = await running();
	const { code, stdout } = await inNode('demo-minion-0', 'kstack-assemble');
	t.is(code, 0, stdout);
	t.is(await running(), before);
});

test.serial('a minion is Ready again after a reboot', async (t) => {
	const bootId = async () => (await inNode('demo-minion-2', 'cat', '/proc/sys/kernel/random/boot_id')).stdout;
	const before = await bootId();
	await succeed('openstack', ['server', 'reboot', '--wait', 'demo-minion-2']);
	await eventually(120, async () => {
		if ((await bootId()) === before) throw new Error('not rebooted yet');
		const routes = (await inNode('demo-minion-2', 'ip', 'route', 'show', 'protocol', '77')).stdout
			.trim()
			.split('\n');
		if (routes.length !== 3) throw new Error(`routes: ${routes}`);
		if ((await readyNodes()).length !== 4) throw new Error('not Ready yet');
	});
	t.truthy(await eventually(60, () => inPod('timeout', '2', 'wget', '-q', '-O', '-', 'http://web/')));
});
