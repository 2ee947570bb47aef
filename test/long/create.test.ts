import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageVersion } from '../../src/base/package.ts';
import { type Answers, demoStack, emptyCloud, event, imageOf } from '../support/fake-cloud.ts';
import { on } from '../support/kstack-on-cloud.ts';

/** The stages of a cloud on which a cluster is created and closed. */
const creating: readonly Answers[] = [
	{ ...emptyCloud, 'stack-create': { id: 'stack-1' }, 'stack-update': { id: 'stack-1' } },
	{
		'stack-event-list': [
			event(1, 'CREATE_IN_PROGRESS'),
			event(2, 'CREATE_COMPLETE', { resource_name: 'network', physical_resource_id: 'network-2' }),
			event(3, 'CREATE_COMPLETE', { stack_name: 'demo-minions-x7-0-k3', resource_name: 'ready' }),
			event(4, 'CREATE_COMPLETE'),
		],
		'stack-show-demo': demoStack(1),
		'server-list': [
			{ ID: 'server-demo-master-0', Name: 'demo-master-0', Status: 'ACTIVE' },
			{ ID: 'server-demo-minion-0', Name: 'demo-minion-0', Status: 'ACTIVE' },
		],
	},
	{
		'stack-event-list': [
			event(4, 'CREATE_COMPLETE'),
			event(5, 'UPDATE_IN_PROGRESS'),
			event(6, 'UPDATE_COMPLETE'),
		],
	},
];

test("Heat's timeout at creation covers a later drain, because Heat keeps it for updates by other clients", async (t) => {
	const { code, stderr, asked } = await on(creating, ['create', 'demo', '--drain-timeout', '7200']);
	t.is(code, 0, stderr);
	const sent = asked.filter((line) => /^'stack' '(create|update)'/.test(line));
	t.deepEqual(
		sent.map((line) => /'--timeout' '(\d+)'/.exec(line)?.[1]),
		['160', '160'],
	);
});

test('create checks the cloud, writes the directory, creates the stack, waits for it, and prints the node table', async (t) => {
	const { code, stdout, stderr, folder, asked } = await on(creating, [
		'create',
		'demo',
		'--api-floating-ip',
		'false',
	]);
	t.is(code, 0, stderr);
	t.regex(stderr, /demo: network \w+\n.*demo-minion-0: Ready\n/);
	t.is(stderr.match(/^The network driver \w+ does not enforce NetworkPolicy/gm)?.length, 1);
	t.regex(stderr, /Next: export KUBECONFIG=demo\/kubeconfig; kubectl get nodes\n$/);
	t.regex(stdout, /^NODE +ROLE +POOL +ADDRESS +SERVER +KUBERNETES +VERSION +IMAGE$/m);
	t.regex(stdout, /^demo-minion-0 +minion +minions +10\.0\.0\.12 +ACTIVE +unknown$/m);

	const file = (name: string) => readFile(path.join(folder, 'demo', name), 'utf8');
	const { parameters } = load(await file('parameters.yaml')) as { parameters: Record<string, unknown> };
	t.like(parameters, {
		...{ master_image: 'image-1', minion_image: 'image-1', master_flavor: '3', minion_flavor: '2' },
		...{ external_network: 'network-1', api_floating_ip: false, cluster_state: 'existing', minion_count: 1 },
	});
	const { join_token } = (load(await file('secrets.yaml')) as { parameters: { join_token: string } })
		.parameters;
	for (const name of ['secrets.yaml', 'kubeconfig'])
		t.is((await stat(path.join(folder, 'demo', name))).mode & 0o777, 0o600, name);
	t.false(existsSync(path.join(folder, 'demo/operator.key')), 'the kubeconfig holds the key now');
	t.regex(
		await file('kubeconfig'),
		/certificate-authority-data: Q0E=\n[\s\S]*client-certificate-data: T1A=\n/,
	);

	const changing = asked.filter((line) => /^'stack' '(create|update|delete)'/.test(line));
	t.is(changing.length, 2);
	t.regex(
		changing[0] ?? '',
		/'-e' 'demo\/parameters\.yaml' .*'--parameter-file' 'join_token=file:\S+' '--parameter-file' 'master_token=file:/,
	);
	t.regex(changing[1] ?? '', /'--existing' '--parameter' 'cluster_state=existing'/);
	t.true(asked.findIndex((line) => line.includes("'validate'")) < asked.indexOf(changing[0] ?? ''));
	for (const line of asked) t.false(line.includes(join_token) || line.includes('PRIVATE KEY'), line);
});

/** The cloud above with an image of that contract. */
const withContract = (contract: string): readonly Answers[] => [
	{
		...creating[0],
		'image-show-image-1': imageOf('image-1', 'debian12-x64-kubernetes', { kstack_contract: contract }),
	},
	...creating.slice(1),
];

test("create renders for the image's contract, and the stack records it", async (t) => {
	for (const contract of [0, 1, 2]) {
		const stages = contract === 0 ? creating : withContract(String(contract));
		const { code, stderr, folder, asked } = await on(stages, ['create', 'demo']);
		t.is(code, 0, stderr);
		t.is(existsSync(path.join(folder, 'demo/heat/minion.yaml')), contract === 0);
		t.is(existsSync(path.join(folder, 'demo/heat/minion-contract-1.yaml')), contract === 1);
		t.is(existsSync(path.join(folder, 'demo/heat/minion-contract-2.yaml')), contract === 2);
		const create = asked.find((line) => line.startsWith("'stack' 'create'"));
		const record = {
			securityGroups: 'roles',
			...(contract === 0 ? {} : { contracts: { 'image-1': contract } }),
			...(contract < 2 ? {} : { memberTokens: true }),
			kstack: packageVersion(),
		};
		t.true(create?.includes(`'generations=${JSON.stringify(record)}'`), create);
	}
});

