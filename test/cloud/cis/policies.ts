// Section 5: what the API allows.
import { onlyHolders } from './checks.ts';
import type { Right, Rule } from './rule.ts';

const rule = (number: string, title: string, check: NonNullable<Rule['check']>): Rule => ({
	number,
	title,
	on: 'cluster',
	check,
});

const except = (number: string, title: string, why: string): Rule => ({
	number,
	title,
	on: 'cluster',
	exception: () => why,
});

const user = (name: string) => `User kstack:${name}`;
const right = (verb: string, resource: string, group = ''): Right => ({ verb, resource, group });

/** The API refuses a pod with this in a namespace without labels. */
const refuses = (number: string, title: string, what: string): Rule => ({
	...rule(number, title, (_, { refused }) =>
		refused.includes(what) ? [] : [`a pod with ${what} is admitted`],
	),
	exception: ({ minor }) =>
		minor < 23 ? 'Kubernetes before 1.23 has no PodSecurity: not enforced.' : undefined,
});

const restricted = (number: string, title: string): Rule =>
	except(
		number,
		title,
		'Only the standard "restricted" refuses it, which images of the public do not follow. Set it for a namespace by its label, or for all with podSecurity.',
	);

const ofTenants = (number: string, title: string, why: string) =>
	except(number, title, `For the users of the cluster: ${why}`);

export const policies: readonly Rule[] = [
	rule(
		'5.1.1',
		'Few are cluster-admin',
		onlyHolders(right('create', 'clusterrolebindings', 'rbac.authorization.k8s.io')),
	),
	rule('5.1.2', 'Few read Secrets', onlyHolders(right('list', 'secrets'), user('pki'))),
	rule('5.1.3', 'No role allows everything', (_, { wildcardRoles }) =>
		wildcardRoles.map((name) => `${name} has a rule for everything`),
	),
	rule('5.1.4', 'Few create pods', onlyHolders(right('create', 'pods'))),
	rule('5.1.5', 'Pods of the cluster have accounts of their own', (_, { defaultAccounts }) =>
		defaultAccounts.map((pod) => `${pod} uses the account "default"`),
	),
	ofTenants(
		'5.1.6',
		'Tokens are mounted where they are needed',
		'set automountServiceAccountToken to false in pods that do not use the API.',
	),
	except(
		'5.1.7',
		'Nobody is in system:masters',
		'admin.conf on masters is, for the steps that assemble a master and for emergencies. Root there has the key of the CA. Operators and programs are not.',
	),
	rule('5.1.8', 'Few may impersonate', onlyHolders(right('impersonate', 'users'))),
	rule('5.1.9', 'Few create volumes', onlyHolders(right('create', 'persistentvolumes'))),
	rule(
		'5.1.10',
		'Few reach the API of kubelets',
		onlyHolders(right('create', 'nodes/proxy'), 'User kube-apiserver-kubelet-client'),
	),
	rule(
		'5.1.11',
		'Few approve certificates',
		onlyHolders(right('update', 'certificatesigningrequests/approval', 'certificates.k8s.io'), user('nodes')),
	),
	rule(
		'5.1.12',
		'Few change webhooks',
		onlyHolders(right('create', 'mutatingwebhookconfigurations', 'admissionregistration.k8s.io')),
	),
	rule('5.1.13', 'Few make tokens', onlyHolders(right('create', 'serviceaccounts/token'))),
	{
		...rule('5.2.1', 'Something decides what pods may do', (_, { refused }) =>
			refused.length > 0 ? [] : ['nothing is refused'],
		),
		exception: ({ minor }) =>
			minor < 23 ? 'Kubernetes before 1.23 has no PodSecurity: not enforced.' : undefined,
	},
	refuses('5.2.2', 'No privileged containers', 'privileged'),
	refuses('5.2.3', "No pods in the host's process IDs", 'hostPID'),
	refuses('5.2.4', "No pods in the host's IPC", 'hostIPC'),
	refuses('5.2.5', "No pods in the host's network", 'hostNetwork'),
	restricted('5.2.6', 'No escalation of privileges'),
	restricted('5.2.7', 'No containers of root'),
	restricted('5.2.8', 'No NET_RAW'),
	refuses('5.2.9', 'No added capabilities', 'capabilities'),
	refuses('5.2.10', 'No HostProcess containers of Windows', 'hostProcess'),
	refuses('5.2.11', 'No hostPath volumes', 'hostPath'),
	refuses('5.2.12', 'No ports of the host', 'hostPort'),
	{
		...rule('5.3.1', 'NetworkPolicies are enforced', () => []),
		exception: ({ network }) =>
			network === 'calico'
				? undefined
				: `The network driver ${network} does not enforce NetworkPolicy; calico does.`,
	},
	ofTenants('5.3.2', 'Each namespace has a NetworkPolicy', 'kstack makes no namespaces.'),
	ofTenants(
		'5.4.1',
		'Secrets are files, not variables',
		'the API cannot refuse variables. No pod of the cluster itself has a Secret in one.',
	),
	ofTenants(
		'5.4.2',
		'Secrets are kept outside the cluster',
		'use an operator such as External Secrets. etcd has Secrets encrypted.',
	),
	ofTenants(
		'5.5.1',
		'Images have a proven origin',
		'set ImagePolicyWebhook with KUBE_APISERVER_EXTRA_ARGS, or use a policy engine. Images of kimg have theirs by digest.',
	),
	ofTenants('5.6.1', 'Namespaces divide what belongs to different users', 'kstack makes no namespaces.'),
	ofTenants(
		'5.6.2',
		'Pods have a seccomp profile',
		'rule 4.2.14 gives one to all pods, where the release has it.',
	),
	ofTenants('5.6.3', 'Pods have a security context', 'podSecurity restricted requires one.'),
	ofTenants(
		'5.6.4',
		'The namespace default is not used',
		'kstack does not use it, except for Events of nodes.',
	),
];
