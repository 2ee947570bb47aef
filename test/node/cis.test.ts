// The rules of the CIS benchmark that test/cloud/demo/cis.test.ts applies to a cluster: that they are complete, that the units,
// steps and manifests of this release pass them, and that each finds what it is for.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { holdersOf, nodeScript, type RbacObject, readNode, wildcardRolesOf } from '../cloud/cis/facts.ts';
import { type Cluster, judge, type Node, type Rule } from '../cloud/cis/rule.ts';
import { rules } from '../cloud/cis/rules.ts';
import { node, step } from '../support/assembling.ts';
import { plans } from '../support/images.ts';
import { imageFiles } from '../support/node.ts';
import { runToEnd } from '../support/processes.ts';

const element = path.join(packageRoot, 'elements/kubernetes-services/static');

test('there is each rule of the benchmark, once and in order', (t) => {
	const sizes: readonly (readonly [string, number])[] = [
		...([
			['1.1', 21],
			['1.2', 30],
			['1.3', 7],
			['1.4', 2],
			['2', 7],
			['3.1', 3],
			['3.2', 2],
		] as const),
		...([
			['4.1', 10],
			['4.2', 14],
			['4.3', 1],
			['5.1', 13],
			['5.2', 12],
			['5.3', 2],
		] as const),
		...([
			['5.4', 2],
			['5.5', 1],
			['5.6', 4],
		] as const),
	];
	t.deepEqual(
		rules.map(({ number }) => number),
		sizes.flatMap(([section, size]) => Array.from({ length: size }, (_, index) => `${section}.${index + 1}`)),
	);
	for (const { number, check, exception } of rules) t.true((check ?? exception) !== undefined, number);
});

const nobody: Cluster = {
	...{ minor: 36, network: 'calico', wildcardRoles: [], defaultAccounts: [], refused: [] },
	holders: () => [],
};

/** The numbers of the rules that fail on this one node. */
const failing = (chosen: readonly Rule[], one: Node, cluster: Cluster) =>
	chosen
		.map((rule) => judge(rule, { 'demo-master-0': one }, new Set(['demo-master-0']), cluster))
		.filter(({ result }) => result === 'failed');

const section = (pattern: RegExp) => rules.filter(({ number }) => pattern.test(number));

/** The arguments in a unit, with the flags of an image. */
function argumentsOf(unit: string, env: Readonly<Record<string, string>>): string[] {
	const command = /^ExecStart=([\s\S]*?[^\\])\n/m.exec(unit)?.[1] ?? '';
	return command
		.replace(/\\\n/g, ' ')
		.replace(/\$\{?(\w+)\}?/g, (_, name: string) => env[name] ?? '')
		.split(/\s+/)
		.filter((word) => word !== '');
}

/** The variables of a file such as node.env. */
const variablesOf = (text: string) =>
	Object.fromEntries([...text.matchAll(/^(\w+)="?(.*?)"?$/gm)].map(([, name, value]) => [name, value]));

/** What a master of this release has in common on all clouds, with an image of this profile. */
async function ofRelease(profile: string): Promise<Node> {
	const { run, file } = await node('master');
	for (const name of ['15-form-or-join', '20-pki', '30-etcd', '40-control-plane', '80-node'])
		await run(step(name));
	const golden = path.join(packageRoot, 'test/golden/image', profile);
	const flags = 'elements/kubernetes-services/static/usr/share/kstack/flags.env';
	const env = variablesOf(await readFile(path.join(golden, flags), 'utf8'));
	const units = (await imageFiles()).filter(({ path: place }) =>
		/systemd\/system\/kube[^/]*\.service$/.test(place),
	);
	const audit = await readFile(path.join(element, 'usr/share/kstack/audit-policy.yaml'), 'utf8');
	const encryption = await file('etc/kubernetes/encryption.yaml');
	return {
		files: {},
		programs: Object.fromEntries(
			units.map(({ path: place, text }) => [path.basename(place, '.service'), argumentsOf(text, env)]),
		),
		etcd: variablesOf(await file('etc/kstack/etcd.env')),
		kubelet: load(await file('etc/kubernetes/kubelet.yaml')) as Record<string, unknown>,
		encryption: [...encryption.matchAll(/- (aescbc|identity):/g)].map(([, name]) => name as string),
		audit,
	};
}

/** Rules for what units and steps say; the disk and the cluster are not here. */
const flagsAndConfiguration = /^(1\.[2-4]|2|3|4\.[23])\./;

for (const profile of ['debian12-from-debian', 'debian12-x64-kubernetes'])
	test(`the units and steps of this release pass the rules for flags and configuration, with ${profile}`, async (t) => {
		const minor = Number(plans[profile]?.kubernetes.split('.')[1]);
		const found = failing(section(flagsAndConfiguration), await ofRelease(profile), {
			...nobody,
			minor,
		});
		t.deepEqual(found, []);
	});

