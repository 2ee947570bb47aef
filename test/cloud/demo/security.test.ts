// What root on a minion can make of the rest of the cluster. docs/security.md has the table.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { attempt, eventually, inNode, kstack, kubectl, readyNodes, withFolder } from '../cloud.ts';

const minion = 'demo-minion-0';
const kubelet = '/etc/kubernetes/kubelet.conf';

interface Request {
	readonly status: { readonly conditions?: readonly { readonly type: string; readonly message: string }[] };
}

/** A kubeconfig on the minion with a token in place of the one in bootstrap.conf. */
const withToken = (token: string) =>
	`sed 's|token: .*|token: ${token}|' /etc/kubernetes/bootstrap.conf >/tmp/attack.conf; chmod 600 /tmp/attack.conf`;

/** Runs a script as root on the minion. */
const attack = (script: string) => inNode(minion, 'bash', '-c', script);

/** Requests a certificate from the minion with a kubeconfig, and returns the name of the request. */
async function request(
	kubeconfig: string,
	{ subject, names, usage, signer }: Readonly<Record<'subject' | 'names' | 'usage' | 'signer', string>>,
): Promise<string> {
	const name = `attack-${Math.random().toString(36).slice(2, 10)}`;
	const extension = names === '' ? '' : `-addext 'subjectAltName=${names}'`;
	const { code, stderr } = await attack(`set -e
cd "$(mktemp -d)"
openssl req -new -newkey rsa:2048 -nodes -keyout key -subj '${subject}' ${extension} -out csr 2>/dev/null
kubectl --kubeconfig=${kubeconfig} create -f - <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec:
  signerName: kubernetes.io/${signer}
  usages: [digital signature, key encipherment, ${usage} auth]
  request: $(base64 -w0 csr)
END`);
	if (code !== 0) throw new Error(stderr);
	return name;
}

/** The verdict on a request, when there is one. */
async function verdict(name: string): Promise<{ type: string; message: string }> {
	return eventually(30, async () => {
		const { status } = JSON.parse(await kubectl('get', 'csr', name, '-o', 'json')) as Request;
		const [condition] = status.conditions ?? [];
		if (condition === undefined) throw new Error(`${name} is not decided`);
		return condition;
	});
}

const serving = { usage: 'server', signer: 'kubelet-serving' };
const ofMinion = `/O=system:nodes/CN=system:node:${minion}`;

/** The InternalIP of a node. */
const addressOf = (node: string) =>
	kubectl('get', 'node', node, '-o', 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}');

const apiAddress = async () =>
	(await attack("sed -n 's/^API_ADDRESS=//p' /etc/kstack/node.env")).stdout.trim();

test.serial('a node gets no serving certificate for names or addresses of others', async (t) => {
	const [own, api] = await Promise.all([addressOf(minion), apiAddress()]);
	const wrong = [
		`DNS:${minion},IP:${api}`,
		`DNS:${minion},DNS:kubernetes,IP:${own}`,
		`DNS:demo-master-0,IP:${own}`,
	];
	for (const names of wrong) {
		const { type, message } = await verdict(await request(kubelet, { ...serving, subject: ofMinion, names }));
		t.is(type, 'Denied', names);
		t.true(message.length > 0, names);
	}
	const names = `DNS:${minion},IP:${own}`;
	t.is((await verdict(await request(kubelet, { ...serving, subject: ofMinion, names }))).type, 'Approved');
	const events = await kubectl('get', 'events', '-o', 'jsonpath={.items[*].reason}');
	t.true(events.includes('CertificateDenied'));
});

test.serial("a node that reports the API's address in another form gets no certificate for it", async (t) => {
	const api = await apiAddress();
	const odd = api.replace(/\.(\d+)$/, '.0$1');
	const patched = await attack(`kubectl --kubeconfig=${kubelet} proxy --port=18001 & proxy=$!
trap 'kill "$proxy"' EXIT
sleep 2
curl -sS -X PATCH -H 'Content-Type: application/strategic-merge-patch+json' \
	-d '{"status": {"addresses": [{"type": "InternalIP", "address": "${odd}"}]}}' \
	http://127.0.0.1:18001/api/v1/nodes/${minion}/status`);
	t.true(patched.stdout.includes(odd), patched.stdout + patched.stderr);
	const names = `DNS:${minion},IP:${api}`;
	t.is((await verdict(await request(kubelet, { ...serving, subject: ofMinion, names }))).type, 'Denied');
});

