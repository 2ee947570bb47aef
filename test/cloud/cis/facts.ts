// How the facts about nodes and the cluster are read: scripts and requests, and pure functions for what they print.
import { load } from 'js-yaml';
import type { Cluster, File, Node, Right, Subject } from './rule.ts';

const programs = [
	'kube-apiserver',
	'kube-controller-manager',
	'kube-scheduler',
	'kube-proxy',
	'kubelet',
	'etcd',
];

/**
 * Prints the facts of a node, in sections that begin with a line `== NAME`. Prints no secret: of the encryption of Secrets
 * only the providers, of etcd's environment only names and places.
 */
export const nodeScript = `
echo '== files'
find /etc/kubernetes /etc/cni/net.d /etc/systemd/system/*.service /var/lib/etcd/data -maxdepth 2 -printf '%m %u:%g %p\\n' 2>/dev/null
for name in ${programs.join(' ')}; do
	pid=$(pidof -s "$name") || continue
	echo "== program $name"
	tr '\\0' '\\n' <"/proc/$pid/cmdline"
done
if pid=$(pidof -s etcd); then
	echo '== etcd'
	tr '\\0' '\\n' <"/proc/$pid/environ" | grep '^ETCD_'
fi
echo '== kubelet'
cat /etc/kubernetes/kubelet.yaml
echo '== encryption'
[ ! -e /etc/kubernetes/encryption.yaml ] || grep -o '^ *- [a-z]*:' /etc/kubernetes/encryption.yaml | tr -d ' :-'
echo '== audit'
cat /usr/share/kstack/audit-policy.yaml
`;

/** The sections of what the script prints. */
function sectionsOf(printed: string): Map<string, string> {
	const parts = printed.split(/^== (.*)\n/m).slice(1);
	return new Map(
		parts.flatMap((part, index): [string, string][] =>
			index % 2 === 0 ? [[part, parts[index + 1] ?? '']] : [],
		),
	);
}

const linesOf = (text: string | undefined) => (text ?? '').split('\n').filter((line) => line !== '');

/** The facts that the script has printed. */
export function readNode(printed: string): Node {
	const sections = sectionsOf(printed);
	const files = linesOf(sections.get('files')).map((line): [string, File] => {
		const [mode, owner, ...path] = line.split(' ');
		return [path.join(' '), { mode: Number.parseInt(mode ?? '', 8), owner: owner ?? '' }];
	});
	const running = [...sections].flatMap(([name, text]): [string, string[]][] =>
		name.startsWith('program ') ? [[name.slice('program '.length), linesOf(text)]] : [],
	);
	const etcd = linesOf(sections.get('etcd')).map((line): [string, string] => {
		const at = line.indexOf('=');
		return [line.slice(0, at), line.slice(at + 1)];
	});
	return {
		files: Object.fromEntries(files),
		programs: Object.fromEntries(running),
		etcd: Object.fromEntries(etcd),
		kubelet: (load(sections.get('kubelet') || '{}') ?? {}) as Record<string, unknown>,
		encryption: linesOf(sections.get('encryption')).filter((name) => name !== 'resources'),
		audit: sections.get('audit') ?? '',
	};
}

interface Metadata {
	readonly name: string;
	readonly namespace?: string;
	readonly labels?: Readonly<Record<string, string>>;
}

interface PolicyRule {
	readonly apiGroups?: readonly string[];
	readonly resources?: readonly string[];
	readonly resourceNames?: readonly string[];
	readonly verbs?: readonly string[];
}

/** A role or a binding, as the API lists it. */
export interface RbacObject {
	readonly kind: string;
	readonly metadata: Metadata;
	readonly rules?: readonly PolicyRule[] | null;
	readonly roleRef?: { readonly kind: string; readonly name: string };
	readonly subjects?: readonly {
		readonly kind: string;
		readonly name: string;
		readonly namespace?: string;
	}[];
}

