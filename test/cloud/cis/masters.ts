// Sections 1 to 3: files, flags and configuration of masters.
import {
	all,
	ciphersAreStrong,
	etcdHas,
	etcdIs,
	etcdIsNot,
	filesAreOfRoot,
	filesHaveMode,
	flagHas,
	flagIs,
	flagIsAtLeast,
	flagIsNot,
	flagsAreSet,
} from './checks.ts';
import type { Rule } from './rule.ts';

const api = 'kube-apiserver';
const manager = 'kube-controller-manager';
const scheduler = 'kube-scheduler';
const plugins = '--enable-admission-plugins';

const rule = (number: string, title: string, check: Rule['check']): Rule => ({
	number,
	title,
	on: 'masters',
	...(check && { check }),
});

const except = (number: string, title: string, why: string): Rule => ({
	number,
	title,
	on: 'masters',
	exception: () => why,
});

const units = (name: string) => new RegExp(`^/etc/systemd/system/${name}\\.service$`);
const noPods =
	'There is no static pod but a systemd unit. It has no secret, and systemd shows it to every user whatever its mode; only root may write it.';

/** What would be the manifest of a static pod is a unit of systemd. */
const unitRules = (first: number, name: string, title: string): Rule[] => [
	except(`1.1.${first}`, `Definition of ${title}: mode 600`, noPods),
	rule(
		`1.1.${first + 1}`,
		`Definition of ${title}: owned by root`,
		all(filesAreOfRoot(units(name)), filesHaveMode(units(name), 0o644)),
	),
];

const kubeconfig = (name: string) => new RegExp(`^/etc/kubernetes/${name}\\.conf$`);

