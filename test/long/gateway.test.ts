// A gateway while Services and pods are created and deleted. It runs in network namespaces of its own, with its real
// program, HAProxy and firewall.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { gateway, own, shared } from '../support/gateway.ts';
import { endpoints, service } from '../support/services.ts';

const tcp = [{ port: 8080 }];
const udp = [{ port: 8080, protocol: 'UDP' }];
const web = (...pods: string[]) => [service('web', [{ port: 80 }]), endpoints('web', pods, tcp)];
const [two, three, four] = ['10.244.1.2', '10.244.1.3', '10.244.1.4'] as const;
const everywhere = [two, three, four].map((address) => `${address}:8080`);

test.serial(
	'open connections survive every reload, no new one fails, and all reach ready pods',
	async (t) => {
		const it = await gateway(t);
		await it.pods(...everywhere);
		await it.set(...web(two));
		await it.assemble();
		await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);
		const held = await it.begin('hold', shared, 80);
		const asking = await it.begin('loop', shared, 80);
		const reloads = async () => (await it.file('systemctl')).trimEnd().split('\n').length;
		for (const pods of [[two, three], [three], [three, four], [four, two], [two, three, four], [four]]) {
			const before = await reloads();
			await it.set(...web(...pods));
			await it.until('HAProxy is reloaded', async () => (await reloads()) > before);
		}
		await it.until('only the last pod answers', async () => (await it.ask(own, 80)) === `${four}:8080`);
		const answers = (await asking.result()) as Record<string, number>;
		t.deepEqual(Object.keys(answers).sort(), everywhere, 'no connection failed, and every pod has answered');
		const line = (await held.result()) as { asked: number; answered: number; pods: string[]; ended: unknown };
		t.is(line.ended, false);
		t.true(line.asked > 50);
		t.is(line.answered, line.asked);
		t.deepEqual(line.pods, [`${two}:8080`], 'it is the same connection, to the same pod');
		t.is(await reloads(), 7);
		t.true((await it.file('written')).includes(`"kstack.io/gateway-addresses": "192.0.2.9,${shared}"`));
	},
);

test.serial('a pod that accepts no connection fails no request, also after a reload', async (t) => {
	const it = await gateway(t);
	const [refuses, silent] = [three, '10.244.1.77'];
	await it.pods(`${two}:8080`);
	await it.set(...web(two));
	await it.assemble();
	await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);
	const asking = await it.begin('loop', shared, 80);
	await it.set(...web(two, refuses, silent));
	const states = async () => {
		const lines = (await it.haproxy('show stat')).split('\n').map((line) => line.split(','));
		return Object.fromEntries(lines.map((columns) => [columns[1], columns[17]?.split(' ')[0]]));
	};
	const both = async () => {
		const { [`${refuses}-8080`]: one, [`${silent}-8080`]: other } = await states();
		return `${one} ${other}`;
	};
	await it.until('both are down', async () => (await both()) === 'DOWN DOWN');
	const pid = async () => /^Pid: (\d+)/m.exec(await it.haproxy('show info'))?.[1];
	const before = await pid();
	await it.set(...web(two, refuses, silent, four));
	await it.until('a new process runs', async () => (await pid()) !== before);
	t.is(await both(), 'DOWN DOWN');
	t.deepEqual(Object.keys((await asking.result()) as object), [`${two}:8080`]);
});

test.serial('an invalid, a conflicting and a deleted Service do not affect the others', async (t) => {
	const it = await gateway(t);
	await it.pods(...everywhere, `${two}:53`);
	const good = web(two);
	await it.set(...good);
	await it.assemble();
	await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);
	const label = { 'kstack.io/gateway': 'maybe' };
	await it.set(
		...good,
		service('late', [{ port: 80 }, { port: 81 }, { port: 22 }], { age: 1 }),
		endpoints('late', [three], tcp),
		service('wrong', [{ port: 82 }], { labels: label }),
		endpoints('wrong', [four], tcp),
	);
	await it.until('the free port is exposed', async () => (await it.ask(own, 81)) === `${three}:8080`);
	t.is(await it.ask(shared, 80), `${two}:8080`);
	t.is(await it.ask(own, 82), 'ECONNREFUSED');
	t.is(await it.ask(own, 22), 'ECONNREFUSED');
	await it.set(service('late', [{ port: 80 }, { port: 81 }], { age: 1 }), endpoints('late', [three], tcp));
	await it.until(
		'the next Service gets the port',
		async () => (await it.ask(shared, 80)) === `${three}:8080`,
	);
	await it.set();
	await it.until('nothing is exposed', async () => (await it.ask(own, 80)) === 'ECONNREFUSED');
});

