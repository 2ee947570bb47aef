// The jq programs of gateways: which ports are exposed, and the plan for HAProxy and the kernel.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { temporaryFolder } from '../support/folders.ts';
import { output, tool } from '../support/processes.ts';
import {
	endpoints,
	gatewayFiles,
	jq,
	type Port,
	program,
	type Service,
	service,
} from '../support/services.ts';

interface Entry {
	readonly namespace: string;
	readonly name: string;
	readonly port?: number;
	readonly protocol?: string;
	readonly key?: string;
	readonly reason?: string;
	readonly message?: string;
}

interface Exposed {
	readonly good: readonly Entry[];
	readonly wrong: readonly Entry[];
}

const exposed = async (services: readonly Service[]) =>
	(await jq<Exposed>('exposed', {}, [services]))[0] as Exposed;

const ports = fc.uniqueArray(
	fc.record({
		port: fc.constantFrom(22, 53, 80, 81, 82, 83, 179, 443, 4789, 8080, 10250, 31000),
		protocol: fc.constantFrom('TCP', 'TCP', 'UDP', 'SCTP'),
	}),
	{ minLength: 1, maxLength: 4, selector: ({ port, protocol }) => `${port}/${protocol}` },
);

const anyService = fc
	.record({
		namespace: fc.constantFrom('default', 'shop'),
		age: fc.nat(4),
		ports,
		type: fc.constantFrom('LoadBalancer', 'LoadBalancer', 'LoadBalancer', 'ClusterIP', 'ExternalName'),
		label: fc.constantFrom(undefined, undefined, undefined, 'true', 'false', 'yes'),
		proxy: fc.constantFrom(undefined, undefined, undefined, 'v1', 'v2', 'v3', ''),
		sources: fc.constantFrom(
			undefined,
			undefined,
			['10.0.0.0/8'],
			['10.0.0.0/8', '::/0'],
			['10.0.0/8'],
			['10.0.0.0/33'],
		),
		affinity: fc.constantFrom('None', 'ClientIP'),
		other: fc.constantFrom(undefined, undefined, undefined, 'example.com/balancer'),
	})
	.map(
		(one) => (name: string) =>
			service(
				name,
				one.ports,
				{
					namespace: one.namespace,
					age: one.age,
					...(one.label === undefined ? {} : { labels: { 'kstack.io/gateway': one.label } }),
					...(one.proxy === undefined
						? {}
						: { annotations: { 'kstack.io/gateway-proxy-protocol': one.proxy } }),
				},
				{
					type: one.type,
					sessionAffinity: one.affinity,
					...(one.sources === undefined ? {} : { loadBalancerSourceRanges: one.sources }),
					...(one.other === undefined ? {} : { loadBalancerClass: one.other }),
				},
			),
	);
const anyServices = fc
	.array(anyService, { minLength: 6, maxLength: 14 })
	.map((makers) => makers.map((make, index) => make(`service-${index}`)));

/** The same rules, implemented again: what happens to a port, without regard to conflicts. */
function outcome({ spec, metadata }: Service, { port, protocol = 'TCP' }: Port): string {
	const label = metadata.labels?.['kstack.io/gateway'];
	if (label === 'false') return 'not ours';
	if (label === undefined && (spec.type !== 'LoadBalancer' || spec.loadBalancerClass !== undefined))
		return 'not ours';
	if (label !== undefined && label !== 'true') return 'WrongLabel';
	if (spec.type === 'ExternalName') return 'NotExposable';
	if (!['v1', 'v2', undefined].includes(metadata.annotations?.['kstack.io/gateway-proxy-protocol']))
		return 'WrongAnnotation';
	if (spec.loadBalancerSourceRanges?.some((range) => !['10.0.0.0/8', '::/0'].includes(range)))
		return 'WrongSourceRange';
	if (protocol === 'SCTP') return 'ProtocolNotSupported';
	if (
		[22, 10250, 31000].includes(port) ||
		`${port}/${protocol}` === '179/TCP' ||
		`${port}/${protocol}` === '4789/UDP'
	)
		return 'PortReserved';
	return 'good';
}