test('a node and a cluster that break every rule fail each that is checked', (t) => {
	const evil: Node = {
		files: Object.fromEntries(
			[
				...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd', 'kubelet'].map(
					(name) => `/etc/systemd/system/${name}.service`,
				),
				...['admin', 'scheduler', 'controller-manager', 'kubelet'].map(
					(name) => `/etc/kubernetes/${name}.conf`,
				),
				...['/etc/kubernetes/kubelet.yaml', '/etc/kubernetes/pki/ca.crt', '/etc/kubernetes/pki/ca.key'],
				...['/etc/cni/net.d/10-kstack.conflist', '/var/lib/etcd/data'],
			].map((place) => [place, { mode: 0o777, owner: 'nobody:nogroup' }]),
		),
		programs: {
			'kube-apiserver': [
				...['--token-auth-file=/tokens', '--authorization-mode=AlwaysAllow', '--request-timeout=0s'],
				...['--enable-admission-plugins=AlwaysAdmit', '--service-account-lookup=false'],
				...['--disable-admission-plugins=ServiceAccount,NamespaceLifecycle', '--client-ca-file=/ca.crt'],
				'--client-ca-file=',
			],
			'kube-controller-manager': ['--feature-gates=RotateKubeletServerCertificate=false'],
			'kube-scheduler': ['--profiling'],
			'kube-proxy': ['--metrics-bind-address=0.0.0.0:10249'],
		},
		etcd: { ETCD_AUTO_TLS: 'true', ETCD_PEER_AUTO_TLS: 'true', ETCD_TRUSTED_CA_FILE: '/ca.crt' },
		kubelet: {
			...{ readOnlyPort: 10255, streamingConnectionIdleTimeout: '0s', makeIPTablesUtilChains: false },
			...{ eventRecordQPS: 0, rotateCertificates: false, tlsCipherSuites: ['TLS_RSA_WITH_RC4_128_SHA'] },
		},
		encryption: ['identity', 'aescbc'],
		audit: '',
	};
	const open: Cluster = {
		...{
			minor: 36,
			network: 'calico',
			wildcardRoles: ['ClusterRole all'],
			defaultAccounts: ['dns'],
			refused: [],
		},
		holders: () => ['User evil'],
	};
	const checked = rules.filter(
		({ check, exception }) => check !== undefined && exception?.(open) === undefined,
	);
	const failed = failing(checked, evil, open).map(({ number }) => number);
	// A CA is named there, and calico enforces NetworkPolicy.
	const passed = ['1.2.25', '5.3.1'];
	t.deepEqual(
		checked.map(({ number }) => number).filter((number) => !failed.includes(number)),
		passed,
	);
	t.true(checked.length > 80);
});

test('a rule for which there is no node fails', (t) => {
	const [rule] = section(/^1\.1\.13$/);
	t.is(judge(rule as Rule, {}, new Set(), nobody).result, 'failed');
});

test('the manifests of this release give no right that the policies do not allow', async (t) => {
	const folder = path.join(element, 'usr/share/kstack/assemble/manifests');
	const objects: RbacObject[] = [];
	for (const name of await readdir(folder)) {
		const found = load(await readFile(path.join(folder, name), 'utf8')) as RbacObject & {
			items?: RbacObject[];
		};
		objects.push(...(found.items ?? [found]));
	}
	const rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
	const label = { labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } };
	objects.push({ kind: 'ClusterRole', metadata: { name: 'cluster-admin', ...label }, rules: [rule] });
	const holders = (right: Parameters<Cluster['holders']>[0]) => holdersOf(objects, right);
	t.true(holders({ resource: 'pods', verb: 'create' }).includes('Group kstack:operators'));
	const cluster = { ...nobody, holders, wildcardRoles: wildcardRolesOf(objects) };
	t.deepEqual(failing(section(/^5\.1\./), readNode(''), cluster), []);
});

test('holders of a right are found by roles and bindings; rights on named objects do not count', (t) => {
	const role = (name: string, rules: object, kind = 'ClusterRole', namespace?: string) => ({
		...{ kind, metadata: { name, ...(namespace && { namespace }) } },
		rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'], ...rules }],
	});
	const binding = (name: string, kind: string, namespace?: string) => ({
		kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
		metadata: { name, ...(namespace && { namespace }) },
		roleRef: { kind, name },
		subjects: [{ kind: 'User', name }],
	});
	const objects = [
		...[role('reader', {}), binding('reader', 'ClusterRole')],
		...[role('named', { resourceNames: ['one'] }), binding('named', 'ClusterRole')],
		...[role('all', { resources: ['*'], verbs: ['*'] }), binding('all', 'ClusterRole')],
		...[role('writer', { verbs: ['create'] }), binding('writer', 'ClusterRole')],
		...[role('own', {}, 'Role', 'kube-system'), binding('own', 'Role', 'kube-system')],
		...[role('other', {}, 'Role', 'tenant'), binding('other', 'Role', 'tenant')],
	];
	t.deepEqual(holdersOf(objects, { resource: 'secrets', verb: 'list' }), [
		'User all',
		'User own',
		'User reader',
	]);
	t.deepEqual(wildcardRolesOf(objects), ['ClusterRole all']);
});

test('the facts of a node are read from what the script prints', async (t) => {
	t.deepEqual(
		readNode(`== files
600 root:root /etc/kubernetes/admin.conf
== program etcd
etcd
== etcd
ETCD_NAME=demo=0
== kubelet
readOnlyPort: 0
== encryption
aescbc
identity
== audit
rules:
- secrets
`),
		{
			files: { '/etc/kubernetes/admin.conf': { mode: 0o600, owner: 'root:root' } },
			programs: { etcd: ['etcd'] },
			etcd: { ETCD_NAME: 'demo=0' },
			kubelet: { readOnlyPort: 0 },
			encryption: ['aescbc', 'identity'],
			audit: 'rules:\n- secrets\n',
		},
	);
	const { code, stderr } = await runToEnd('bash', ['-n', '-c', nodeScript]);
	t.deepEqual([code, stderr], [0, '']);
});