export const masterFiles: readonly Rule[] = [
	...unitRules(1, api, 'the API server'),
	...unitRules(3, manager, 'the controller manager'),
	...unitRules(5, scheduler, 'the scheduler'),
	...unitRules(7, 'etcd', 'etcd'),
	{
		...rule('1.1.9', 'CNI configuration: mode 600', filesHaveMode(/^\/etc\/cni\/net\.d\//, 0o600)),
		exception: ({ network }) =>
			network === 'flannel'
				? "flannel's own container writes the file, with mode 644; it has no secret."
				: undefined,
	},
	rule('1.1.10', 'CNI configuration: owned by root', filesAreOfRoot(/^\/etc\/cni\/net\.d\//)),
	rule('1.1.11', "etcd's data: mode 700", filesHaveMode(/^\/var\/lib\/etcd\/data$/, 0o700)),
	except(
		'1.1.12',
		"etcd's data: owned by a user of etcd",
		'etcd runs as root, like the other programs of a master: who is root there has the keys of the CA.',
	),
	rule('1.1.13', 'Kubeconfig of administrators: mode 600', filesHaveMode(kubeconfig('admin'), 0o600)),
	rule('1.1.14', 'Kubeconfig of administrators: owned by root', filesAreOfRoot(kubeconfig('admin'))),
	rule('1.1.15', 'Kubeconfig of the scheduler: mode 600', filesHaveMode(kubeconfig('scheduler'), 0o600)),
	rule('1.1.16', 'Kubeconfig of the scheduler: owned by root', filesAreOfRoot(kubeconfig('scheduler'))),
	rule(
		'1.1.17',
		'Kubeconfig of the controller manager: mode 600',
		filesHaveMode(kubeconfig('controller-manager'), 0o600),
	),
	rule(
		'1.1.18',
		'Kubeconfig of the controller manager: owned by root',
		filesAreOfRoot(kubeconfig('controller-manager')),
	),
	rule('1.1.19', 'PKI: owned by root', filesAreOfRoot(/^\/etc\/kubernetes\/pki(\/|$)/)),
	rule('1.1.20', 'Certificates: mode 644', filesHaveMode(/^\/etc\/kubernetes\/pki\/.*\.crt$/, 0o644)),
	rule('1.1.21', 'Keys: mode 600', filesHaveMode(/^\/etc\/kubernetes\/pki\/.*\.key$/, 0o600)),
];

export const apiServer: readonly Rule[] = [
	except(
		'1.2.1',
		'No anonymous requests',
		"keepalived and joining nodes ask for the API's health without credentials, and joining masters read cluster-info, which is public. RBAC allows anonymous requests nothing else.",
	),
	rule('1.2.2', 'No file of tokens', flagIsNot(api, '--token-auth-file')),
	{
		...rule('1.2.3', 'External IPs of Services are refused', flagHas(api, plugins, 'DenyServiceExternalIPs')),
		exception: ({ minor }) =>
			minor < 21
				? 'Kubernetes before 1.21 has no such plugin: not enforced. kstack-guard keeps the ports of the control plane.'
				: undefined,
	},
	rule(
		'1.2.4',
		'The API server has a certificate for kubelets',
		flagsAreSet(api, '--kubelet-client-certificate', '--kubelet-client-key'),
	),
	rule('1.2.5', 'The API server verifies kubelets', flagsAreSet(api, '--kubelet-certificate-authority')),
	rule('1.2.6', 'Not everything is authorized', flagIsNot(api, '--authorization-mode', 'AlwaysAllow')),
	rule('1.2.7', 'Nodes are authorized by Node', flagHas(api, '--authorization-mode', 'Node')),
	rule('1.2.8', 'Requests are authorized by RBAC', flagHas(api, '--authorization-mode', 'RBAC')),
	rule(
		'1.2.9',
		'Events are limited',
		all(flagHas(api, plugins, 'EventRateLimit'), flagsAreSet(api, '--admission-control-config-file')),
	),
	rule('1.2.10', 'Not everything is admitted', flagIsNot(api, plugins, 'AlwaysAdmit')),
	except(
		'1.2.11',
		'Images are always pulled',
		'The images of the cluster are on the disks of nodes, which may have no registry. Set it with KUBE_APISERVER_EXTRA_ARGS where tenants have private images.',
	),
	rule('1.2.12', 'Plugin ServiceAccount', flagIsNot(api, '--disable-admission-plugins', 'ServiceAccount')),
	rule(
		'1.2.13',
		'Plugin NamespaceLifecycle',
		flagIsNot(api, '--disable-admission-plugins', 'NamespaceLifecycle'),
	),
	rule('1.2.14', 'Plugin NodeRestriction', flagHas(api, plugins, 'NodeRestriction')),
	rule('1.2.15', 'No profiling', flagIs(api, '--profiling', 'false')),
	rule('1.2.16', 'There is an audit log', flagsAreSet(api, '--audit-log-path')),
	rule('1.2.17', 'The audit log has 30 days', flagIsAtLeast(api, '--audit-log-maxage', 30)),
	rule('1.2.18', 'The audit log has 10 old files', flagIsAtLeast(api, '--audit-log-maxbackup', 10)),
	except(
		'1.2.19',
		'A file of the audit log has 100 MB',
		'Files have 50 MB, so that the log fits on the disk of a small master. They are rotated at this size.',
	),
	rule('1.2.20', 'Requests have a time limit', flagIsNot(api, '--request-timeout', '0', '0s')),
	rule(
		'1.2.21',
		'Tokens of deleted service accounts are refused',
		flagIsNot(api, '--service-account-lookup', 'false'),
	),
	rule('1.2.22', 'Keys of service accounts', flagsAreSet(api, '--service-account-key-file')),
	rule(
		'1.2.23',
		'The API server has a certificate for etcd',
		flagsAreSet(api, '--etcd-certfile', '--etcd-keyfile'),
	),
	rule(
		'1.2.24',
		'The API server has a serving certificate',
		flagsAreSet(api, '--tls-cert-file', '--tls-private-key-file'),
	),
	rule('1.2.25', 'Client certificates are verified', flagsAreSet(api, '--client-ca-file')),
	rule('1.2.26', 'The API server verifies etcd', flagsAreSet(api, '--etcd-cafile')),
	rule('1.2.27', 'Secrets are encrypted', flagsAreSet(api, '--encryption-provider-config')),
	rule('1.2.28', 'Secrets are written with a strong cipher', ({ encryption }) =>
		['aescbc', 'secretbox', 'kms'].includes(encryption[0] ?? '')
			? []
			: [`the first provider is ${encryption[0] ?? 'missing'}`],
	),
	rule(
		'1.2.29',
		'The API server has strong ciphers',
		all(ciphersAreStrong(api), flagIs(api, '--tls-min-version', 'VersionTLS12', 'VersionTLS13')),
	),
	except(
		'1.2.30',
		'Tokens of service accounts are not extended',
		'Clients that read their token once, at their start, would fail after an hour. A token ends with its pod in any case.',
	),
];

export const managers: readonly Rule[] = [
	rule(
		'1.3.1',
		'The number of ended pods is limited',
		flagIsAtLeast(manager, '--terminated-pod-gc-threshold', 1),
	),
	rule('1.3.2', 'Controller manager: no profiling', flagIs(manager, '--profiling', 'false')),
	rule(
		'1.3.3',
		'Each controller has its own account',
		flagIs(manager, '--use-service-account-credentials', 'true'),
	),
	rule('1.3.4', 'Key of service accounts', flagsAreSet(manager, '--service-account-private-key-file')),
	rule('1.3.5', 'CA for pods', flagsAreSet(manager, '--root-ca-file')),
	rule(
		'1.3.6',
		'Serving certificates of kubelets are rotated',
		flagIsNot(manager, '--feature-gates', 'RotateKubeletServerCertificate=false'),
	),
	rule(
		'1.3.7',
		'Controller manager: this machine only',
		all(flagIs(manager, '--bind-address', '127.0.0.1'), ciphersAreStrong(manager)),
	),
	rule('1.4.1', 'Scheduler: no profiling', flagIs(scheduler, '--profiling', 'false')),
	rule(
		'1.4.2',
		'Scheduler: this machine only',
		all(flagIs(scheduler, '--bind-address', '127.0.0.1'), ciphersAreStrong(scheduler)),
	),
];

export const etcd: readonly Rule[] = [
	rule('2.1', 'etcd has a serving certificate', etcdHas('ETCD_CERT_FILE', 'ETCD_KEY_FILE')),
	rule('2.2', 'etcd verifies its clients', etcdIs('ETCD_CLIENT_CERT_AUTH', 'true')),
	rule('2.3', 'etcd does not sign for itself', etcdIsNot('ETCD_AUTO_TLS')),
	rule('2.4', 'Members have certificates', etcdHas('ETCD_PEER_CERT_FILE', 'ETCD_PEER_KEY_FILE')),
	rule('2.5', 'Members verify each other', etcdIs('ETCD_PEER_CLIENT_CERT_AUTH', 'true')),
	rule('2.6', 'Members do not sign for themselves', etcdIsNot('ETCD_PEER_AUTO_TLS')),
	rule('2.7', 'etcd has a CA of its own', ({ etcd: { ETCD_TRUSTED_CA_FILE: own }, programs }) =>
		own !== undefined && programs[api]?.includes(`--client-ca-file=${own}`) === false
			? []
			: [`etcd has the CA ${own}, the API server too`],
	),
];

/** Resources that the audit policy must name. */
const audited = [
	'secrets',
	'serviceaccounts/token',
	'pods/exec',
	'pods/portforward',
	'pods/proxy',
	'services/proxy',
];

export const configuration: readonly Rule[] = [
	except(
		'3.1.1',
		'Users have no client certificates',
		'Operators have: each with a user name, for a bounded time. Add an identity provider with KUBE_APISERVER_EXTRA_ARGS (--oidc-issuer-url); to take the rights of all certificates of operators away, delete the binding kstack:operators.',
	),
	except(
		'3.1.2',
		'Users have no tokens of service accounts',
		'kstack gives none to users. What users create is for the administrators of the cluster.',
	),
	except(
		'3.1.3',
		'Users have no bootstrap tokens',
		'They are for nodes and joining masters. RBAC allows them to request the certificate of a node, and to read the PKI while a master joins.',
	),
	rule('3.2.1', 'There is an audit policy', flagsAreSet(api, '--audit-policy-file')),
	rule('3.2.2', 'The audit policy has Secrets, tokens and entries into pods', ({ audit }) =>
		audited
			.filter((resource) => !audit.includes(`- ${resource}\n`))
			.map((resource) => `${resource} is not in it`),
	),
];
