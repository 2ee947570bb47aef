import type { Range } from '../../base/forms.ts';

/** What a setting may hold. An empty text means none. */
export type Value = string | number | boolean;

/** One thing that can be said about a cluster, under one word in three spellings. */
export interface Setting {
	/** Its key in cluster.yaml, in camel case; the flag is the same word in kebab case. */
	readonly key: string;
	/** One sentence for `--help` and for cluster.yaml. */
	readonly describe: string;
	/** The Heat parameters it becomes; none for what is known when user-data is rendered. */
	readonly parameters: readonly string[];
	readonly type:
		| 'count'
		| 'seconds'
		| 'port'
		| 'text'
		| 'domain'
		| 'choice'
		| 'switch'
		| 'network'
		| 'cidr'
		| 'cidrs'
		| 'addresses'
		| 'proxy'
		| 'hosts'
		| 'length';
	/** The least and the greatest value of what is a number, as the Heat parameter has them. */
	readonly range?: Range;
	/** Without one, `kstack create` chooses what the cloud offers. */
	readonly default?: Value;
	readonly choices?: readonly string[];
	/** Whether a running cluster keeps the value it was made with. */
	readonly fixed: boolean;
	/** Whether Heat is told the value as it is; if not, the parameter `recorded_settings` keeps it. */
	readonly direct: boolean;
}

const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The flag of a setting: `minionFlavor` is `--minion-flavor`. */
export const flagOf = (setting: Setting) => snake(setting.key).replaceAll('_', '-');

type Rest = Partial<Setting> & Pick<Setting, 'type' | 'describe'>;

const define = (key: string, rest: Rest): Setting => ({
	key,
	parameters: [snake(key)],
	fixed: true,
	direct: true,
	...rest,
});

/** A setting that is no parameter of Heat's, since user-data holds it or others follow from it. */
const rendered = (key: string, rest: Rest) => define(key, { parameters: [], direct: false, ...rest });

/** A setting that names a thing, which Heat is given by its ID. */
const named = (key: string, rest: Rest) => define(key, { direct: false, ...rest });

const roles = ['master', 'minion', 'gateway'] as const;

/** As many nodes as Kubernetes is made for in one cluster. */
const anyCount: Range = { min: 0, max: 5000 };

/** Ports below those on which the programs of a node listen. */
const freePorts: Range = { min: 1, max: 10247 };

