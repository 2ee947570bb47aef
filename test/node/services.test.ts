// What kstack-services writes: the gateways' addresses into Services, and Events for ports that are not exposed.
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { systemPath } from '../support/processes.ts';
import { jq, program, type Service, service } from '../support/services.ts';
import { inBackground, until } from '../support/waiting.ts';

interface Event {
	readonly metadata: { readonly name: string; readonly namespace: string };
	readonly reason: string;
	readonly message: string;
	readonly count: number;
	readonly firstTimestamp: string;
	readonly lastTimestamp: string;
	readonly involvedObject: object;
	readonly source: object;
}

interface Plan {
	readonly statuses: readonly Service[];
	readonly made: readonly Event[];
	readonly changed: readonly Event[];
}

const variables = {
	now: '2026-01-01T12:00:00Z',
	stale: '2026-01-01T11:50:00Z',
	never: '10.0.0.5 192.0.2.5 10.96.0.1 10.96.0.10 127.0.0.1',
};

/** A gateway's Node object: its own address, and the shared ones in its annotation. */
const node = (name: string, address: string, ready = true, shared = '192.0.2.9,10.0.0.20', labels = {}) => ({
	metadata: { name, labels, annotations: { 'kstack.io/gateway-addresses': shared } },
	status: {
		conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }],
		addresses: [
			{ type: 'Hostname', address: name },
			{ type: 'InternalIP', address },
		],
	},
});
const both = [node('demo-gateway-0', '10.0.0.21'), node('demo-gateway-1', '10.0.0.22')];

async function plan(
	services: readonly Service[],
	nodes: readonly unknown[],
	events: readonly Event[] = [],
	more = {},
) {
	const values = [{ items: services }, { items: nodes }, { items: events }];
	const [made] = await jq<Plan>(await program('services'), { ...variables, ...more }, values, '--slurp');
	return made as Plan;
}

