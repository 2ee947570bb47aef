// Section 4: files and configuration of nodes.
import { all, filesAreOfRoot, filesHaveMode, flagIs, kubeletHas, strong } from './checks.ts';
import type { Rule } from './rule.ts';

const rule = (number: string, title: string, check: Rule['check']): Rule => ({
	number,
	title,
	on: 'nodes',
	...(check && { check }),
});

const except = (number: string, title: string, why: string): Rule => ({
	number,
	title,
	on: 'nodes',
	exception: () => why,
});

const unit = /^\/etc\/systemd\/system\/kubelet\.service$/;
const kubeconfig = /^\/etc\/kubernetes\/kubelet\.conf$/;
const ca = /^\/etc\/kubernetes\/pki\/ca\.crt$/;
const config = /^\/etc\/kubernetes\/kubelet\.yaml$/;
const isOneOf =
	(...values: readonly unknown[]) =>
	(value: unknown) =>
		values.includes(value);

export const nodeRules: readonly Rule[] = [
	except(
		'4.1.1',
		'Unit of the kubelet: mode 600',
		'It has no secret, and systemd shows it to every user whatever its mode; only root may write it.',
	),
	rule('4.1.2', 'Unit of the kubelet: owned by root', all(filesAreOfRoot(unit), filesHaveMode(unit, 0o644))),
	rule(
		'4.1.3',
		"Kubeconfig of kube-proxy, which is the kubelet's: mode 600",
		filesHaveMode(kubeconfig, 0o600),
	),
	rule(
		'4.1.4',
		"Kubeconfig of kube-proxy, which is the kubelet's: owned by root",
		filesAreOfRoot(kubeconfig),
	),
	rule('4.1.5', 'Kubeconfig of the kubelet: mode 600', filesHaveMode(kubeconfig, 0o600)),
	rule('4.1.6', 'Kubeconfig of the kubelet: owned by root', filesAreOfRoot(kubeconfig)),
	rule('4.1.7', 'CA for clients of the kubelet: mode 644', filesHaveMode(ca, 0o644)),
	rule('4.1.8', 'CA for clients of the kubelet: owned by root', filesAreOfRoot(ca)),
	rule('4.1.9', 'Configuration of the kubelet: mode 600', filesHaveMode(config, 0o600)),
	rule('4.1.10', 'Configuration of the kubelet: owned by root', filesAreOfRoot(config)),
	rule(
		'4.2.1',
		'The kubelet takes no anonymous requests',
		kubeletHas('authentication.anonymous.enabled', isOneOf(false)),
	),
	rule(
		'4.2.2',
		'The kubelet asks the API server for rights',
		kubeletHas('authorization.mode', isOneOf('Webhook')),
	),
	rule(
		'4.2.3',
		'The kubelet verifies client certificates',
		kubeletHas('authentication.x509.clientCAFile', (value) => typeof value === 'string' && value !== ''),
	),
	rule(
		'4.2.4',
		'The kubelet has no port without authentication',
		kubeletHas('readOnlyPort', isOneOf(undefined, 0)),
	),
	rule(
		'4.2.5',
		'Idle connections into pods end',
		kubeletHas('streamingConnectionIdleTimeout', (value) => !/^0[a-z]*$/.test(String(value ?? '4h'))),
	),
	rule(
		'4.2.6',
		'The kubelet keeps the chains of iptables',
		kubeletHas('makeIPTablesUtilChains', isOneOf(undefined, true)),
	),
	except(
		'4.2.7',
		'The name of a node is its host name',
		'The name is given (--hostname-override), because a member has the name that Heat gave it, whatever its host name is. Masters refuse certificates for other names.',
	),
	rule(
		'4.2.8',
		'Events of the kubelet are limited',
		kubeletHas('eventRecordQPS', (value) => Number(value ?? 50) > 0),
	),
	rule(
		'4.2.9',
		'The kubelet has a serving certificate of the CA',
		kubeletHas('serverTLSBootstrap', isOneOf(true)),
	),
	rule(
		'4.2.10',
		'Client certificates of kubelets are rotated',
		kubeletHas('rotateCertificates', isOneOf(true)),
	),
	rule(
		'4.2.11',
		'Serving certificates of kubelets are rotated',
		all(
			kubeletHas('serverTLSBootstrap', isOneOf(true)),
			kubeletHas('featureGates.RotateKubeletServerCertificate', isOneOf(undefined, true)),
		),
	),
	rule(
		'4.2.12',
		'The kubelet has strong ciphers',
		kubeletHas(
			'tlsCipherSuites',
			(value) => Array.isArray(value) && value.length > 0 && value.every((one) => strong.test(String(one))),
		),
	),
	rule(
		'4.2.13',
		'The processes of a pod are limited',
		kubeletHas('podPidsLimit', (value) => Number(value) > 0),
	),
	{
		...rule(
			'4.2.14',
			'Pods have the seccomp profile of the runtime',
			kubeletHas('seccompDefault', isOneOf(true)),
		),
		exception: ({ minor }) =>
			minor < 25
				? 'Kubernetes before 1.25 needs a feature gate for it, and 1.20 does not have it: not enforced.'
				: undefined,
	},
	rule(
		'4.3.1',
		'Metrics of kube-proxy: this machine only',
		flagIs('kube-proxy', '--metrics-bind-address', '127.0.0.1:10249'),
	),
];
