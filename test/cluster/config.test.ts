import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { mistakeInName, readCluster, readMapping } from '../../src/cluster/spec/config.ts';
import { settings } from '../../src/cluster/spec/settings.ts';

const path = 'demo/cluster.yaml';

function refusal(t: ExecutionContext, name: string, flags: object, text?: string): UserError {
	const file = text === undefined ? undefined : { text, path };
	const error = t.throws(() => readCluster(name, { ...flags }, file), { instanceOf: UserError }) as UserError;
	t.is(error.exitCode, 2);
	return error;
}

const refusesFlags = test.macro({
	title: (_, flags: object) => `refused: ${JSON.stringify(flags)}`,
	exec(t: ExecutionContext, flags: object, sentence: RegExp | string) {
		const { message } = refusal(t, 'demo', flags);
		if (typeof sentence === 'string') t.is(message, sentence);
		else t.regex(message, sentence);
		t.notRegex(message, /\n/, 'one sentence');
		t.regex(message, /\.$/);
	},
});

test(refusesFlags, { minions: 'abc' }, '--minions is "abc": it must be a whole number from 0.');
test(refusesFlags, { minions: '-1' }, '--minions is "-1": it must be a whole number from 0.');
test(refusesFlags, { minions: '1.5' }, '--minions is "1.5": it must be a whole number from 0.');
test(refusesFlags, { minions: '' }, '--minions is "": it must be a whole number from 0.');
test(refusesFlags, { minions: '0x10' }, /^--minions is "0x10": it must be a whole number/);
test(refusesFlags, { gateways: '1e3' }, /^--gateways is "1e3": it must be a whole number/);
test(refusesFlags, { masters: '2' }, '--masters is 2: 2 survive no more losses than 1 do. Use 1, 3, 5 or 7.');
test(refusesFlags, { masters: '4' }, /^--masters is 4: 4 survive no more losses than 3 do\./);
test(refusesFlags, { masters: '9' }, /^--masters is 9: more than seven only slow etcd down\./);
test(refusesFlags, { masters: '0' }, /^--masters is 0: a cluster is nothing without a master\./);
test(
	refusesFlags,
	{ gatewayLastPort: '10250' },
	/^--gateway-last-port is "10250": it must be a port from 1 to 10247\.$/,
);
test(
	refusesFlags,
	{ gatewayFirstPort: '9000', gatewayLastPort: '80' },
	/^--gateway-first-port is 9000: it must not be above/,
);
test(refusesFlags, { bootTimeout: '30' }, '--boot-timeout is "30": it must be seconds from 60 to 43200.');
test(refusesFlags, { podCidr: '10.0.0.0' }, /^--pod-cidr is "10.0.0.0": it must be an IPv4 network such as/);
test(refusesFlags, { podCidr: '10.1.0.0/33' }, /^--pod-cidr is .*: it must be an IPv4 network/);
test(refusesFlags, { podCidr: '10.244.0.1/16' }, /with nothing set beyond its prefix\.$/);
test(refusesFlags, { nodeCidr: 'fd00::/64' }, /^--node-cidr is "fd00::\/64": it must be an IPv4 network/);
test(refusesFlags, { sshAllowedCidr: 'all' }, /^--ssh-allowed-cidr is "all": it must be an IPv4 network/);
test(
	refusesFlags,
	{ podCidr: '10.96.0.0/12' },
	/^--pod-cidr \(10.96.0.0\/12\) and serviceCidr \(10.96.0.0\/16\) overlap: .* addresses of their own\.$/,
);
test(refusesFlags, { podCidr: '10.0.0.0/16' }, /^nodeCidr \(10.0.0.0\/24\) and --pod-cidr .* overlap/);
test(refusesFlags, { serviceCidr: '10.0.0.0/16' }, /^nodeCidr .* and --service-cidr .* overlap/);
test(refusesFlags, { podSubnetLength: '16' }, /^--pod-subnet-length is 16: it must be longer than/);
test(refusesFlags, { podSubnetLength: '31' }, /^--pod-subnet-length is "31": .* from 8 to 30\.$/);
test(refusesFlags, { serviceCidr: '10.96.0.0/28' }, /^--service-cidr is .*from 12 .* to 27\.$/);
test(refusesFlags, { apiFloatingIp: 'maybe' }, '--api-floating-ip is "maybe": it must be true or false.');
test(refusesFlags, { networkDriver: 'cilium' }, /must be one of calico, flannel, routed\.$/);
test(refusesFlags, { httpProxy: 'http://me:secret@proxy:3128' }, /^--http-proxy holds a user or a password/);
test(refusesFlags, { fixedNetwork: 'lan' }, /^--fixed-network is "lan": say which of its subnets/);
test(refusesFlags, { httpProxy: 'http://a\nb' }, /^--http-proxy is .*: it must be one line of text\.$/s);
test(refusesFlags, { clusterDomain: 'a b' }, /^--cluster-domain is "a b": it must be a DNS domain/);
test(refusesFlags, { clusterDomain: '$(reboot)' }, /^--cluster-domain is .*: it must be a DNS domain/);
test(refusesFlags, { clusterDomain: '' }, /^--cluster-domain is "": it must be a DNS domain/);

