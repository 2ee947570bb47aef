// The pod network "routed" on one node, with fake programs for the kernel and the API.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { imageFiles, writeNode } from '../support/node.ts';
import { runToEnd, systemPath } from '../support/processes.ts';

interface State {
	/** Lines of `kubectl get nodes`: name, address, pod range. */
	readonly nodes: readonly string[];
	/** Lines of the watch: event, and the same. */
	readonly watch?: readonly string[];
	/** Routes of an earlier run in the kernel. */
	readonly routes?: readonly string[];
	/** The CNI configuration of an earlier run. */
	readonly configured?: string;
}

/** Runs kstack-routes on demo-minion-0 until its watch ends, and returns what it did. */
async function route(state: State) {
	const root = await temporaryFolder();
	await writeNode(root, [
		...(await imageFiles()),
		{ path: 'var/lib/kubelet/pki/kubelet-client-current.pem', mode: 0o600, text: '' },
		{ path: 'sys/class/net/ens3/mtu', mode: 0o644, text: '1450\n' },
		...(state.configured === undefined
			? []
			: [{ path: 'etc/cni/net.d/10-routed.conflist', mode: 0o644, text: state.configured }]),
	]);
	for (const folder of ['run', 'etc/cni']) await mkdir(path.join(root, folder), { recursive: true });
	const lines = (list: readonly string[]) => list.map((line) => `${line}\n`).join('');
	await writeFile(path.join(root, 'nodes'), lines(state.nodes));
	await writeFile(path.join(root, 'watch'), lines(state.watch ?? []));
	await writeFile(
		path.join(root, 'routes'),
		lines((state.routes ?? []).map((range) => `${range} via 10.0.0.9`)),
	);
	const fakes = {
		ip: `case "$*" in
'-o route get'*) echo '10.0.0.5 dev ens3 src 10.0.0.12 uid 0' ;;
'route show'*) cat "$root/routes" ;;
*) echo "$*" >>"$root/done" ;;
esac`,
		iptables: 'case "$*" in *" -C "*) exit 1 ;; esac; echo "iptables $*" >>"$root/done"',
		kubectl: 'case "$*" in *--watch*) cat "$root/watch" ;; *) cat "$root/nodes" ;; esac',
	};
	const bin = path.join(root, 'bin');
	await mkdir(bin);
	for (const [name, body] of Object.entries(fakes)) {
		await writeFile(path.join(bin, name), `#!/bin/bash\nroot=${root}\n${body}\n`);
		await chmod(path.join(bin, name), 0o755);
	}
	const ended = await runToEnd('bash', [path.join(root, 'usr/local/sbin/kstack-routes')], {
		env: {
			PATH: `${bin}:${systemPath}`,
			...{
				NODE_NAME: 'demo-minion-0',
				NODE_IP: '10.0.0.12',
				API_ADDRESS: '10.0.0.5',
				POD_CIDR: '10.244.0.0/16',
			},
		},
	});
	if (ended.code !== 0) throw new Error(ended.stdout + ended.stderr);
	const file = path.join(root, 'etc/cni/net.d/10-routed.conflist');
	return {
		did: (await readFile(path.join(root, 'done'), 'utf8')).trimEnd().split('\n'),
		configuration: await readFile(file, 'utf8').catch(() => ''),
	};
}

const masquerading = 'iptables -w -t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE';

test('a node has a route to the pods of every other node, and its own pods on a bridge', async (t) => {
	const { did, configuration } = await route({
		nodes: [
			'demo-master-0 10.0.0.11 10.244.0.0/24',
			'demo-minion-0 10.0.0.12 10.244.1.0/24',
			'demo-minion-1 10.0.0.13 10.244.2.0/24',
		],
	});
	t.deepEqual(did, [
		masquerading,
		'route replace 10.244.0.0/24 via 10.0.0.11 dev ens3 protocol 77',
		'link delete cni0',
		'route replace 10.244.2.0/24 via 10.0.0.13 dev ens3 protocol 77',
	]);
	const { plugins } = JSON.parse(configuration) as {
		plugins: { type: string; mtu?: number; ipam?: object }[];
	};
	t.like(plugins[0], { type: 'bridge', mtu: 1450, ipam: { ranges: [[{ subnet: '10.244.1.0/24' }]] } });
	const again = await route({ nodes: ['demo-minion-0 10.0.0.12 10.244.1.0/24'], configured: configuration });
	t.deepEqual(again.did, [masquerading], 'nothing is changed again');
});

test('routes follow nodes that join and are deleted; a node without a range has none yet', async (t) => {
	const { did } = await route({
		nodes: ['demo-minion-0 10.0.0.12 10.244.1.0/24'],
		watch: [
			'ADDED demo-minion-1 10.0.0.13 ',
			'MODIFIED demo-minion-1 10.0.0.13 10.244.2.0/24',
			'DELETED demo-minion-1 10.0.0.13 10.244.2.0/24',
		],
	});
	t.deepEqual(did.slice(2), [
		'route replace 10.244.2.0/24 via 10.0.0.13 dev ens3 protocol 77',
		'route delete 10.244.2.0/24 protocol 77',
	]);
});

test('a route to a node that was deleted before the start is removed, and other routes stay', async (t) => {
	const { did } = await route({
		nodes: ['demo-minion-0 10.0.0.12 10.244.1.0/24', 'demo-minion-1 10.0.0.13 10.244.2.0/24'],
		routes: ['10.244.2.0/24', '10.244.9.0/24'],
	});
	t.deepEqual(
		did.filter((line) => line.startsWith('route delete')),
		['route delete 10.244.9.0/24 protocol 77'],
	);
});

test('a stale range that is the beginning of another range is removed too', async (t) => {
	const { did } = await route({
		nodes: ['demo-minion-0 10.0.0.12 10.244.1.0/24', 'demo-minion-1 10.0.0.13 10.244.20.0/24'],
		routes: ['10.244.2.0/24', '10.244.20.0/24'],
	});
	t.deepEqual(
		did.filter((line) => line.startsWith('route delete')),
		['route delete 10.244.2.0/24 protocol 77'],
	);
});
