import type { Range } from '../../base/forms.ts';
import { defaultRoles } from './roles.ts';

/** The value of a setting. Empty text means none. */
export type Value = string | number | boolean;

/** One setting of a cluster, with the same name as flag, key of cluster.yaml and Heat parameter. */
export interface Setting {
	/** Its key in cluster.yaml, in camel case; the flag is the same in kebab case. */
	readonly key: string;
	/** Its flag, if it is not the key in kebab case: a list is given one by one. */
	readonly flag?: string;
	/** One sentence for `--help` and for cluster.yaml. */
	readonly describe: string;
	/** Its Heat parameters; none for settings that are only used to render user-data. */
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
		| 'servers'
		| 'proxy'
		| 'hosts'
		| 'length';
	/** The minimum and maximum of a number, as in the Heat parameter. */
	readonly range?: Range;
	/** Without a default, `kstack create` selects a value for the cloud. */
	readonly default?: Value;
	/** The value of clusters of releases without the setting, if it is not the default. Only for recorded settings. */
	readonly formerly?: Value;
	readonly choices?: readonly string[];
	/** Whether the value cannot be changed in a running cluster. */
	readonly fixed: boolean;
	/** Whether the Heat parameter has this very value; if not, the parameter `recorded_settings` keeps it. */
	readonly direct: boolean;
}

const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The flag of a setting: `minionFlavor` is `--minion-flavor`. */
export const flagOf = (setting: Setting) => setting.flag ?? snake(setting.key).replaceAll('_', '-');

/** The name under which a command gets the value of the flag. */
export const optionOf = (setting: Setting) =>
	flagOf(setting).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

type Rest = Partial<Setting> & Pick<Setting, 'type' | 'describe'>;

const define = (key: string, rest: Rest): Setting => ({
	key,
	parameters: [snake(key)],
	fixed: true,
	direct: true,
	...rest,
});

/** A setting without a Heat parameter of its own: it is part of user-data, or other settings follow from it. */
const rendered = (key: string, rest: Rest) => define(key, { parameters: [], direct: false, ...rest });

/** A setting that names an OpenStack resource; Heat gets its ID. */
const named = (key: string, rest: Rest) => define(key, { direct: false, ...rest });

/** Roles and what their default pools are called. */
const pools = defaultRoles.map(({ name: role, defaultPool: { name } }) => ({ role, name }));

/** Ports below those on which the programs of a node listen. */
const freePorts: Range = { min: 1, max: 10247 };

