// A gateway in network namespaces of its own: its real program, HAProxy and firewall, a client, and pods. Only the API is
// a fake.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { temporaryFolder } from './folders.ts';
import { imageFiles, writeNode } from './node.ts';
import { output as outputOf, systemPath, tool } from './processes.ts';
import type { Endpoints, Service } from './services.ts';

export const own = '10.0.0.21';
export const shared = '10.0.0.20';

const needed = {
	unshare: 'util-linux',
	nsenter: 'util-linux',
	ip: 'iproute2',
	ss: 'iproute2',
	iptables: 'iptables',
	conntrack: 'conntrack',
	haproxy: 'haproxy',
	socat: 'socat',
	openssl: 'openssl',
};

const certificate = 'var/lib/kubelet/pki/kubelet-client-current.pem';

const fakePrograms = {
	systemctl: `echo "$*" >>"$root/systemctl"
pid=$(cat "$root/haproxy.pid" 2>/dev/null || echo none)
if kill -USR2 "$pid" 2>/dev/null; then exit; fi
setsid haproxy -W -f "$root/etc/haproxy/haproxy.cfg" -p "$root/haproxy.pid" >>"$root/haproxy.log" 2>&1 </dev/null &
for try in {1..40}; do [ -s "$root/haproxy.pid" ] && exit; sleep 0.05; done`,
	journalctl: 'tail "$root/haproxy.log"',
};

/** A gateway's file without what needs root, and with the paths of HAProxy's package below `root`. */
const adapted = (text: string, root: string) =>
	text
		.replace(/^ {4}(user|group|chroot|log) .*\n/gm, '')
		.replace(/(?<![\w/])\/(?=(etc|run)\/haproxy)/g, `${root}/`);

/** A program that runs in one of the namespaces. */
export interface Inside {
	/** Writes a line to its input. */
	tell(line: string): void;
	/** Closes its input, and returns the last line that it printed. */
	result(): Promise<unknown>;
}

