// What the holder of a kubelet's certificate, a pod in the host network, an editor of a namespace and a stranger with a
// certificate can do to the rest of the cluster. Root on a minion is in security.test.ts; docs/security.md has the table.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dump, load } from 'js-yaml';
import { attempt, clusters, eventually, inNode, kubectl, readyNodes, succeed, withFolder } from '../cloud.ts';

const minion = 'demo-minion-1';
const master = 'demo-master-0';
const namespace = 'attacked';

/** Runs a script as root on the minion. */
const onMinion = (script: string) => inNode(minion, 'bash', '-c', script);

const addressOf = (node: string) =>
	kubectl('get', 'node', node, '-o', 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}');

/** Runs kubectl as an editor of the namespace. */
const asEditor = (...args: string[]) =>
	attempt('kubectl', ['--as=editor', '--as-group=system:authenticated', ...args]);

/** Applies an object as the editor. */
const applyAsEditor = (object: object) =>
	withFolder(async (folder) => {
		const file = path.join(folder, 'object.yaml');
		await writeFile(file, dump(object));
		return asEditor('apply', '-f', file);
	});

interface Kubeconfig {
	readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
	readonly users: readonly { user: object }[];
}

/** The operator's kubeconfig. */
const kubeconfig = async () =>
	load(await readFile(path.join(clusters, 'demo/kubeconfig'), 'utf8')) as Kubeconfig;

let nodes: string[];

test.before(async () => {
	nodes = await readyNodes();
	await kubectl('create', 'namespace', namespace);
	await kubectl('-n', namespace, 'create', 'rolebinding', 'editor', '--clusterrole=edit', '--user=editor');
});

test.after.always(async () => {
	await attempt('kubectl', ['delete', 'namespace', namespace]);
});

test.afterEach(async (t) => {
	t.deepEqual(await readyNodes(), nodes);
});

test.serial("a kubelet's certificate gives no rights over other nodes and their pods", async (t) => {
	const forbidden = [
		`label node ${master} a=b`,
		`taint node ${master} a=b:NoExecute`,
		`delete node demo-minion-0`,
		`delete node ${master}`,
		'get secrets -n kube-system',
		'get secret -n kube-system kstack-join-seeds',
		'get secret -n kube-system kstack-pki',
		'create clusterrolebinding mine --clusterrole=cluster-admin --group=system:nodes',
		`label node ${minion} node-role.kubernetes.io/master=`,
		`label node ${minion} node-restriction.kubernetes.io/a=b`,
		'-n kube-system delete pods --all',
		'-n default create deployment mine --image=none',
		'-n kube-system delete configmap kstack-members',
	];
	for (const args of forbidden) {
		const { code, stderr } = await onMinion(`kubectl --kubeconfig=/etc/kubernetes/kubelet.conf ${args}`);
		t.not(code, 0, args);
		t.regex(stderr, /forbidden|Forbidden|not allowed/, args);
	}
});

test.serial(
	'a process in the host network of a minion gets nothing from the services of other nodes',
	async (t) => {
		const [ofMaster, ofMinion] = await Promise.all([addressOf(master), addressOf('demo-minion-0')]);
		const ask = async (url: string) =>
			(await onMinion(`curl -sk -m 4 -o /dev/null -w '%{http_code}' ${url}`)).stdout;
		// 401 and 403 are answers of a service that asks for a certificate; 000 is no answer.
		for (const url of [
			`https://${ofMinion}:10250/pods`,
			`http://${ofMinion}:10255/pods`,
			`https://${ofMaster}:10250/pods`,
			`https://${ofMaster}:10257/metrics`,
			`https://${ofMaster}:10259/metrics`,
			`https://${ofMaster}:10261/`,
			`https://${ofMaster}:2379/version`,
			`https://${ofMaster}:2380/version`,
			`http://${ofMaster}:2381/metrics`,
			`https://${ofMaster}:6443/api/v1/secrets`,
			`https://${ofMaster}:6443/api/v1/namespaces/kube-system/configmaps`,
		]) {
			t.true(['000', '401', '403'].includes(await ask(url)), url);
		}
		t.is(await ask(`https://${ofMaster}:6443/healthz`), '200');
	},
);