/** Every setting of a cluster but its name, in the order in which cluster.yaml lists them. */
export const settings: readonly Setting[] = [
	...defaultRoles.map(({ name: role, defaultPool: { name, min, max, default: standard, setting } }) =>
		define(name, {
			type: 'count',
			parameters: [`${role}_count`],
			range: { min, max },
			default: standard,
			fixed: false,
			describe: setting,
		}),
	),
	named('image', {
		type: 'text',
		parameters: pools.map(({ role }) => `${role}_image`),
		describe: 'Image of all nodes, by ID or name (default: the newest image that kimg uploaded)',
	}),
	...pools.map(({ role, name }) =>
		rendered(`${role}Image`, {
			type: 'text',
			default: '',
			describe: `Image of the ${name} (default: the image of all nodes)`,
		}),
	),
	...pools.map(({ role, name }) =>
		named(`${role}Flavor`, {
			type: 'text',
			describe: `Flavor of the ${name} (default: the smallest that is sufficient)`,
		}),
	),
	...pools.map(({ role, name }) =>
		define(`${role}AvailabilityZone`, {
			type: 'text',
			default: '',
			describe: `Availability zone of the ${name} (default: chosen by Nova)`,
		}),
	),
	define('keyName', {
		type: 'text',
		default: '',
		describe: 'Nova key pair for SSH to the nodes (default: none)',
	}),
	define('bootTimeout', {
		type: 'seconds',
		range: { min: 60, max: 43200 },
		default: 1200,
		describe: 'Timeout in seconds for a new node to become Ready after its first boot',
	}),
	define('drainTimeout', {
		type: 'seconds',
		range: { min: 0, max: 43200 },
		default: 300,
		fixed: false,
		describe: 'Timeout in seconds for draining a node before it is removed',
	}),
	define('drainForce', {
		type: 'switch',
		default: false,
		fixed: false,
		describe: 'Whether pods that remain after the drain timeout are deleted, despite disruption budgets',
	}),
	named('externalNetwork', {
		type: 'text',
		describe: 'Network for floating IPs, or `none` (default: the external network, if there is exactly one)',
	}),
	define('apiFloatingIp', {
		type: 'switch',
		default: true,
		describe: 'Whether the Kubernetes API gets a floating IP, if there is an external network',
	}),
	define('apiAllowedCidr', {
		type: 'cidr',
		default: '0.0.0.0/0',
		fixed: false,
		describe: 'Addresses that may connect to the Kubernetes API',
	}),
	define('sshAllowedCidr', {
		type: 'cidrs',
		default: '',
		fixed: false,
		describe: 'Addresses that may connect to the nodes by SSH (default: none)',
	}),
	define('nodePortAllowedCidr', {
		type: 'cidrs',
		default: '',
		fixed: false,
		describe: 'Addresses that may connect to node ports of all nodes (default: none)',
	}),
	define('gatewayFloatingIp', {
		type: 'switch',
		describe:
			'Whether the shared address of the gateways gets a floating IP (default: true if there are gateways)',
	}),
	define('gatewayAllowedCidr', {
		type: 'cidr',
		default: '0.0.0.0/0',
		fixed: false,
		describe: 'Addresses that may connect to Services through the gateways',
	}),
	define('gatewayFirstPort', {
		type: 'port',
		range: freePorts,
		default: 23,
		fixed: false,
		describe: 'First port that the gateways open for Services',
	}),
	define('gatewayLastPort', {
		type: 'port',
		range: freePorts,
		default: 9999,
		fixed: false,
		describe: 'Last port that the gateways open for Services',
	}),
	define('fixedNetwork', {
		type: 'text',
		default: '',
		describe: 'Existing network for the nodes (default: a new network with a router)',
	}),
	define('fixedSubnet', {
		type: 'text',
		default: '',
		describe: 'Subnet of the existing network; required with an existing network',
	}),
	define('nodeCidr', {
		type: 'network',
		default: '10.0.0.0/24',
		describe: 'Address range of the nodes, for a new network',
	}),
	define('dnsNameserver', {
		type: 'addresses',
		default: '',
		describe: 'DNS servers of the nodes, separated by commas, for a new network (default: those of Neutron)',
	}),
	rendered('ntpServers', {
		type: 'servers',
		default: '',
		fixed: false,
		flag: 'ntp-server',
		describe:
			'NTP servers of new nodes with images of kimg 0.4.0 or later (default: those of DHCP and of Debian)',
	}),
	define('podCidr', { type: 'network', default: '10.244.0.0/16', describe: 'Address range of the pods' }),
	rendered('podSubnetLength', {
		type: 'length',
		range: { min: 8, max: 30 },
		default: 24,
		describe: "Prefix length of each node's pod CIDR",
	}),
	rendered('serviceCidr', {
		type: 'network',
		default: '10.96.0.0/16',
		describe: 'Address range of Services',
	}),
	rendered('clusterDomain', {
		type: 'domain',
		default: 'cluster.local',
		describe: 'DNS domain of the cluster',
	}),
	rendered('networkDriver', {
		type: 'choice',
		choices: ['calico', 'flannel', 'routed'],
		describe:
			'Network plugin, CNI (default: the first of calico, flannel and routed that the image supports)',
	}),
	rendered('flannelBackend', {
		type: 'choice',
		choices: ['vxlan', 'host-gw', 'udp'],
		default: 'vxlan',
		describe: 'Backend of flannel, for the network driver flannel',
	}),
	rendered('podSecurity', {
		type: 'choice',
		choices: ['privileged', 'baseline', 'restricted'],
		default: 'baseline',
		formerly: 'privileged',
		fixed: false,
		describe: 'Pod Security Standard in namespaces without labels for it; needs Kubernetes 1.23 or later',
	}),
	rendered('httpProxy', {
		type: 'proxy',
		default: '',
		describe: 'HTTP proxy for pulling container images (default: none)',
	}),
	rendered('httpsProxy', {
		type: 'proxy',
		default: '',
		describe: 'HTTPS proxy for pulling container images (default: none)',
	}),
	rendered('noProxy', {
		type: 'hosts',
		default: '',
		describe:
			'Hosts, addresses and networks to connect to without a proxy, separated by commas (default: none)',
	}),
];

/** The defaults of settings, by key; settings without one are absent. */
export const defaultsOf = (all: readonly Setting[]): Readonly<Record<string, Value>> =>
	Object.fromEntries(all.flatMap(({ key, default: value }) => (value === undefined ? [] : [[key, value]])));

/** The values of settings in clusters of releases without them, where they differ from the defaults. */
export const formerValues: Readonly<Record<string, Value>> = Object.fromEntries(
	settings.flatMap(({ key, formerly }) => (formerly === undefined ? [] : [[key, formerly]])),
);