/** Every setting of a cluster but its name, in the order in which cluster.yaml lists them. */
export const settings: readonly Setting[] = [
	define('masters', {
		type: 'count',
		parameters: ['master_count'],
		range: { min: 1, max: 7 },
		default: 1,
		fixed: false,
		describe: 'Number of masters: 1, 3, 5 or 7',
	}),
	define('minions', {
		type: 'count',
		parameters: ['minion_count'],
		range: anyCount,
		default: 1,
		fixed: false,
		describe: 'Number of minions, the machines that run pods',
	}),
	define('gateways', {
		type: 'count',
		parameters: ['gateway_count'],
		range: anyCount,
		default: 0,
		fixed: false,
		describe: 'Number of gateways, tainted machines for traffic from outside',
	}),
	named('image', {
		type: 'text',
		parameters: roles.map((role) => `${role}_image`),
		describe:
			'Image of all machines, by name (the newest of it) or ID; left out: the newest that kimg uploaded',
	}),
	...roles.map((role) =>
		rendered(`${role}Image`, {
			type: 'text',
			default: '',
			describe: `Image of the ${role}s, where it is not that of all machines`,
		}),
	),
	...roles.map((role) =>
		named(`${role}Flavor`, {
			type: 'text',
			describe: `Flavor of the ${role}s; left out: the smallest that is enough`,
		}),
	),
	...roles.map((role) =>
		define(`${role}AvailabilityZone`, {
			type: 'text',
			default: '',
			describe: `Availability zone of the ${role}s`,
		}),
	),
	define('keyName', { type: 'text', default: '', describe: 'Key pair for SSH' }),
	define('bootTimeout', {
		type: 'seconds',
		range: { min: 60, max: 43200 },
		default: 1200,
		describe: 'Seconds that a new machine has from its first boot to Ready',
	}),
	define('drainTimeout', {
		type: 'seconds',
		range: { min: 0, max: 43200 },
		default: 300,
		fixed: false,
		describe: 'Seconds that the pods of a leaving machine have to end and to be replaced elsewhere',
	}),
	define('drainForce', {
		type: 'switch',
		default: false,
		fixed: false,
		describe: 'Whether pods that their disruption budgets hold back are deleted when that time is over',
	}),
	named('externalNetwork', {
		type: 'text',
		describe: 'Network of the floating IPs, or `none`; left out: the one there is',
	}),
	define('apiFloatingIp', {
		type: 'switch',
		default: true,
		describe: 'Whether the API gets a floating IP, if there is an external network',
	}),
	define('apiAllowedCidr', {
		type: 'cidr',
		default: '0.0.0.0/0',
		fixed: false,
		describe: 'Who may reach the Kubernetes API',
	}),
	define('sshAllowedCidr', {
		type: 'cidrs',
		default: '',
		fixed: false,
		describe: 'Who may reach the machines by SSH; nobody unless given',
	}),
	define('gatewayFloatingIp', {
		type: 'switch',
		describe: "Whether the gateways' shared address gets a floating IP; left out: if there are gateways",
	}),
	define('gatewayAllowedCidr', {
		type: 'cidr',
		default: '0.0.0.0/0',
		fixed: false,
		describe: 'Who may reach Services through the gateways',
	}),
	define('gatewayFirstPort', {
		type: 'port',
		range: freePorts,
		default: 23,
		fixed: false,
		describe: 'The first of the ports at which Services may be reached through the gateways',
	}),
	define('gatewayLastPort', {
		type: 'port',
		range: freePorts,
		default: 9999,
		fixed: false,
		describe: 'The last of them',
	}),
	define('fixedNetwork', {
		type: 'text',
		default: '',
		describe: 'Existing network for the machines; left out: one is made, with a router',
	}),
	define('fixedSubnet', { type: 'text', default: '', describe: 'Subnet of the existing network' }),
	define('nodeCidr', {
		type: 'network',
		default: '10.0.0.0/24',
		describe: 'Addresses of the machines, on a network that is made',
	}),
	define('dnsNameserver', {
		type: 'addresses',
		default: '',
		describe: 'DNS name servers of the machines, with commas, on a network that is made',
	}),
	define('podCidr', { type: 'network', default: '10.244.0.0/16', describe: 'Addresses of the pods' }),
	rendered('podSubnetLength', {
		type: 'length',
		range: { min: 8, max: 30 },
		default: 24,
		describe: "Prefix length of one machine's share of the pods' addresses",
	}),
	rendered('serviceCidr', { type: 'network', default: '10.96.0.0/16', describe: 'Addresses of Services' }),
	rendered('clusterDomain', {
		type: 'domain',
		default: 'cluster.local',
		describe: 'DNS domain of the cluster',
	}),
	rendered('networkDriver', {
		type: 'choice',
		choices: ['calico', 'flannel', 'routed'],
		describe: 'Pod network; left out: the first of calico, flannel and routed that the image has',
	}),
	rendered('flannelBackend', {
		type: 'choice',
		choices: ['vxlan', 'host-gw', 'udp'],
		default: 'vxlan',
		describe: 'How flannel carries packets',
	}),
	rendered('httpProxy', { type: 'proxy', default: '', describe: 'Proxy for http, for pulling images' }),
	rendered('httpsProxy', { type: 'proxy', default: '', describe: 'Proxy for https, for pulling images' }),
	rendered('noProxy', { type: 'hosts', default: '', describe: 'Hosts that are reached without a proxy' }),
];
