// What the manifests of the addons in images promise, for each version of Kubernetes.
import test from 'ava';
import { load } from 'js-yaml';
import { renderElements } from '../../src/image/spec/elements.ts';
import { plans } from '../support/images.ts';

interface Manifest {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string };
	// biome-ignore lint/suspicious/noExplicitAny: the objects are of many kinds.
	readonly [field: string]: any;
}

/** The objects of each addon, by `image/addon`. */
const addons = new Map<string, readonly Manifest[]>();
for (const [image, plan] of Object.entries(plans)) {
	for (const { path: name, text } of await renderElements(plan)) {
		const addon = /\/usr\/share\/kstack\/addons\/(.*)\.yaml$/.exec(name)?.[1];
		if (addon === undefined) continue;
		const filled = text.replaceAll('@@POD_SUBNET_LENGTH@@', '24').replaceAll(/@@[A-Z_]+@@/g, '10.0.0.1');
		addons.set(`${image}/${addon}`, (load(filled) as { items: Manifest[] }).items);
	}
}

const named = (addon: string) => [...addons].filter(([name]) => name.endsWith(`/${addon}`));
const one = (items: readonly Manifest[], kind: string, name?: string): Manifest => {
	const found = items.find(
		(item) => item.kind === kind && (name === undefined || item.metadata.name === name),
	);
	if (found === undefined) throw new Error(`no ${kind} ${name ?? ''}`);
	return found;
};
const podOf = (workload: Manifest) => workload.spec.template.spec;
const containerOf = (workload: Manifest) => podOf(workload).containers[0];

/** The verbs that a role allows for a resource of an API group. */
function verbs(role: Manifest, group: string, resource: string): string[] {
	const rules = role.rules as { apiGroups: string[]; resources: string[]; verbs: string[] }[];
	const matching = rules.filter(
		({ apiGroups, resources }) =>
			apiGroups.includes(group) && (resources.includes(resource) || resources.includes('*')),
	);
	return [...new Set(matching.flatMap((rule) => rule.verbs))].sort();
}

const watches = { HTTP2_READ_IDLE_TIMEOUT_SECONDS: '5', HTTP2_PING_TIMEOUT_SECONDS: '3' };
const environment = (workload: Manifest) =>
	Object.fromEntries(
		(containerOf(workload).env as { name: string; value?: string }[]).map(({ name, value }) => [name, value]),
	);

test('gateways do not count when pods of DNS are spread, so that one other node can have all', (t) => {
	for (const [name, items] of named('dns')) {
		const { affinity } = podOf(one(items, 'Deployment'));
		t.deepEqual(
			affinity?.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms,
			[{ matchExpressions: [{ key: 'kstack.io/role', operator: 'NotIn', values: ['gateway'] }] }],
			name,
		);
	}
});

test('pods of DNS are on different nodes, masters included, and end one at a time', (t) => {
	t.is(named('dns').length, Object.keys(plans).length);
	for (const [name, items] of named('dns')) {
		const deployment = one(items, 'Deployment');
		const { topologySpreadConstraints, tolerations } = podOf(deployment);
		t.like(topologySpreadConstraints[0], {
			topologyKey: 'kubernetes.io/hostname',
			maxSkew: 1,
			whenUnsatisfiable: 'DoNotSchedule',
			labelSelector: { matchLabels: deployment.spec.template.metadata.labels },
		});
		t.deepEqual(
			(tolerations as { key: string; effect: string }[]).map(({ key, effect }) => `${key}:${effect}`),
			['node-role.kubernetes.io/master:NoSchedule', 'node-role.kubernetes.io/control-plane:NoSchedule'],
			name,
		);
		t.is(deployment.spec.strategy.rollingUpdate.maxUnavailable, 1);
		const budget = one(items, 'PodDisruptionBudget');
		t.is(budget.spec.maxUnavailable, 1);
		t.deepEqual(budget.spec.selector, deployment.spec.selector);
	}
});

test('a budget has an API version that its Kubernetes has', (t) => {
	for (const [name, items] of addons) {
		const minor = Number(plans[name.split('/')[0] as string]?.kubernetes.split('.')[1]);
		for (const { kind, apiVersion, spec } of items) {
			if (kind !== 'PodDisruptionBudget') continue;
			t.is(apiVersion, minor < 21 ? 'policy/v1beta1' : 'policy/v1', name);
			if (minor < 27) t.is(spec.unhealthyPodEvictionPolicy, undefined, name);
		}
	}
});