const inOrder = (services: readonly Service[]) => {
	const key = ({ metadata: { creationTimestamp, namespace, name } }: Service) =>
		[creationTimestamp, namespace, name].join('\0');
	return [...services].sort((a, b) => (key(a) < key(b) ? -1 : 1));
};

test('no port is exposed twice, the oldest Service gets it, and each port that is not exposed has one reason', async (t) => {
	const samples = fc.sample(anyServices, 150);
	const answers = await jq<Exposed>('exposed', {}, samples);
	t.is(answers.length, samples.length);
	const seen = new Set<string>();
	for (const [index, services] of samples.entries()) {
		const expected: string[] = [];
		const taken = new Set<string>();
		for (const one of inOrder(services)) {
			const own = `${one.metadata.namespace}/${one.metadata.name}`;
			const whole = new Set<string>();
			for (const port of one.spec.ports ?? []) {
				const key = `${port.port}/${port.protocol}`;
				let end = outcome(one, port);
				if (end === 'good' && taken.has(key)) end = 'PortTaken';
				if (end === 'good') taken.add(key);
				seen.add(end);
				if (end === 'not ours') continue;
				if (/^Wrong|NotExposable/.test(end)) whole.add(`${own} ${end}`);
				else expected.push(`${own} ${key} ${end}`);
			}
			expected.push(...whole);
		}
		const { good, wrong } = answers[index] as Exposed;
		const got = [
			...good.map(({ namespace, name, key }) => `${namespace}/${name} ${key} good`),
			...wrong.map(({ namespace, name, key, reason }) =>
				[`${namespace}/${name}`, key, reason].filter((word) => word !== undefined).join(' '),
			),
		];
		t.deepEqual(got.sort(), expected.sort());
	}
	t.deepEqual(
		[...seen].sort(),
		[
			...[
				'NotExposable',
				'PortReserved',
				'PortTaken',
				'ProtocolNotSupported',
				'WrongAnnotation',
				'WrongLabel',
			],
			...['WrongSourceRange', 'good', 'not ours'],
		],
		'every outcome occurred',
	);
});

test('the result does not depend on the order of the Services', async (t) => {
	for (const services of fc.sample(anyServices, 10)) {
		const [one, other] = await jq<Exposed>('exposed', {}, [services, [...services].reverse()]);
		t.deepEqual(one, other);
	}
});

test('a Service that does not get a port gets a message with the Service that has it', async (t) => {
	const { good, wrong } = await exposed([
		service('late', [{ port: 80 }, { port: 81 }], { age: 2 }),
		service('early', [{ port: 80 }], { age: 1, namespace: 'shop' }),
	]);
	t.deepEqual(
		good.map(({ name, key }) => `${name} ${key}`),
		['early 80/TCP', 'late 81/TCP'],
	);
	t.is(wrong.length, 1);
	t.is(wrong[0]?.message, 'Port 80/TCP is not exposed: the older Service shop/early uses it.');
});

for (const [range, right] of [
	['192.0.2.0/24', true],
	[' 192.0.2.0/24 ', true],
	['0.0.0.0/0', true],
	['2001:db8::/32', true],
	['192.0.2.0', false],
	['192.0.2.256/24', false],
	['192.0.2.00/24', false],
	['192.0.2.0/33', false],
	['192.0.2.0/24 }', false],
	['192.0.2.0/2 4 }\n    server x', false],
] as const) {
	test(`a source range ${JSON.stringify(range)} is ${right ? 'accepted' : 'rejected'}`, async (t) => {
		const one = service('web', [{ port: 80 }], {}, { loadBalancerSourceRanges: [range] });
		t.is((await exposed([one])).good.length, right ? 1 : 0);
	});
}