test('create says plainly where the release of Kubernetes does not enforce podSecurity', async (t) => {
	const image = { kstack_contract: '2', kstack_kubernetes: '1.20.2' };
	const old = [
		{ ...creating[0], 'image-show-image-1': imageOf('image-1', 'debian12-x64-kubernetes', image) },
		...creating.slice(1),
	];
	const { code, stderr } = await on(old, ['create', 'demo']);
	t.is(code, 0, stderr);
	t.regex(stderr, /podSecurity is baseline, but it is not enforced: Kubernetes 1\.20\.2 has no PodSecurity/);
	const off = await on(old, ['create', 'demo', '--pod-security', 'privileged']);
	t.notRegex(off.stderr, /not enforced/);
});

test('create refuses an image whose contract is newer than this kstack', async (t) => {
	const { code, stderr, folder, asked } = await on(withContract('3'), ['create', 'demo']);
	t.is(code, 2, stderr);
	t.regex(stderr, /debian12-x64-kubernetes.*newer kstack.*kstack_contract is 3/);
	t.false(existsSync(path.join(folder, 'demo')));
	t.false(asked.some((line) => line.startsWith("'stack' 'create'")));
});

test('the message for a failed creation has the resource and the messages of Nova and the node', async (t) => {
	const failed: readonly Answers[] = [
		creating[0] as Answers,
		{
			'stack-event-list': [
				event(1, 'CREATE_FAILED', {
					...{ stack_name: 'demo-minions-x7-0-k3', resource_name: 'ready', physical_resource_id: 'w' },
					resource_status_reason: 'WaitConditionFailure: resources.ready: step 70-join failed',
				}),
				event(2, 'CREATE_FAILED', {
					...{
						stack_name: 'demo-minions-x7-1-k4',
						resource_name: 'server',
						physical_resource_id: 'server-9',
					},
					resource_status_reason: 'Went to status ERROR',
				}),
				event(2, 'CREATE_FAILED', {
					...{
						stack_name: 'demo-minions-x7-1-k4',
						resource_name: 'server',
						physical_resource_id: 'server-8',
					},
					resource_status_reason: 'Went to status ERROR',
				}),
				event(3, 'CREATE_FAILED', { resource_name: 'minions', resource_status_reason: 'resources.minions' }),
				event(4, 'CREATE_FAILED', { resource_status_reason: 'Resource CREATE failed' }),
			],
			'stack-show-demo': demoStack(1),
			'server-show-server-9': { fault: { message: 'No valid host was found.' } },
			'stack-resource-metadata-demo-minions-x7-0-k3-ready_handle': {
				node: {
					status: 'FAILURE',
					reason: 'demo-minion-0: step 70-join failed (exit 1)',
					data: 'a\nthe end\n',
				},
			},
		},
	];
	const { code, stdout, stderr } = await on(failed, ['create', 'demo']);
	t.is(code, 1);
	t.is(stdout, '');
	t.regex(stderr, /\nkstack: Creating demo failed \(CREATE_FAILED\)\.\n/);
	t.regex(stderr, /The node reports: demo-minion-0: step 70-join failed \(exit 1\)\n {4}a\n {4}the end\n/);
	t.regex(
		stderr,
		/\n {2}demo-minion-1: server: Went to status ERROR\n {2}Nova reports: No valid host was found\.\n/,
	);
	t.is(
		stderr.match(/demo-minion-1: server: Went/g)?.length,
		1,
		'a server that Heat tried twice is reported once',
	);
	t.notRegex(stderr, /resources\.minions/);
	t.regex(stderr, /kstack delete demo\n$/);
});

test('a role may have a different image: all are printed, and Heat gets their IDs', async (t) => {
	const second = {
		'image-list--name-other': [{ ID: 'image-2', Name: 'other' }],
		'image-show-image-2': imageOf('image-2', 'other'),
	};
	const cloud = { ...emptyCloud, ...second, 'orchestration-template-validate.fails': 'ERROR: enough\n' };
	const { stderr, folder } = await on([cloud], ['create', 'demo', '--minion-image', 'other']);
	t.regex(stderr, /^Image debian12-x64-kubernetes \(image-1\).*\nImage other \(image-2\)/m);
	const { parameters } = load(await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8')) as {
		parameters: Record<string, unknown>;
	};
	t.like(parameters, { master_image: 'image-1', minion_image: 'image-2', gateway_image: 'image-1' });
});

test('if Heat rejects the templates, the creation ends before a stack exists', async (t) => {
	const cloud = { ...emptyCloud, 'orchestration-template-validate.fails': 'ERROR: The Parameter is bad\n' };
	const { code, stderr, asked } = await on([cloud], ['create', 'demo']);
	t.is(code, 1);
	t.regex(stderr, /The Parameter is bad/);
	t.false(asked.some((line) => line.startsWith("'stack' 'create'")));
});