/** Sets up a gateway node, without kstack-gateway. */
export async function gateway(t: ExecutionContext) {
	for (const [name, from] of Object.entries(needed)) tool(name, from);
	const root = await temporaryFolder();
	const groups: ChildProcess[] = [];
	t.teardown(async () => {
		// HAProxy is a service of its own, and outlives the program that starts it.
		const haproxy = Number(await readFile(path.join(root, 'haproxy.pid'), 'utf8').catch(() => '0'));
		const all = groups.map(({ pid }) => [-(pid as number), 'SIGKILL'] as const);
		for (const [pid, signal] of [...(haproxy > 1 ? [[haproxy, 'SIGTERM'] as const] : []), ...all]) {
			try {
				process.kill(pid, signal);
			} catch {} // it has ended by itself
		}
	});
	const env = {
		...process.env,
		PATH: `${path.join(root, 'bin')}:${systemPath}`,
		NODE_IP: own,
		POD_CIDR: '10.244.0.0/16',
		PYTHONDONTWRITEBYTECODE: '1',
	};
	const start = (command: string, args: readonly string[], more: object = {}) => {
		const child = spawn(command, args, { detached: true, env: { ...env, ...more } });
		child.stdin.on('error', () => {});
		groups.push(child);
		return child;
	};

	/** A new namespace, which exists while its process sleeps. */
	const space = async (command: string, ...args: string[]) => {
		const { pid } = start(command, [...args, 'sleep', '300']);
		const net = (id: string) => readlink(`/proc/${id}/ns/net`).catch(() => '');
		const outside = await net('self');
		for (let tries = 0; tries < 500; tries++) {
			const its = await net(String(pid));
			const sleeps = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')) === 'sleep\n';
			if (sleeps && its !== outside) return String(pid);
			await new Promise((resolve) => setTimeout(resolve, 10));
		}
		throw new Error('These tests need network namespaces: run them as root, or allow user namespaces.');
	};
	const entering = (pid: string) => ['-t', pid, '-U', '-n', '--preserve-credentials'];
	const main = await space('unshare', '-r', '-n');
	const pids = {
		gateway: main,
		client: await space('nsenter', ...entering(main).filter((word) => word !== '-n'), 'unshare', '-n'),
		pods: await space('nsenter', ...entering(main).filter((word) => word !== '-n'), 'unshare', '-n'),
	};
	type Where = keyof typeof pids;
	const inside = (where: Where, ...command: string[]) =>
		outputOf('nsenter', [...entering(pids[where]), ...command], { env });

	await inside(
		'gateway',
		'bash',
		'-ec',
		`ip link set lo up
ip link add eth0 type veth peer name eth0 netns ${pids.client}
ip link add cni0 type veth peer name eth0 netns ${pids.pods}
ip addr add ${own}/24 dev eth0
ip addr add ${shared}/32 dev eth0
ip addr add 10.244.1.1/24 dev cni0
ip link set eth0 up
ip link set cni0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
iptables -t nat -N KUBE-SERVICES
iptables -t nat -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
iptables -t nat -A KUBE-SERVICES -d ${shared}/32 -j DNAT --to-destination 10.244.1.99
iptables -N KUBE-EXTERNAL-SERVICES
iptables -A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
iptables -A KUBE-EXTERNAL-SERVICES -d ${shared}/32 -j DROP`,
	);
	await inside(
		'client',
		'bash',
		'-ec',
		'ip addr add 10.0.0.9/24 dev eth0; ip link set eth0 up; ip link set lo up',
	);
	await inside(
		'pods',
		'bash',
		'-ec',
		'for n in 2 3 4 5; do ip addr add 10.244.1.$n/24 dev eth0; done; ip link set eth0 up',
	);

	const files = (await imageFiles()).filter((file) => /gateway|python\/kstack/.test(file.path));
	await writeNode(root, [
		...files.map((file) => ({ ...file, text: adapted(file.text, root) })),
		{ path: certificate, mode: 0o600, text: '' },
		...['written', 'haproxy.log', 'etc/kubernetes/pki/empty'].map((name) => ({
			path: name,
			mode: 0o644,
			text: '',
		})),
		...Object.entries(fakePrograms).map(([name, body]) => ({
			path: `bin/${name}`,
			mode: 0o755,
			text: `#!/bin/bash\nroot=${root}\n${body}\n`,
		})),
	]);
	for (const folder of ['etc/haproxy', 'run/haproxy'])
		await mkdir(path.join(root, folder), { recursive: true });

	/** Starts a program in a namespace; resolves once it prints the first line. */
	const begin = async (where: Where, ...command: string[]): Promise<Inside> => {
		const child = start('nsenter', [...entering(pids[where]), ...command]);
		const lines: string[] = [];
		const reader = createInterface({ input: child.stdout });
		await new Promise<void>((resolve, reject) => {
			reader.on('line', (line) => {
				lines.push(line);
				resolve();
			});
			child.on('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}`)));
		});
		const closed = new Promise<void>((resolve) => reader.on('close', resolve));
		return {
			tell: (line: string) => void child.stdin.write(`${line}\n`),
			result: async () => {
				child.stdin.end();
				await closed;
				return JSON.parse(lines.at(-1) ?? 'null') as unknown;
			},
		};
	};
	const traffic = path.join(packageRoot, 'test/fixtures/traffic.mjs');
	const node = [process.execPath, traffic];
	const api = await begin(
		'gateway',
		...[tool('python3', 'python3'), path.join(packageRoot, 'test/controllers/fake_api.py')],
		...[path.join(root, 'etc/kubernetes/pki/ca.crt'), path.join(root, certificate)],
		...[path.join(root, 'written'), 'demo-gateway-0'],
	);
	let output = '';
	return {
		root,
		/** Whether the API answers. */
		available: (answers: boolean) => api.tell(JSON.stringify(answers ? 'up' : 'down')),
		inside,
		file: (name: string) => readFile(path.join(root, name), 'utf8'),
		output: () => output,
		/** The response of its HAProxy to a command. */
		haproxy: (command: string) =>
			outputOf('socat', ['-t', '5', '-', `UNIX-CONNECT:${path.join(root, 'run/haproxy/admin.sock')}`], {
				input: `${command}\n`,
			}),
		/** Starts kstack-gateway, and resolves once HAProxy answers. */
		assemble: async (address = shared) => {
			const file = path.join(root, 'usr/local/sbin/kstack-gateway');
			const child = start('nsenter', [...entering(main), file], {
				...{ NODE_NAME: 'demo-gateway-0', GATEWAY_ADDRESS: address, GATEWAY_PUBLIC_ADDRESS: '192.0.2.9' },
				API_ADDRESS: '127.0.0.1',
			});
			for (const stream of [child.stdout, child.stderr])
				stream.setEncoding('utf8').on('data', (text: string) => {
					output += text;
				});
			return () => process.kill(-(child.pid as number), 'SIGKILL');
		},
		/** Replaces the Services and Endpoints of the API; watches report what is new, changed or deleted. */
		set: async (...objects: (Service | Endpoints)[]) => api.tell(JSON.stringify(objects)),
		/** Starts pods, each named ADDRESS:PORT. */
		pods: (...names: string[]) => begin('pods', ...node, 'pods', ...names),
		begin: (what: 'loop' | 'hold', host: string, port: number) =>
			begin('client', ...node, what, host, String(port)),
		/** One request over TCP; returns the name of the pod that answers, or the error. */
		ask: async (host: string, port: number, from = '10.0.0.9') =>
			JSON.parse(await inside('client', ...node, 'ask', host, String(port), from)) as string,
		/** One datagram; returns the name of the pod that answers and the source address that it saw, or `no answer`. */
		send: async (host: string, port: number, from = 0) =>
			JSON.parse(await inside('client', ...node, 'datagram', host, String(port), String(from))) as string,
		/** Waits until the condition holds. After a minute the test fails, with the output of the gateway. */
		until: async (what: string, holds: () => Promise<boolean>) => {
			const end = Date.now() + 60_000;
			while (!(await holds())) {
				if (Date.now() > end) throw new Error(`timed out waiting until ${what}; output:\n${output}`);
				await new Promise((resolve) => setTimeout(resolve, 50));
			}
		},
	};
}