test.serial('the join token of a member is for this member alone', async (t) => {
	const bootstrap = '/etc/kubernetes/bootstrap.conf';
	const who = (kubeconfig: string, args: string) => attack(`kubectl --kubeconfig=${kubeconfig} ${args}`);
	for (const args of ['get secrets -A', 'get nodes', 'get pods -A', `label node ${minion} a=b`])
		t.regex((await who(bootstrap, args)).stderr, /Forbidden|forbidden/, args);
	for (const other of ['demo-minion-1', 'demo-master-0', 'demo-minion-7', 'kubernetes']) {
		const wanted = { usage: 'client', signer: 'kube-apiserver-client-kubelet', names: '' };
		const subject = `/O=system:nodes/CN=system:node:${other}`;
		t.is((await verdict(await request(bootstrap, { ...wanted, subject }))).type, 'Denied', other);
	}
	const { stdout } = await attack("sed -n 's/.*token: //p' /etc/kubernetes/bootstrap.conf");
	const token = stdout.trim();
	t.regex(token, /^kstack:demo-minion-0:minion:/);
	for (const forged of [
		token.replace(minion, 'demo-minion-1'),
		token.replace(':minion:', ':master:'),
		token.slice(0, -1),
	]) {
		await attack(withToken(forged));
		const { stderr } = await who(
			'/tmp/attack.conf',
			'create -f /dev/null --dry-run=server; kubectl --kubeconfig=/tmp/attack.conf get csr',
		);
		t.regex(stderr, /Unauthorized|must be logged in/, stderr);
	}
	await attack('rm -f /tmp/attack.conf');
});

test.serial('a rotation revokes the join tokens of all members, and nodes stay Ready', async (t) => {
	const get = 'kubectl --kubeconfig=/etc/kubernetes/bootstrap.conf get csr';
	t.is((await attack(get)).code, 0);
	const before = await readyNodes();
	await kstack('rotate', 'join-token', 'demo');
	await eventually(30, async () => {
		const { stderr } = await attack(get);
		if (!/Unauthorized|must be logged in/.test(stderr)) throw new Error(`the token is accepted: ${stderr}`);
	});
	t.deepEqual(await readyNodes(), before);
});

test.serial('a node cannot say that it is dead, nor ask for another node', async (t) => {
	const label = (node: string, what: string) =>
		attack(`kubectl --kubeconfig=${kubelet} label --overwrite node ${node} ${what}`);
	t.regex((await label('demo-minion-1', 'kstack.io/leave=leave')).stderr, /forbidden/i);
	t.regex((await label(minion, 'kstack.node-restriction.kubernetes.io/leave=dead')).stderr, /forbidden/i);
	t.is((await label(minion, 'kstack.io/leave=dead')).code, 0);
	await eventually(60, async () => {
		const state = await kubectl(
			'get',
			'node',
			minion,
			'-o',
			'jsonpath={.metadata.annotations.kstack\\.io/leave-state}',
		);
		if (!state.startsWith('failed: ')) throw new Error(`leave-state is ${state}`);
	});
	t.is(await kubectl('get', 'node', minion, '-o', 'jsonpath={.spec.unschedulable}'), '');
	await kubectl('annotate', 'node', minion, 'kstack.io/leave-state-');
});

test.serial('programs of masters have the rights that they need, and no others', async (t) => {
	const may = async (user: string, ...what: string[]) => {
		const { stdout } = await inNode(
			...(['demo-master-0', 'kubectl', '--kubeconfig=/etc/kubernetes/admin.conf'] as const),
			...['auth', 'can-i', ...what, '--as', user, '--as-group', 'kstack:masters'],
		);
		return stdout.trim().split('\n').at(-1);
	};
	for (const user of ['kstack:nodes', 'kstack:leavers', 'kstack:services', 'kstack:tokens', 'kstack:pki']) {
		t.is(await may(user, 'get', 'secrets', '-A'), 'no', user);
		t.is(await may(user, 'create', 'clusterrolebindings'), 'no', user);
		t.is(await may(user, 'create', 'pods', '-A'), 'no', user);
	}
	t.is(await may('kstack:nodes', 'patch', 'nodes'), 'yes');
	t.is(await may('kstack:leavers', 'delete', 'nodes'), 'yes');
	t.is(await may('kstack:pki', 'get', 'secrets/kstack-join-seeds', '-n', 'kube-system'), 'no');
	t.is(await may('kstack:pki', 'create', 'secrets', '-n', 'kube-system'), 'yes');
	t.is(await may('kstack:addons', 'create', 'clusterrolebindings'), 'yes');
});

test.serial(
	'a Service that has the address of the API among its external IPs does not take it',
	async (t) => {
		const api = await apiAddress();
		const spec = {
			selector: { 'k8s-app': 'kube-dns' },
			externalIPs: [api],
			ports: [{ port: 6443, targetPort: 53 }],
		};
		const service = {
			apiVersion: 'v1',
			kind: 'Service',
			metadata: { name: 'attack', namespace: 'kube-system' },
			spec,
		};
		await withFolder(async (folder) => {
			const file = path.join(folder, 'service.json');
			await writeFile(file, JSON.stringify(service));
			const { code, stderr } = await attempt('kubectl', ['create', '-f', file]);
			// From 1.21 on, the API server refuses it.
			if (code !== 0) return t.regex(stderr, /external/i);
			try {
				for (let left = 15; left > 0; left--) {
					await new Promise((resolve) => setTimeout(resolve, 1000));
					const { stdout } = await attack(`curl -sk --max-time 3 https://${api}:6443/livez`);
					t.is(stdout, 'ok');
					t.is(await kubectl('get', '--raw', '/livez'), 'ok');
				}
			} finally {
				await kubectl('delete', '-f', file);
			}
		});
	},
);