test.serial("an editor of a namespace gets no other namespace's objects", async (t) => {
	for (const args of [
		['get', 'secrets', '-n', 'kube-system'],
		['get', 'nodes'],
		['-n', 'kube-system', 'create', 'configmap', 'a'],
		['-n', 'kube-system', 'delete', 'configmap', 'kstack-members'],
		['create', 'clusterrolebinding', 'mine', '--clusterrole=cluster-admin', '--user=editor'],
		['-n', namespace, 'create', 'rolebinding', 'mine', '--clusterrole=cluster-admin', '--user=editor'],
		['label', 'node', minion, 'a=b'],
		['get', 'csr'],
	]) {
		const { code, stderr } = await asEditor(...args);
		t.not(code, 0, args.join(' '));
		t.regex(stderr, /forbidden|Forbidden/, args.join(' '));
	}
});

test.serial("a Service with the API's addresses does not keep anyone from the API", async (t) => {
	const outside = new URL((await kubeconfig()).clusters[0]?.cluster.server ?? '').hostname;
	const inside = (await onMinion("sed -n 's/^API_ADDRESS=//p' /etc/kstack/node.env")).stdout.trim();
	for (const address of [outside, inside, await addressOf(master)]) {
		await applyAsEditor({
			apiVersion: 'v1',
			kind: 'Service',
			metadata: { name: 'stolen', namespace, labels: { 'kstack.io/expose': 'true' } },
			spec: {
				type: 'LoadBalancer',
				externalIPs: [address],
				loadBalancerIP: address,
				selector: { app: 'none' },
				ports: [{ port: 6443, targetPort: 6443 }],
			},
		});
		await applyAsEditor({
			apiVersion: 'v1',
			kind: 'Endpoints',
			metadata: { name: 'stolen', namespace },
			subsets: [{ addresses: [{ ip: await addressOf('demo-minion-0') }], ports: [{ port: 6443 }] }],
		});
		await new Promise((resolve) => setTimeout(resolve, 5000));
		await kubectl('--request-timeout=5s', 'get', 'nodes');
		const { stdout } = await onMinion(
			`curl -s -m 5 --cacert /etc/kubernetes/pki/ca.crt https://${inside}:6443/healthz`,
		);
		t.is(stdout, 'ok', `externalIPs with ${address}`);
		const status = await kubectl(
			...['-n', namespace, 'get', 'service', 'stolen', '--ignore-not-found'],
			...['-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}'],
		);
		t.false(status.split(' ').includes(address), status);
		await kubectl('-n', namespace, 'delete', 'service,endpoints', 'stolen', '--ignore-not-found');
	}
});

test.serial(
	'a certificate of another CA, and one without a group of operators, give no rights',
	async (t) => {
		await withFolder(async (folder) => {
			const file = (name: string) => path.join(folder, name);
			const openssl = (...args: string[]) => succeed('openssl', args, folder);
			const subject = '/O=kstack:operators/CN=stranger';
			await openssl(
				'req',
				'-x509',
				'-newkey',
				'rsa:2048',
				'-nodes',
				'-subj',
				subject,
				'-keyout',
				'key',
				'-out',
				'crt',
			);
			const config = await kubeconfig();
			for (const one of config.users)
				one.user = { 'client-certificate': file('crt'), 'client-key': file('key') };
			await writeFile(file('config'), dump(config));
			const asStranger = (...args: string[]) => attempt('kubectl', ['--kubeconfig', file('config'), ...args]);
			t.regex((await asStranger('get', 'nodes')).stderr, /Unauthorized|must be logged in/);

			await openssl('req', '-new', '-key', 'key', '-subj', '/CN=stranger', '-out', 'csr');
			const request = (await readFile(file('csr'))).toString('base64');
			await writeFile(
				file('request.yaml'),
				dump({
					apiVersion: 'certificates.k8s.io/v1',
					kind: 'CertificateSigningRequest',
					metadata: { name: 'stranger' },
					spec: { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], request },
				}),
			);
			await kubectl('apply', '-f', file('request.yaml'));
			await kubectl('certificate', 'approve', 'stranger');
			const issued = await eventually(30, async () => {
				const text = await kubectl('get', 'csr', 'stranger', '-o', 'jsonpath={.status.certificate}');
				if (text === '') throw new Error('the certificate is not issued');
				return text;
			});
			await kubectl('delete', 'csr', 'stranger');
			await writeFile(file('crt'), Buffer.from(issued, 'base64'));
			for (const args of [
				['get', 'nodes'],
				['get', 'secrets', '-A'],
				['get', 'csr'],
			])
				t.regex((await asStranger(...args)).stderr, /Forbidden|forbidden/, args.join(' '));
		});
	},
);