const addresses = ({ status }: Service) => (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
const withStatus = (one: Service, ...ips: string[]): Service => ({
	...one,
	status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
});

test('the status has the floating IP, the shared address, and each Ready gateway; a second plan is empty', async (t) => {
	const services = [
		service('web', [{ port: 80 }]),
		service('inside', [{ port: 81 }], {}, { type: 'ClusterIP' }),
	];
	const { statuses } = await plan(services, [...both, node('demo-gateway-2', '10.0.0.23', false)]);
	t.is(statuses.length, 1);
	t.deepEqual(addresses(statuses[0] as Service), ['192.0.2.9', '10.0.0.20', '10.0.0.21', '10.0.0.22']);
	t.deepEqual(await plan(statuses, both), { statuses: [], made: [], changed: [] });
});

for (const [what, nodes] of [
	['there is none', []],
	['none is Ready', [node('demo-gateway-0', '10.0.0.21', false)]],
	[
		'the last one is being removed',
		[node('demo-gateway-0', '10.0.0.21', true, '', { 'kstack.io/leave': 'leave' })],
	],
] as const) {
	test(`the status has no address if, of the gateways, ${what}`, async (t) => {
		const { statuses } = await plan([withStatus(service('web', [{ port: 80 }]), '10.0.0.21')], nodes);
		t.deepEqual(
			statuses.map(({ status }) => status),
			[{ loadBalancer: {} }],
		);
	});
}

test('a Service has an address if one of its ports is exposed, and none otherwise', async (t) => {
	const { statuses, made } = await plan(
		[
			service('early', [{ port: 80 }]),
			withStatus(service('late', [{ port: 80 }], { age: 1 }), '10.0.0.21'),
			service('half', [{ port: 80 }, { port: 81 }], { age: 2 }),
		],
		[node('demo-gateway-0', '10.0.0.21', true, '')],
	);
	t.deepEqual(
		statuses.map((one) => [one.metadata.name, ...addresses(one)]),
		[['early', '10.0.0.21'], ['late'], ['half', '10.0.0.21']],
	);
	t.is(made.length, 2);
});

test('the status of Services of other implementations is kept; a Service that is no longer exposed loses our addresses', async (t) => {
	const no = { labels: { 'kstack.io/gateway': 'false' } };
	const { statuses } = await plan(
		[
			withStatus(
				service('theirs', [{ port: 80 }], {}, { loadBalancerClass: 'example.com/x' }),
				'203.0.113.1',
			),
			withStatus(service('never-ours', [{ port: 81 }], no), '203.0.113.2'),
			withStatus(service('no-longer', [{ port: 82 }], no), '10.0.0.20', '10.0.0.21'),
		],
		both,
	);
	t.deepEqual(
		statuses.map((one) => [one.metadata.name, addresses(one)]),
		[['no-longer', []]],
	);
});

test('a gateway cannot claim the API address, the address of a Service, or an invalid address', async (t) => {
	for (const claim of [
		'10.0.0.5,192.0.2.5',
		'10.96.0.10',
		'example.com',
		'1.2.3.4.5',
		' 10.0.0.20',
		'8.8.8.8/0',
	]) {
		const { statuses } = await plan(
			[service('web', [{ port: 80 }])],
			[node('demo-gateway-0', '10.0.0.21', true, claim)],
		);
		t.deepEqual(statuses.map(addresses), [['10.0.0.21']], claim);
	}
});

test('an Event is created once, updated after ten minutes, and updated when its message changes', async (t) => {
	const early = service('early', [{ port: 80 }]);
	const late = service('late', [{ port: 80 }], { age: 1, namespace: 'shop' });
	const { made } = await plan([early, late], []);
	t.is(made.length, 1);
	const first = made[0] as Event;
	t.like(first, {
		reason: 'PortTaken',
		metadata: { namespace: 'shop' },
		involvedObject: { kind: 'Service', namespace: 'shop', name: 'late', uid: late.metadata.uid },
		source: { component: 'kstack-services' },
		count: 1,
	});
	t.regex(first.metadata.name, /^late\.[0-9a-f]{8}\.porttaken-80-tcp$/);
	t.deepEqual(await plan([early, late], [], [first]), { statuses: [], made: [], changed: [] });

	const later = { now: '2026-01-01T12:10:01Z', stale: '2026-01-01T12:00:01Z' };
	const again = await plan([early, late], [], [first], later);
	t.deepEqual(again.changed, [{ ...first, count: 2, lastTimestamp: later.now }]);
	t.deepEqual(again.made, []);

	const other = service('other', [{ port: 80 }]);
	const moved = await plan([other, late], [], [first]);
	t.deepEqual(
		moved.changed.map(({ metadata, message }) => [metadata.name, message]),
		[[first.metadata.name, 'Port 80/TCP is not exposed: the older Service default/other uses it.']],
	);
	const recreated = { ...late, metadata: { ...late.metadata, uid: 'ffffffff-1' } };
	t.is(
		(await plan([early, recreated], [], [first])).made.length,
		1,
		'a Service that was deleted and created again has a new Event',
	);
});

/** kstack-services on a master in a folder, with an API that stores what is written. */
async function master(services: readonly Service[]) {
	const root = await temporaryFolder();
	const fakePrograms = {
		ip: 'echo checked >>"$root/checks"; [ ! -e "$root/holds" ] || echo "2: ens3 inet 10.0.0.5/32"',
		kubectl: `case "$*" in
*'get services --all-namespaces --watch'*) exec tail -f -n +1 "$root/changed" ;;
*--watch*) exec sleep 60 ;;
*'get services'*) echo asked >>"$root/asked"; jq -c -s '{items: .}' "$root"/services/* ;;
*'get nodes'*) cat "$root/nodes" ;;
*'get events'*) cat "$root"/events/* 2>/dev/null | jq -c -s '{items: .}' ;;
*create*) jq -c '.items[]' | while read -r event; do
    file="$root/events/$(jq -r .metadata.name <<<"$event")"
    [ ! -e "$file" ] || exit 1
    echo "$event" >"$file"; echo "create $(jq -r .reason <<<"$event")" >>"$root/written"
done ;;
*'replace --raw'*) name=$(sed 's,.*services/,,; s,/status.*,,' <<<"$*"); cat >"$root/new"
    echo "status $name" >>"$root/written"; mv "$root/new" "$root/services/$name"; echo "default/$name $RANDOM" >>"$root/changed" ;;
esac`,
	};
	await writeNode(root, [
		...(await imageFiles()).filter((file) => /gateway|kstack-services|functions\/kubernetes/.test(file.path)),
		...Object.entries(fakePrograms).map(([name, body]) => ({
			path: `bin/${name}`,
			mode: 0o755,
			text: `#!/bin/bash\nroot=${root}\n${body}\n`,
		})),
		...['changed', 'written', 'asked', 'checks'].map((name) => ({ path: name, mode: 0o644, text: '' })),
		{ path: 'nodes', mode: 0o644, text: JSON.stringify({ items: both }) },
	]);
	for (const folder of ['services', 'events', 'run'])
		await mkdir(path.join(root, folder), { recursive: true });
	const put = async (one: Service) => {
		await writeFile(path.join(root, 'services', one.metadata.name), JSON.stringify(one));
		await appendFile(path.join(root, 'changed'), `default/${one.metadata.name} ${Math.random()}\n`);
	};
	for (const one of services) await put(one);
	return {
		root,
		put,
		written: async () => (await readFile(path.join(root, 'written'), 'utf8')).split('\n').slice(0, -1),
		lines: async (name: string) => (await readFile(path.join(root, name), 'utf8')).split('\n').length - 1,
		env: { PATH: `${path.join(root, 'bin')}:${systemPath}`, API_ADDRESS: '10.0.0.5' },
	};
}

test('only the master that holds the API address writes, and each object once', async (t) => {
	const it = await master([service('web', [{ port: 80 }]), service('late', [{ port: 80 }], { age: 1 })]);
	const running = await inBackground(t, it.root, 'kstack-services', it.env);
	await until(running, async () => (await it.lines('checks')) > 2, 'it has checked who holds the address');
	t.is(await it.lines('asked'), 0);
	await writeFile(path.join(it.root, 'holds'), '');
	await until(running, async () => (await it.written()).length === 2, 'it has written both');
	t.deepEqual(await it.written(), ['create PortTaken', 'status web']);
	await it.put(service('more', [{ port: 81 }, { port: 22 }]));
	await until(
		running,
		async () => (await it.written()).includes('status more'),
		'the new Service has its status',
	);
	const asked = await it.lines('asked');
	await it.put(service('more-yet', [{ port: 82 }]));
	await until(
		running,
		async () => (await it.written()).includes('status more-yet'),
		'the next Service has its status',
	);
	await until(running, async () => (await it.lines('asked')) > asked + 1, 'it has read its own changes');
	t.deepEqual(await it.written(), [
		...['create PortTaken', 'status web', 'create PortReserved', 'status more', 'status more-yet'],
	]);
	await rm(path.join(it.root, 'holds'));
});
