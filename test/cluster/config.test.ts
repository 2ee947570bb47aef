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
	t.regex(error.code ?? '', /^(invalid-settings|invalid-flags|not-yaml|not-a-mapping)$/);
	return error;
}

/** Refused with one sentence that has these words beside the flags' names. */
function refusesFlags(flags: Readonly<Record<string, string>>, ...words: readonly string[]): void {
	test(`refused: ${JSON.stringify(flags)}`, (t) => {
		const { message } = refusal(t, 'demo', flags);
		const [first = ''] = Object.keys(flags);
		const flag = `--${first.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
		for (const word of [flag, ...words]) t.true(message.includes(word), `${word}: ${message}`);
		t.notRegex(message, /\n/, 'one sentence');
		t.regex(message, /\.$/);
	});
}

for (const count of ['abc', '-1', '1.5', '', '0x10', '5001', '99999999', ' ']) {
	refusesFlags({ minions: count }, JSON.stringify(count), 'from 0 to 5000');
	refusesFlags({ gateways: count }, JSON.stringify(count), 'from 0 to 5000');
}
for (const masters of ['0', '8', '-1', '1e0'])
	refusesFlags({ masters }, JSON.stringify(masters), 'from 1 to 7');
for (const masters of ['2', '4', '6']) refusesFlags({ masters }, `is ${masters}`, '1, 3, 5 or 7');
refusesFlags({ gatewayLastPort: '10250' }, '"10250"', 'from 1 to 10247');
refusesFlags({ gatewayFirstPort: '9000', gatewayLastPort: '80' }, '9000', 'gatewayLastPort (80)');
refusesFlags({ bootTimeout: '30' }, '"30"', 'from 60 to 43200');
refusesFlags({ drainTimeout: '-1' }, '"-1"', 'from 0 to 43200');

for (const range of ['10.0.0.0', '10.1.0.0/33', 'fd00::/64', '10.244.0.1/16', 'all', '']) {
	refusesFlags({ podCidr: range }, JSON.stringify(range), 'IPv4 network');
	refusesFlags({ nodeCidr: range }, JSON.stringify(range), 'IPv4 network');
}
for (const range of [
	'0.0.0.0/0',
	'0.0.0.0/16',
	'127.0.0.0/8',
	'127.7.0.0/16',
	'169.254.0.0/16',
	'224.0.0.0/4',
]) {
	refusesFlags({ nodeCidr: range }, range, '169.254.0.0/16');
	refusesFlags({ podCidr: range }, range, '169.254.0.0/16');
	refusesFlags({ serviceCidr: range }, range, '169.254.0.0/16');
}
for (const range of ['192.0.2.0', 'fd00::/64', '192.0.2.0/33', 'anybody'])
	refusesFlags({ sshAllowedCidr: range }, JSON.stringify(range), 'IPv4 network');
for (const servers of [
	'garbage; rm -rf',
	'dns.example.com',
	'192.0.2.256',
	'192.0.2.1,,192.0.2.2',
	'2001:db8::1',
	'08.8.8.8',
])
	refusesFlags({ dnsNameserver: servers }, JSON.stringify(servers), 'IPv4 addresses');
for (const servers of [
	'ntp example',
	'192.0.2.256',
	'192.0.2',
	'-ntp.example.com',
	'a,,b',
	':',
	'a iburst\nserver b',
	'$(id)',
])
	refusesFlags({ ntpServer: servers }, JSON.stringify(servers), 'host names or addresses');
refusesFlags({ podCidr: '10.96.0.0/12' }, '10.96.0.0/12', 'serviceCidr (10.96.0.0/16)', 'overlap');
refusesFlags({ podCidr: '10.0.0.0/16' }, 'nodeCidr (10.0.0.0/24)', 'overlap');
refusesFlags({ serviceCidr: '10.0.0.0/16' }, 'nodeCidr (10.0.0.0/24)', 'overlap');
refusesFlags({ podSubnetLength: '16' }, 'is 16', 'podCidr (10.244.0.0/16)');
refusesFlags({ podSubnetLength: '31' }, '"31"', 'from 8 to 30');
refusesFlags({ serviceCidr: '10.96.0.0/28' }, '10.96.0.0/28', 'from 12', 'to 27');
refusesFlags({ apiFloatingIp: 'maybe' }, '"maybe"', 'true or false');
refusesFlags({ networkDriver: 'cilium' }, '"cilium"', 'calico, flannel, routed');
for (const name of ['a b', '$(reboot)', '', 'A.local'])
	refusesFlags({ clusterDomain: name }, JSON.stringify(name), 'DNS domain');
refusesFlags({ keyName: 'a\nb' }, '"a\\nb"', 'one line');

refusesFlags({ fixedNetwork: 'lan' }, '"lan"', 'fixedSubnet');
refusesFlags({ fixedSubnet: 'lan-v4' }, '"lan-v4"', 'fixedNetwork');
refusesFlags({ apiFloatingIp: 'true', externalNetwork: 'none' }, '--external-network');

refusesFlags({ podCidr: '10.244.0.0/22', minions: '4' }, '4 subnets', '5 nodes need 6');
refusesFlags({ podCidr: '10.244.0.0/24', podSubnetLength: '25' }, '2 subnets', '2 nodes need 3');
refusesFlags({ nodeCidr: '10.0.0.0/28', minions: '8' }, '16 addresses', '9 nodes need 17');
refusesFlags({ nodeCidr: '10.0.0.0/30' }, '4 addresses');

for (const proxy of [
	'http://me:s3cret@proxy:3128',
	'me:s3cret@proxy:3128',
	'http://s3cret@proxy',
	'http:me:s3cret@proxy',
	'http://proxy/?password=s3cret',
	'socks5://me:s3cret@proxy',
	'http://proxy/@s3cret',
]) {
	for (const key of ['httpProxy', 'httpsProxy', 'noProxy']) {
		test(`refused, without showing the secret: ${key} ${proxy}`, (t) => {
			if (key === 'noProxy' && !proxy.includes('@')) return t.pass();
			const { message } = refusal(t, 'demo', { [key]: proxy });
			t.true(
				message.startsWith(
					key === 'noProxy' ? '--no-proxy' : key === 'httpProxy' ? '--http-proxy' : '--https-proxy',
				),
			);
			t.notRegex(message, /s3cret/);
		});
	}
}

for (const proxy of [
	'http://proxy:3128',
	'proxy:3128',
	'https://proxy.example.com',
	'http://[2001:db8::1]:3128/',
	'http://192.0.2.1',
])
	test(`a proxy may be ${proxy}`, (t) => {
		t.is(readCluster('demo', { httpProxy: proxy }, undefined).settings.httpProxy, proxy);
	});

test('NTP servers are a list in cluster.yaml, and a flag that is given for each', (t) => {
	const file = { text: 'ntpServers: [192.0.2.7, ntp.example.com]\n', path: 'cluster.yaml' };
	t.is(readCluster('demo', {}, file).settings.ntpServers, '192.0.2.7,ntp.example.com');
	const flags = { ntpServer: ['2001:db8::1', 'ntp.example.com'] };
	t.is(readCluster('demo', flags, file).settings.ntpServers, '2001:db8::1,ntp.example.com');
});

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
		t.true(
			message.startsWith(
				`The cluster name "${name}" is invalid, because names of hosts begin with it: use at most 40 characters of`,
			),
		);
	});
}

test('of a long name, value or key the message has the beginning and the length', (t) => {
	const long = 'x'.repeat(10_000);
	for (const [name, text, words] of [
		['demo', `name: ${long}\n`, /: name is "x{99}\.\.\. \(10002 characters\), but the command/],
		['demo', `name: [${long}]\n`, /: name is \["x+\.\.\. \(/],
		[long, '', /^The cluster name "x{99}\.\.\. \(10002 characters\) is invalid/],
		['demo', `minions: ${long}\n`, /: minions is "x/],
		['demo', `${long}: 3\n`, /: x{100}\.\.\. \(10000 characters\) is not a known key/],
		['demo', `pools: [{name: a, count: 1, ${long}: 1}]\n`, /pools\[0\]\.x{100}\.\.\. /],
		['demo', `pools: [{name: a, count: 1, labels: {${long}: ${long}}}]\n`, /labels is "x+\.\.\. /],
		['demo', `fixedNetwork: ${long}\n`, /fixedNetwork is "x+\.\.\. /],
	] as const) {
		const { message } = refusal(t, name, {}, text);
		t.true(message.length < 3000, `${message.length}: ${message.slice(0, 500)}`);
		t.regex(message, words);
	}
});

test('a name of cluster.yaml that aliases make endless is refused, with its place', (t) => {
	const lists = Array.from({ length: 9 }, (_, i) => `- &a${i + 1} [${Array(10).fill(`*a${i}`)}]`).join('\n');
	const { message } = refusal(t, 'demo', {}, `name:\n- &a0 [x]\n${lists}\n`);
	t.regex(message, /^demo\/cluster\.yaml: name\[\d+\]\S* is too long/);
	t.true(message.length < 200, message.slice(0, 500));
});

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

test('all mistakes of a file are reported at once, each with its location', (t) => {
	const text = 'name: demo\nminions: many\npodCidr: 10.0.0.0/8\nminionFlavour: m1.small\n';
	const { message } = refusal(t, 'demo', {}, text);
	const mistakes = message.split('\n').slice(1);
	t.is(mistakes.length, 4); // podCidr overlaps two others
	t.is(mistakes.filter((line) => line.includes(`${path}: `)).length, 4);
	t.regex(message, /minionFlavour .*minionFlavor\?/);
	t.regex(message, /minions is "many"/);
	t.is(mistakes.filter((line) => line.includes('podCidr (10.0.0.0/8)')).length, 2);
});

test('mistakes of flags and of the file are reported together', (t) => {
	const { message } = refusal(t, 'demo', { minions: '-1' }, 'name: other\nkeyName: [a]\n');
	t.is(message.split('\n').length, 4);
	t.regex(message, /--minions is "-1"/);
	t.regex(message, /demo\/cluster\.yaml: name is "other".*"demo"/);
	t.regex(message, /demo\/cluster\.yaml: keyName is \["a"\]/);
});

for (const text of [
	'minions: [3]',
	'podCidr: [10.0.0.0/8]',
	'apiFloatingIp: ["true"]',
	'keyName: {a: b}',
	'keyName: true',
]) {
	test(`a value of another type is refused: ${text}`, (t) => {
		t.true(refusal(t, 'demo', {}, text).message.includes(`${path}: ${text.split(':')[0]} is `));
	});
}

test('a wrong value contradicts nothing, and neither does the default in its place', (t) => {
	const { message } = refusal(t, 'demo', { gatewayFirstPort: '10000', gatewayLastPort: 'x' });
	t.notRegex(message, /above/);
});

test('a Heat environment in place of settings is named as one', (t) => {
	const { message } = refusal(t, 'demo', {}, 'parameters:\n  minion_count: 3\n');
	t.regex(message, /demo\/cluster\.yaml is a Heat environment/);
});

test('the file of a cluster that exists may have what the cluster has', (t) => {
	const text = 'dnsNameserver: dns.example.com\npodCidr: 10.244.0.0/24\nnodeCidr: 10.244.0.0/24\n';
	refusal(t, 'demo', {}, text);
	const existing = { dnsNameserver: 'dns.example.com' };
	const found = readCluster('demo', {}, { text, path }, existing);
	t.is(found.settings.dnsNameserver, 'dns.example.com');
	t.throws(() => readCluster('demo', {}, { text: 'dnsNameserver: ns.example.com\n', path }, existing));
});

test('a cluster says which of its settings were given', (t) => {
	const { given } = readCluster('demo', { minions: '7' }, { text: 'gateways: 2\nmasters:\n', path });
	t.deepEqual([...(given ?? [])].sort(), ['gateways', 'minions']);
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

test('an empty file means a cluster with defaults', (t) => {
	for (const text of ['', '\n', '# nothing\n', '---\n']) {
		t.deepEqual(readCluster('demo', {}, { text, path }), readCluster('demo', {}, undefined));
	}
});

test('flags go before the file, the file before the defaults, and an empty value is none', (t) => {
	const text = 'minions: 5\ngateways: 2\nbootTimeout:\n';
	const { settings: found } = readCluster('demo', { minions: '7' }, { text, path });
	t.like(found, { minions: 7, gateways: 2, masters: 1, bootTimeout: 1200 });
});

test('settings without a value and a default are absent', (t) => {
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