test.serial('UDP reaches the ready pods, and a flow to a deleted pod reaches another', async (t) => {
	const it = await gateway(t);
	await it.pods(...everywhere);
	const dns = (...pods: string[]) => [
		service('dns', [{ port: 53, protocol: 'UDP' }]),
		endpoints('dns', pods, udp),
	];
	await it.set(...dns());
	await it.assemble();
	await it.until('HAProxy runs', async () => it.output().includes('HAProxy reloaded'));
	const ask = () => it.send(shared, 53, 5000);
	t.is(await ask(), 'no answer');
	await it.set(...dns(two));
	// The pod sees the address of the gateway; otherwise its response would bypass the gateway.
	await it.until('the flow from before is forwarded', async () => (await ask()) === `${two}:8080 10.244.1.1`);
	await it.set(...dns(two, three));
	await it.until('there are two', async () =>
		(await it.file('run/kstack-gateway/flows.before')).includes(three),
	);
	t.is(await ask(), `${two}:8080 10.244.1.1`, 'a flow stays with its pod');
	await it.set(...dns(three));
	await it.until('the flow reaches the other pod', async () => (await ask()) === `${three}:8080 10.244.1.1`);
	t.is(await it.send(own, 53), `${three}:8080 10.244.1.1`);
});

test.serial('its rules are before those of kube-proxy, and are moved there again', async (t) => {
	const it = await gateway(t);
	await it.pods(...everywhere);
	await it.set(...web(two));
	const stop = await it.assemble();
	await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);
	stop();
	const jump = [
		'PREROUTING',
		'-m',
		'comment',
		'--comment',
		'kubernetes service portals',
		'-j',
		'KUBE-SERVICES',
	];
	await it.inside('gateway', 'iptables', '-t', 'nat', '-D', ...jump);
	await it.inside('gateway', 'iptables', '-t', 'nat', '-I', ...jump);
	t.not(await it.ask(shared, 80), `${two}:8080`, 'kube-proxy sends it elsewhere');
	await it.assemble();
	await it.until('it forwards again', async () => (await it.ask(shared, 80)) === `${two}:8080`);
	const rules = await it.inside('gateway', 'iptables', '-t', 'nat', '-S', 'PREROUTING');
	t.is(rules.match(/KSTACK-GATEWAY/g)?.length, 2, 'one for each address, after each start');
});

test.serial(
	'a port that another program uses is reported in one Event, and the other ports are exposed',
	async (t) => {
		const it = await gateway(t);
		await it.pods(...everywhere);
		const listening = it.inside(
			'gateway',
			'timeout',
			'60',
			'socat',
			'TCP-LISTEN:82,bind=127.0.0.1,fork',
			'SYSTEM:true',
		);
		listening.catch(() => {});
		const both = (...pods: string[]) => [
			service('web', [{ port: 82 }, { port: 80 }]),
			endpoints('web', pods, tcp),
		];
		await it.until('it listens', async () => (await it.inside('gateway', 'ss', '-ltn')).includes(':82'));
		await it.set(...both(two));
		await it.assemble();
		await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);
		await it.set(...both(three));
		await it.until('it forwards to the new pod', async () => (await it.ask(shared, 80)) === `${three}:8080`);
		await it.until('the Event is created', async () => (await it.file('written')).includes('PortInUse'));
		t.is((await it.file('written')).match(/"PortInUse"/g)?.length, 1);
	},
);

test.serial(
	'while the API or HAProxy fails, the former configuration stays, and the new one follows afterwards',
	async (t) => {
		const it = await gateway(t);
		await it.pods(...everywhere);
		await it.set(...web(two));
		const stop = await it.assemble();
		await it.until('it forwards', async () => (await it.ask(shared, 80)) === `${two}:8080`);

		it.available(false);
		stop();
		await it.assemble();
		await it.until('the failure is logged', async () =>
			it.output().includes('/api/v1/services: not available'),
		);
		t.is(await it.ask(shared, 80), `${two}:8080`);

		const template = path.join(it.root, 'usr/share/kstack/gateway/haproxy.cfg');
		const text = await readFile(template, 'utf8');
		await writeFile(template, `${text}\nlisten broken\n    bind nowhere\n`);
		it.available(true);
		await it.set(...web(three));
		await it.until('the reason is logged', async () => /HAProxy rejects[\s\S]*'bind'/.test(it.output()));
		t.is(await it.ask(shared, 80), `${two}:8080`);

		await writeFile(template, text);
		await it.until(
			'the new configuration is in place',
			async () => (await it.ask(shared, 80)) === `${three}:8080`,
		);
	},
);

test.serial('a client outside of the source ranges reaches no pod, by TCP or UDP', async (t) => {
	const it = await gateway(t);
	await it.pods(...everywhere);
	const limited = { loadBalancerSourceRanges: ['10.0.0.8/32'] };
	await it.inside('client', 'ip', 'addr', 'add', '10.0.0.8/24', 'dev', 'eth0');
	await it.set(
		service('web', [{ port: 80 }], {}, limited),
		endpoints('web', [two], tcp),
		service('dns', [{ port: 53, protocol: 'UDP' }], {}, limited),
		endpoints('dns', [two], udp),
	);
	await it.assemble();
	await it.until('it forwards', async () => (await it.ask(shared, 80, '10.0.0.8')) === `${two}:8080`);
	t.not(await it.ask(shared, 80, '10.0.0.9'), `${two}:8080`);
	t.is(await it.send(shared, 53), 'no answer');
});