/** The functions of jq 1.4, in Debian 8, that the programs use. */
const known = [
	...[
		'add',
		'contains',
		'all',
		'and',
		'as',
		'def',
		'elif',
		'else',
		'empty',
		'end',
		'explode',
		'has',
		'if',
		'implode',
		'index',
	],
	...[
		'join',
		'length',
		'map',
		'not',
		'null',
		'or',
		'range',
		'reduce',
		'select',
		'sort_by',
		'split',
		'then',
		'tojson',
	],
	...['tonumber', 'tostring', 'true', 'unique'],
];

test('the programs use only functions of jq 1.4', async (t) => {
	for (const name of ['exposed', 'gateway', 'services']) {
		const text = (await program('exposed')) + (name === 'exposed' ? '' : await program(name));
		const code = text
			.replace(/^\s*#.*$/gm, '')
			.replace(/"(\\\(([^()"]|"[^"]*"|\([^()]*\))*\)|\\.|[^"\\])*"/g, '""');
		const own = [...code.matchAll(/\bdef (\w+)(?:\(([^)]*)\))?:/g)].flatMap(([, word, parameters]) => [
			word as string,
			...(parameters ?? '').split(';').map((parameter) => parameter.trim()),
		]);
		const words = [...code.matchAll(/(?<![.$\w])([a-z_]\w*)(?!\s*:|\w)/gi)].map(([, word]) => word as string);
		t.true(words.length > 50);
		t.deepEqual(
			[...new Set(words)].filter((word) => !known.includes(word) && !own.includes(word)),
			[],
			name,
		);
	}
});

const variables = {
	busy: '22 10250',
	addresses: '10.0.0.21 10.0.0.20',
	node: 'demo-gateway-0',
	now: '2026-01-01T00:00:00Z',
};

/** The plan of a gateway, by the file that each line is for. */
async function plan(objects: readonly unknown[], more: Partial<typeof variables> = {}) {
	const printed = await jq<string>(await program('gateway'), { ...variables, ...more }, [{ items: objects }]);
	const of = (file: string) =>
		printed.filter((line) => line.startsWith(`${file} `)).map((line) => line.slice(file.length + 1));
	return {
		listeners: of('listeners'),
		rules: of('rules'),
		flows: of('flows'),
		relevant: of('relevant'),
		events: of('events'),
	};
}

const pods = (name: string, count: number, ports: Port[], namespace: string) =>
	endpoints(
		name,
		Array.from({ length: count }, (_, index) => `10.244.${index % 3}.${index + 2}`),
		ports.map((port) => ({ ...port, port: port.port + 1000 })),
		namespace,
	);