/** Kubernetes makes these itself. */
const isBuiltIn = ({ metadata }: RbacObject) =>
	metadata.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults';

const has = (list: readonly string[] | undefined, word: string) =>
	list !== undefined && (list.includes(word) || list.includes('*'));

/** Whether a rule gives a right to all objects of the resource; some named objects do not count. */
function gives(rule: PolicyRule, { group = '', resource, verb }: Right): boolean {
	const [, sub] = resource.split('/');
	const named = has(rule.resources, resource) || (sub !== undefined && has(rule.resources, `*/${sub}`));
	return (
		(rule.resourceNames ?? []).length === 0 && has(rule.apiGroups, group) && named && has(rule.verbs, verb)
	);
}

/**
 * Who has a right, by a binding for all namespaces or one in kube-system that Kubernetes has not made itself.
 *
 * @param objects  roles and bindings of all kinds
 */
export function holdersOf(objects: readonly RbacObject[], right: Right): Subject[] {
	const bindings = objects.filter(
		(one) =>
			one.roleRef !== undefined &&
			!isBuiltIn(one) &&
			(one.kind === 'ClusterRoleBinding' || one.metadata.namespace === 'kube-system'),
	);
	const found = bindings.flatMap(({ roleRef, subjects = [], metadata: { namespace } }) => {
		const role = objects.find(
			({ kind, metadata }) =>
				kind === roleRef?.kind &&
				metadata.name === roleRef.name &&
				(kind === 'ClusterRole' || metadata.namespace === namespace),
		);
		if ((role?.rules ?? []).every((rule) => !gives(rule, right))) return [];
		return subjects.map(
			({ kind, name, namespace: of }) => `${kind} ${kind === 'ServiceAccount' ? `${of}/` : ''}${name}`,
		);
	});
	return [...new Set(found)].sort();
}

/** Roles with a rule for every resource and verb that Kubernetes has not made itself. */
export const wildcardRolesOf = (objects: readonly RbacObject[]) =>
	objects
		.filter((one) => !isBuiltIn(one))
		.filter(({ rules }) =>
			(rules ?? []).some(({ resources, verbs }) => resources?.includes('*') && verbs?.includes('*')),
		)
		.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

/** A change of a pod's spec for each thing that the standard `baseline` refuses. */
export const forbiddenPods: Readonly<Record<string, { readonly pod?: object; readonly container?: object }>> =
	{
		privileged: { container: { securityContext: { privileged: true } } },
		hostPID: { pod: { hostPID: true } },
		hostIPC: { pod: { hostIPC: true } },
		hostNetwork: { pod: { hostNetwork: true } },
		capabilities: { container: { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } } },
		hostProcess: {
			pod: {
				hostNetwork: true,
				securityContext: { windowsOptions: { hostProcess: true, runAsUserName: 'x' } },
			},
		},
		hostPath: { pod: { volumes: [{ name: 'host', hostPath: { path: '/' } }] } },
		hostPort: { container: { ports: [{ containerPort: 80, hostPort: 80 }] } },
	};

/** The facts of the cluster from what the API lists. */
export function readCluster(given: {
	readonly version: string;
	readonly network: string;
	readonly rbac: readonly RbacObject[];
	/** The pods of kube-system. */
	readonly pods: readonly {
		readonly metadata: Metadata;
		readonly spec: { readonly serviceAccountName?: string; readonly hostNetwork?: boolean };
	}[];
	readonly refused: readonly string[];
}): Cluster {
	return {
		minor: Number(/^v?1\.(\d+)/.exec(given.version)?.[1]),
		network: given.network,
		holders: (right) => holdersOf(given.rbac, right),
		wildcardRoles: wildcardRolesOf(given.rbac),
		defaultAccounts: given.pods
			.filter(({ spec }) => (spec.serviceAccountName ?? 'default') === 'default')
			.map(({ metadata }) => metadata.name),
		refused: given.refused,
	};
}
