// The rules of the CIS Kubernetes Benchmark on the cluster: each is passed, or has a reason for an exception.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dump } from 'js-yaml';
import { forbiddenPods, nodeScript, type RbacObject, readCluster, readNode } from '../cis/facts.ts';
import { judge, type Node } from '../cis/rule.ts';
import { rules } from '../cis/rules.ts';
import { attempt, inNode, kubectl, readyNodes, withFolder } from '../cloud.ts';

const items = async <Item>(...args: string[]) =>
	(JSON.parse(await kubectl('get', ...args, '-o', 'json')) as { readonly items: Item[] }).items;

/** The things for which the API refuses a pod in the namespace. Nothing is created. */
async function refusedIn(namespace: string): Promise<string[]> {
	const found: string[] = [];
	for (const [what, { pod, container }] of Object.entries(forbiddenPods)) {
		const spec = { ...pod, containers: [{ name: 'one', image: 'none', ...container }] };
		const manifest = dump({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'cis', namespace }, spec });
		const { stderr } = await withFolder(async (folder) => {
			const file = path.join(folder, 'pod.yaml');
			await writeFile(file, manifest);
			return attempt('kubectl', ['create', '--dry-run=server', '-f', file]);
		});
		if (/violates PodSecurity/.test(stderr)) found.push(what);
	}
	return found;
}

async function clusterFacts() {
	const namespace = 'cis';
	await kubectl('create', 'namespace', namespace);
	try {
		// The controller manager creates the service account of the namespace, without which no pod is admitted.
		await kubectl('create', 'serviceaccount', 'default', '-n', namespace).catch(() => undefined);
		const { gitVersion } = (
			JSON.parse(await kubectl('version', '-o', 'json')) as { serverVersion: { gitVersion: string } }
		).serverVersion;
		const network = await inNode(
			'demo-master-0',
			'sed',
			'-n',
			's/^NETWORK_DRIVER=//p',
			'/etc/kstack/node.env',
		);
		return readCluster({
			version: gitVersion,
			network: network.stdout.trim(),
			rbac: [
				...(await items<RbacObject>('clusterroles,clusterrolebindings')),
				...(await items<RbacObject>('roles,rolebindings', '-A')),
			],
			pods: await items('pods', '-n', 'kube-system'),
			refused: await refusedIn(namespace),
		});
	} finally {
		await kubectl('delete', 'namespace', namespace, '--wait=false');
	}
}

test('each rule of the CIS benchmark is passed, or has a reason for an exception', async (t) => {
	const nodes: Record<string, Node> = {};
	for (const name of await readyNodes()) {
		const { stdout } = await inNode(name, 'bash', '-c', nodeScript);
		nodes[name] = readNode(stdout);
	}
	const masters = new Set(Object.keys(nodes).filter((name) => /-master-/.test(name)));
	const cluster = await clusterFacts();
	const results = rules.map((rule) => judge(rule, nodes, masters, cluster));
	for (const { number, result, title, reason } of results)
		t.log(`${number.padEnd(7)} ${result.padEnd(9)} ${title}${reason === '' ? '' : `: ${reason}`}`);
	t.deepEqual(
		results.filter(({ result }) => result === 'failed').map(({ number, reason }) => `${number}: ${reason}`),
		[],
	);
});