test('for any Services, HAProxy accepts the configuration and the kernel the rules', async (t) => {
	const folder = await temporaryFolder();
	const fixed = (await readFile(path.join(gatewayFiles, 'haproxy.cfg'), 'utf8'))
		.replace(/ # since .*/g, '')
		.replace(/\/run\/[\w-]+\//g, `${folder}/`)
		.replace(/^ {4}(user|group|chroot) .*\n/gm, '');
	await writeFile(path.join(folder, 'servers'), '1\n');
	let listeners = 0;
	for (const [index, some] of fc.sample(anyServices, 12).entries()) {
		const services = [...some, service('good', [{ port: 1 }, { port: 2, protocol: 'UDP' }])];
		const more = services.map(({ metadata: { name, namespace }, spec }, number) =>
			pods(name, (number + index) % 4, [...(spec.ports ?? [])], namespace),
		);
		const { listeners: lines, rules } = await plan([...services, ...more]);
		listeners += lines.filter((line) => line.startsWith('listen ')).length;
		const file = path.join(folder, `${index}.cfg`);
		await writeFile(file, `${fixed}${lines.join('\n')}\n`);
		await t.notThrowsAsync(output(tool('haproxy', 'haproxy'), ['-c', '-f', file]));
		const restore = ['-r', '-n', tool('iptables-restore', 'iptables'), '--noflush'];
		await t.notThrowsAsync(
			output(tool('unshare', 'util-linux'), restore, { input: `${rules.join('\n')}\n` }),
			rules.join('\n'),
		);
	}
	t.true(listeners >= 12);
	const wrong = '*nat\n:X - [0:0]\n-A X -p udp -m udp --dport 53 -j DNAT --to-destination nowhere\nCOMMIT\n';
	await t.throwsAsync(output('unshare', ['-r', '-n', 'iptables-restore', '--noflush'], { input: wrong }));
});

test('each endpoint of a UDP port gets an equal share, and only of the allowed sources', async (t) => {
	const { rules, flows } = await plan([
		service('dns', [{ port: 53, protocol: 'UDP' }], {}, { loadBalancerSourceRanges: ['192.0.2.0/24'] }),
		pods('dns', 3, [{ port: 53, protocol: 'UDP' }], 'default'),
	]);
	const start = '-A KSTACK-GATEWAY -s 192.0.2.0/24 -p udp -m udp --dport 53';
	const forwarding = rules.filter((rule) => rule.includes('DNAT --to'));
	t.is(forwarding.length, 3);
	t.true(forwarding[0]?.startsWith(`${start} -m statistic --mode random --probability 0.33333`));
	t.is(
		forwarding[1],
		`${start} -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.244.1.3:1053`,
	);
	t.is(forwarding[2], `${start} -j DNAT --to-destination 10.244.2.4:1053`);
	t.deepEqual(flows, ['53 10.244.0.2 1053', '53 10.244.1.3 1053', '53 10.244.2.4 1053']);
});

test('the listener of a Service follows its affinity, source ranges and proxy protocol', async (t) => {
	const { listeners } = await plan([
		service(
			'web',
			[{ port: 80, name: 'http' }],
			{ annotations: { 'kstack.io/gateway-proxy-protocol': 'v2' } },
			{ sessionAffinity: 'ClientIP', loadBalancerSourceRanges: ['192.0.2.0/24', '198.51.100.0/24', '::/0'] },
		),
		endpoints(
			'web',
			['10.244.1.2', 'fd00::2'],
			[
				{ port: 9090, name: 'metrics' },
				{ port: 8080, name: 'http' },
			],
		),
	]);
	t.deepEqual(listeners, [
		'',
		'listen default.web.80',
		'    bind 0.0.0.0:80',
		'    balance source',
		'    hash-type consistent',
		'    acl allowed src 192.0.2.0/24',
		'    acl allowed src 198.51.100.0/24',
		'    tcp-request connection reject if !allowed',
		'    server 10.244.1.2-8080 10.244.1.2:8080 check send-proxy-v2 check-send-proxy',
	]);
	const none = await plan([
		service('web', [{ port: 80 }], {}, { loadBalancerSourceRanges: ['::/0'] }),
		endpoints('web', ['10.244.1.2'], [{ port: 80 }]),
	]);
	t.true(none.listeners.includes('    tcp-request connection reject'));
});

test('a port that another program uses is not exposed, with an Event; the other ports of the Service are', async (t) => {
	const { listeners, events } = await plan([service('web', [{ port: 80 }, { port: 2379 }])], {
		busy: '22 2379 ',
	});
	t.deepEqual(
		listeners.filter((line) => line.startsWith('listen')),
		['listen default.web.80'],
	);
	t.is(events.length, 1);
	const [name, ...json] = (events[0] ?? '').split(' ');
	const event = JSON.parse(json.join(' ')) as { metadata: { name: string } };
	t.is(event.metadata.name, String(name));
	t.like(event, {
		reason: 'PortInUse',
		involvedObject: { name: 'web' },
		source: { component: 'kstack-gateway' },
		message: 'Port 2379/TCP is not exposed on gateway demo-gateway-0: another program uses the port there.',
	});
});