const badNames = [
	'Demo',
	'1demo',
	'-demo',
	'demo-',
	'de_mo',
	'de mo',
	'démo',
	'a.b',
	'',
	'../demo',
	'x'.repeat(41),
];
for (const name of badNames) {
	test(`refused: a cluster of the name "${name}"`, (t) => {
		const { message } = refusal(t, name, {});
		t.true(message.startsWith(`The cluster name "${name}" cannot be part of a host name: use at most 40 of`));
	});
}

test('a name that is taken is part of host names within their 63 characters', (t) => {
	fc.assert(
		fc.property(fc.stringMatching(/^[a-z0-9-]{1,45}$/), (name) => {
			if (mistakeInName(name) !== undefined) return;
			const host = `${name}-gateway-9999`;
			t.true(host.length <= 63);
			t.regex(host, /^[a-z]([a-z0-9-]*[a-z0-9])?$/);
		}),
	);
	t.pass();
});

test('all mistakes of a file are told at once, each with its place', (t) => {
	const text = 'name: demo\nminions: many\npodCidr: 10.0.0.0/8\nminionFlavour: m1.small\n';
	const { message } = refusal(t, 'demo', {}, text);
	const [first, ...mistakes] = message.split('\n');
	t.is(first, '4 mistakes:');
	t.is(mistakes.length, 4); // podCidr overlaps two others
	t.true(mistakes.includes(`  - minionFlavour in ${path} is no setting.`));
	t.true(mistakes.includes(`  - minions in ${path} is "many": it must be a whole number from 0.`));
	t.is(mistakes.filter((line) => line.includes(`podCidr in ${path} (10.0.0.0/8)`)).length, 2);
});

test('mistakes of flags and of the file are told together', (t) => {
	const { message } = refusal(t, 'demo', { minions: '-1' }, 'name: other\nkeyName: [a]\n');
	t.regex(message, /^3 mistakes:/);
	t.regex(message, /- --minions is "-1": /);
	t.regex(message, /- name in demo\/cluster\.yaml is "other", but the cluster asked for is "demo"\./);
	t.regex(message, /- keyName in demo\/cluster\.yaml is \["a"\]: it must be one line of text\./);
});

for (const [what, text, sentence] of [
	['no YAML', 'minions: [1', /^demo\/cluster\.yaml is not YAML: /],
	['a key twice', 'minions: 1\nminions: 2\n', /^demo\/cluster\.yaml is not YAML: .*duplicated/s],
	['a list', '- minions\n', /^demo\/cluster\.yaml must be a mapping/],
	['a text', 'minions\n', /^demo\/cluster\.yaml must be a mapping/],
] as const) {
	test(`a file that holds ${what} is refused`, (t) => {
		t.regex(refusal(t, 'demo', {}, text).message, sentence);
	});
}

test('an empty file asks for a standard cluster', (t) => {
	for (const text of ['', '\n', '# nothing\n', '---\n']) {
		t.deepEqual(readCluster('demo', {}, { text, path }), readCluster('demo', {}, undefined));
	}
});

test('flags go before the file, the file before the defaults, and an empty value is none', (t) => {
	const text = 'minions: 5\ngateways: 2\nbootTimeout:\n';
	const { settings: found } = readCluster('demo', { minions: '7' }, { text, path });
	t.like(found, { minions: 7, gateways: 2, masters: 1, bootTimeout: 1200 });
});

test('what has no default and was not said stays open', (t) => {
	const { settings: found } = readCluster('demo', {}, undefined);
	const open = settings.filter((setting) => setting.default === undefined).map(({ key }) => key);
	for (const key of open) t.false(key in found, key);
	t.deepEqual(open.sort(), [
		'externalNetwork',
		'gatewayFlavor',
		'gatewayFloatingIp',
		'image',
		'masterFlavor',
		'minionFlavor',
		'networkDriver',
	]);
});

test('flags that are not settings are ignored', (t) => {
	t.notThrows(() =>
		readCluster('demo', { _: ['create'], $0: 'kstack', name: 'demo', 'pod-cidr': 'x' }, undefined),
	);
});

test('an existing network has its own addresses: the range for a new one is not compared', (t) => {
	const flags = { fixedNetwork: 'lan', fixedSubnet: 'lan4', podCidr: '10.0.0.0/16' };
	t.notThrows(() => readCluster('demo', flags, undefined));
});

test('a number given as text in YAML means the number, and a name may look like a number', (t) => {
	const text = 'minions: "3"\nkeyName: 2024\nimage: 1e3\n';
	t.like(readCluster('demo', {}, { text, path }).settings, { minions: 3, keyName: '2024' });
});

test('reading a mapping never throws but a usage error, whatever the text', (t) => {
	fc.assert(
		fc.property(fc.string({ unit: fc.constantFrom(...'ab:-[]{}#&*!|>\'"%@`, \n\t~01') }), (text) => {
			try {
				readMapping(text, path);
			} catch (error) {
				t.true(error instanceof UserError, String(error));
			}
		}),
		{ numRuns: 1000 },
	);
	t.pass();
});
