import path from 'node:path';
import test from 'ava';
import { demoStack, emptyCloud, imageOf } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { on } from '../support/kstack-on-cloud.ts';
import { kstack, systemPath } from '../support/processes.ts';
import { noClient, noCloud, nothing, refuses, seeCreate } from '../support/refusing.ts';

test('an unknown command', refuses, { args: ['creat'], sentence: /^kstack: .*create.*\n/ });
test('a flag without its value', refuses, {
	args: ['create', 'demo', '--minions'],
	sentence: /--minions.*\n {2}See 'kstack create --help'\.\n$/,
});
test('a count that is not a number', refuses, {
	args: ['create', 'demo', '--minions', 'abc'],
	sentence: `--minions is "abc": it must be a whole number from 0 to 5000.${seeCreate}`,
});
test('a count below zero, with =', refuses, {
	args: ['create', 'demo', '--minions=-1'],
	sentence: `--minions is "-1": it must be a whole number from 0 to 5000.${seeCreate}`,
});
test('an invalid number of masters', refuses, {
	args: ['create', 'demo', '--masters', '2'],
	sentence: /^kstack: --masters is 2: .* Use 1, 3, 5 or 7\.\n/,
});
test('a name that is not a valid host name', refuses, {
	args: ['create', 'My_Cluster'],
	sentence: /^kstack: The cluster name "My_Cluster" is invalid, /,
});
test('minions that are newer than the masters', refuses, {
	args: ['create', 'demo', '--minion-image', 'newer'],
	cloud: {
		'image-show-image-1': imageOf('image-1', 'older', { kstack_kubernetes: '1.34.9' }),
		'image-list--name-newer': [{ ID: 'image-2', Name: 'newer' }],
		'image-show-image-2': imageOf('image-2', 'newer', { kstack_kubernetes: '1.35.4' }),
	},
	sentence: `The image of the minions, "newer", has Kubernetes 1.35.4, that of the masters 1.34.9: no node may be newer than the masters.${nothing}`,
});
test('an invalid network', refuses, {
	args: ['create', 'demo', '--pod-cidr', '10.0.0.0'],
	sentence: /^kstack: --pod-cidr is "10\.0\.0\.0": it must be an IPv4 network/,
});
test('networks that overlap', refuses, {
	args: ['create', 'demo', '--pod-cidr', '10.96.0.0/12'],
	sentence: /^kstack: --pod-cidr .* and serviceCidr .* overlap: /,
});
test('a file that does not exist', refuses, {
	args: ['create', 'demo', '--config', 'none.yaml'],
	sentence: 'There is no file "none.yaml".',
});
test('a file that is not YAML', refuses, {
	args: ['create', 'demo'],
	file: 'minions: [3\n',
	sentence: /^kstack: demo\/cluster\.yaml is not YAML: /,
});
test('an image that does not exist', refuses, {
	args: ['create', 'demo', '--image', 'debian9'],
	sentence: `There is no image "debian9". Available: debian12-x64-kubernetes.${nothing}`,
});
test('no image at all', refuses, {
	args: ['create', 'demo'],
	cloud: { 'image-list': [] },
	sentence: /^kstack: .*`kimg build`.*`kimg upload`.*--image/,
});
test('a flavor that does not exist', refuses, {
	args: ['create', 'demo', '--minion-flavor', 'huge'],
	sentence: `There is no flavor "huge". Available: m1.tiny, m1.small, m1.medium.${nothing}`,
});
test('a flavor that is too small', refuses, {
	args: ['create', 'demo', '--master-flavor', 'm1.tiny'],
	sentence: `The flavor "m1.tiny" has 512 MB of memory and 1 CPUs; a master needs 2048 MB and 2 CPUs.${nothing}`,
});
test('an external network that does not exist', refuses, {
	args: ['create', 'demo', '--external-network', 'internet'],
	sentence: `There is no external network "internet". Available: public.${nothing}`,
});
test('an existing network that does not exist', refuses, {
	args: ['create', 'demo', '--fixed-network', 'lan', '--fixed-subnet', 'lan-v4'],
	sentence: `2 mistakes:\n  - There is no network "lan".\n  - There is no subnet "lan-v4".${nothing}`,
});
test('an existing subnet that overlaps the pod network', refuses, {
	args: ['create', 'demo', '--fixed-network', 'lan', '--fixed-subnet', 'lan-v4'],
	cloud: {
		'network-show-lan': { id: 'network-2', name: 'lan' },
		'subnet-show-lan-v4': { id: 'subnet-2', name: 'lan-v4', cidr: '10.244.8.0/24' },
	},
	sentence: `podCidr (10.244.0.0/16) overlaps with the addresses of the subnet "lan-v4" (10.244.8.0/24).${nothing}`,
});
const lan = { id: 'network-2', name: 'lan' };
const lanV4 = {
	...{ id: 'subnet-2', name: 'lan-v4', network_id: 'network-2', ip_version: 4, cidr: '192.0.2.0/24' },
	...{
		enable_dhcp: true,
		gateway_ip: '192.0.2.1',
		allocation_pools: [{ start: '192.0.2.2', end: '192.0.2.254' }],
	},
};
for (const [what, subnet, sentence] of [
	['of another network', { network_id: 'network-9' }, /"lan-v4".*"lan"/],
	['of IPv6', { ip_version: 6, cidr: '2001:db8::/64' }, /"lan-v4" is IPv6/],
	['without DHCP', { enable_dhcp: false }, /"lan-v4" has no DHCP.*subnet-2/],
	['without a gateway', { gateway_ip: null }, /"lan-v4" has no gateway.*subnet-2/],
	[
		'with too few addresses',
		{ allocation_pools: [{ start: '192.0.2.2', end: '192.0.2.6' }] },
		/5 addresses.*need 6/,
	],
] as const) {
	test(`an existing subnet ${what}`, refuses, {
		args: ['create', 'demo', '--fixed-network', 'lan', '--fixed-subnet', 'lan-v4'],
		cloud: { 'network-show-lan': lan, 'subnet-show-lan-v4': { ...lanV4, ...subnet } },
		sentence,
	});
}
test('a subnet that no router connects with the external network', refuses, {
	args: ['create', 'demo', '--fixed-network', 'lan', '--fixed-subnet', 'lan-v4'],
	cloud: {
		...{ 'network-show-lan': lan, 'subnet-show-lan-v4': { ...lanV4, project_id: 'own' } },
		...{ 'token-issue': { project_id: 'own' }, 'port-show-port-1': { device_id: 'router-1' } },
		'port-list': [{ ID: 'port-1', 'Device Owner': 'network:router_interface' }],
		'router-show-router-1': { external_gateway_info: { network_id: 'network-9' } },
	},
	sentence: /"lan-v4".*"public".*--api-floating-ip false/,
});
test('an existing network whose name is not unique', refuses, {
	args: ['create', 'demo', '--fixed-network', 'lan', '--fixed-subnet', 'lan-v4'],
	cloud: {
		'network-show-lan.fails': "More than one Network exists with the name 'lan'.\n",
		'network-list--name-lan': [
			{ ID: 'network-2', Name: 'lan' },
			{ ID: 'network-3', Name: 'lan' },
		],
		'subnet-show-lan-v4': lanV4,
	},
	sentence: /"lan"[\s\S]*network-2[\s\S]*network-3/,
});
test('a subnet without its network', refuses, {
	args: ['create', 'demo', '--fixed-subnet', 'lan-v4'],
	sentence: /--fixed-subnet.*"lan-v4".*fixedNetwork/,
});
const external = (...names: string[]) => ({
	'network-list': names.map((Name, index) => ({ ID: `network-${index}`, Name })),
});
for (const [what, names, args, sentence] of [
	[
		'several external networks, and none chosen',
		['one', 'two'],
		[],
		/--external-network[\s\S]*one[\s\S]*two/,
	],
	[
		'two external networks of one name',
		['one', 'one'],
		['--external-network', 'one'],
		/"one"[\s\S]*network-0[\s\S]*network-1/,
	],
	['no external network for the API', [], ['--api-floating-ip', 'true'], /--api-floating-ip/],
	['no external network for the gateways', [], ['--gateway-floating-ip', 'true'], /--gateway-floating-ip/],
	[
		'a floating IP without a network',
		['one'],
		['--external-network', 'none', '--api-floating-ip', 'true'],
		/--api-floating-ip/,
	],
] as const) {
	test(what, refuses, { args: ['create', 'demo', ...args], cloud: external(...names), sentence });
}
test('an image that is not from kimg', refuses, {
	args: ['create', 'demo', '--image', 'ubuntu'],
	cloud: {
		'image-list--name-ubuntu': [{ ID: 'image-9', Name: 'ubuntu' }],
		'image-show-image-9': { id: 'image-9', name: 'ubuntu', properties: { os_distro: 'ubuntu' } },
	},
	sentence: /"ubuntu" \(image-9\).*kimg/,
});
test('a number of minions above the maximum', refuses, {
	args: ['scale', 'demo', '--minions', '99999999'],
	cloud: { 'stack-show-demo': demoStack(1) },
	sentence: /--minions is 99999999/,
});
test('more minions than pod networks', refuses, {
	args: ['scale', 'demo', '--minions', '+9'],
	cloud: {
		'stack-show-demo': demoStack(
			1,
			{},
			{ pod_cidr: '10.244.0.0/21', recorded_settings: '{"podSubnetLength": 24}' },
		),
	},
	sentence: /10\.244\.0\.0\/21.*8 subnets/,
});
test('a key pair that does not exist', refuses, {
	args: ['create', 'demo', '--key-name', 'mine'],
	sentence: `There is no key pair "mine".${nothing}`,
});
test('a network driver that the image lacks', refuses, {
	args: ['create', 'demo', '--network-driver', 'calico'],
	sentence: `The image has no network driver "calico"; it has: routed, flannel.${nothing}`,
});
for (const args of [
	['scale', 'demo', '--minions', '2'],
	['status', 'demo'],
	['kubeconfig', 'demo'],
	['delete', 'demo'],
]) {
	test(`no cloud is configured, at kstack ${args[0]}`, refuses, { args, ...noCloud });
	test(`the openstack client is missing, at kstack ${args[0]}`, refuses, { args, ...noClient });
}
test('update without a stack directory', refuses, {
	args: ['update', 'demo'],
	sentence: /^kstack: .*stack directory of demo .*\n {2}.*kstack adopt demo.*`kstack scale demo`/,
});
test('scale without a number', refuses, {
	args: ['scale', 'demo', '--minions', 'many'],
	sentence: /^kstack: --minions is "many": /,
});
test('scale with a setting that is not a count', refuses, {
	args: ['scale', 'demo', '--pod-cidr', '10.0.0.0/8'],
	sentence: /--pod-cidr\./,
});
for (const args of [
	['status', 'demo'],
	['kubeconfig', 'demo'],
	['delete', 'demo'],
	['scale', 'demo', '--minions', '2'],
]) {
	test(`kstack ${args.join(' ')} of a cluster that does not exist fails with one message`, async (t) => {
		const { code, stdout, stderr } = await on([emptyCloud], args);
		t.is(code, 1);
		t.is(stdout, '');
		t.regex(stderr, /^kstack: There is no cluster "demo" on this cloud\.\n {2}See 'kstack list'/);
	});
}

test('the message of the real client for an unknown cloud is recognized', async (t) => {
	const folder = await temporaryFolder();
	const env = {
		PATH: systemPath,
		HOME: folder,
		OS_CLOUD: 'nonsuch',
		OS_CLIENT_CONFIG_FILE: path.join(folder, 'none'),
	};
	const { code, stderr } = await kstack(['list'], { cwd: folder, env });
	t.is(code, 2);
	t.regex(
		stderr,
		/^kstack: The openstack client found no cloud: Cloud nonsuch was not found\.\n {2}Set OS_CLOUD/,
	);
});