test('the pods of DNS have the default seccomp profile, and are not root where their image allows it', (t) => {
	for (const [name, items] of named('dns')) {
		const deployment = one(items, 'Deployment');
		t.is(podOf(deployment).securityContext.seccompProfile.type, 'RuntimeDefault');
		const { image, securityContext } = containerOf(deployment);
		if (image.endsWith('coredns:v1.7.0')) t.is(securityContext.runAsUser, undefined, name);
		else t.true(securityContext.runAsNonRoot && securityContext.runAsUser > 0, name);
		t.deepEqual(securityContext.capabilities.drop, ['ALL']);
		t.like(environment(deployment), watches);
	}
});

test('the Service of cluster-dns leads to the port that another user than root can have', (t) => {
	const items = addons.get('debian12-from-debian/dns') ?? [];
	const { args, ports } = containerOf(one(items, 'Deployment'));
	t.true(args.includes('--listen=:1053'));
	t.deepEqual(
		(ports as { name: string; containerPort: number }[]).map((port) => [port.name, port.containerPort]),
		[
			['dns', 1053],
			['dns-tcp', 1053],
		],
	);
	for (const { name, port, targetPort } of one(items, 'Service').spec.ports) {
		t.is(port, 53);
		t.is(targetPort, name);
	}
});

test('CoreDNS serves metrics, and starts on a node without name servers', (t) => {
	const items = addons.get('debian12-x64-kubernetes/dns') ?? [];
	const corefile = one(items, 'ConfigMap').data.Corefile as string;
	t.regex(corefile, /^ {4}prometheus :9153$/m);
	t.regex(corefile, /^ {4}forward \. \/etc\/resolv\.conf 127\.0\.0\.1:9 \{\n {8}policy sequential$/m);
	t.true(
		(one(items, 'Service').spec.ports as { name: string; port: number }[]).some(
			({ name, port }) => name === 'metrics' && port === 9153,
		),
	);
});

test('flannel uses the address of the node, and has the device of the backend udp', (t) => {
	for (const [name, items] of named('network-flannel')) {
		const daemonSet = one(items, 'DaemonSet');
		const { args, env, volumeMounts, securityContext } = containerOf(daemonSet);
		t.true(args.includes('--iface=$(NODE_IP)'), name);
		t.like(
			(env as { name: string }[]).find((variable) => variable.name === 'NODE_IP'),
			{ valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
		);
		const mount = (volumeMounts as { name: string; mountPath: string }[]).find(
			({ mountPath }) => mountPath === '/dev/net',
		);
		t.like(
			(podOf(daemonSet).volumes as { name: string }[]).find((volume) => volume.name === mount?.name),
			{ hostPath: { path: '/dev/net' } },
		);
		t.true(securityContext.capabilities.add.includes('NET_ADMIN'));
		t.like(environment(daemonSet), watches);
	}
});

test('the account of calico-node cannot change or delete a policy, nor read Secrets', (t) => {
	for (const [name, items] of named('network-calico')) {
		const role = one(items, 'ClusterRole', 'calico-node');
		const readOnly = ['networkpolicies', 'globalnetworkpolicies', 'hostendpoints', 'bgppeers', 'networksets'];
		for (const resource of readOnly)
			t.deepEqual(verbs(role, 'crd.projectcalico.org', resource), ['get', 'list', 'watch'], resource);
		t.deepEqual(verbs(role, 'networking.k8s.io', 'networkpolicies'), ['list', 'watch']);
		t.deepEqual(verbs(role, 'crd.projectcalico.org', 'ippools'), [
			'create',
			'get',
			'list',
			'update',
			'watch',
		]);
		t.deepEqual(verbs(role, '', 'configmaps'), ['get']);
		t.deepEqual(verbs(role, '', 'secrets'), [], name);
		t.deepEqual(verbs(role, '', 'pods/status'), ['patch']);
	}
});

test('Calico runs the controller of nodes alone, on masters too, and has the probes of upstream', (t) => {
	for (const [name, items] of named('network-calico')) {
		const controllers = one(items, 'Deployment');
		t.is(environment(controllers).ENABLED_CONTROLLERS, 'node');
		for (const key of ['node-role.kubernetes.io/master', 'node-role.kubernetes.io/control-plane'])
			t.true((podOf(controllers).tolerations as { key: string }[]).some((taint) => taint.key === key));
		t.is(podOf(controllers).securityContext.seccompProfile.type, 'RuntimeDefault', name);
		t.true(containerOf(controllers).securityContext.runAsNonRoot);
		const node = one(items, 'DaemonSet');
		for (const workload of [controllers, node]) {
			t.is(containerOf(workload).livenessProbe.failureThreshold, 6);
			t.like(environment(workload), watches);
		}
	}
});
