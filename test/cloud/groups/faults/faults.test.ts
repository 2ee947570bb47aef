// The open ports of a cluster of three masters, two minions and a gateway, and its failures. After each, all nodes are
// Ready, etcd has its three members, no server was replaced, and no acknowledged write is lost.
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { type Api, apiOf } from '../../api.ts';
import { ask, eventually, inNode, openstack, root } from '../../cloud.ts';
import { uploadChangedImage } from '../../image.ts';
import { summary } from '../../loop.ts';
import { OwnCluster } from '../../own-cluster.ts';
import { Outsider } from '../../scan.ts';
import { type Writes, writesWhile } from '../../writes.ts';

const name = 'faults';
let cluster: OwnCluster;
let api: Api;
let servers: Record<string, string>;
const images: string[] = [];

test.before(async () => {
	cluster = await OwnCluster.named(name);
	await cluster.done(`create ${name} --masters 3 --minions 2 --gateways 1 --boot-timeout 400`);
	api = await apiOf(cluster.kubeconfig);
	servers = await cluster.servers();
});

test.after.always(async (t) => {
	const errors = await cluster.end();
	if (errors !== '') t.log(errors);
	if (images.length > 0) await openstack('image', 'delete', ...images);
});

/** Runs a script as root on a node. */
async function onNode(node: string, script: string): Promise<string> {
	const { code, stdout, stderr } = await inNode(node, 'bash', '-euc', script);
	if (code !== 0) throw new Error(`${node}: ${script}: exit ${code}\n${stdout}\n${stderr}`);
	return stdout;
}

/** Waits until every node is Ready and every master is a healthy etcd member. */
const healthy = () =>
	eventually(240, async () => {
		const nodes = await cluster.nodes();
		const down = Object.keys(nodes).filter((node) => nodes[node] !== true);
		if (Object.keys(nodes).length !== 6 || down.length > 0) throw new Error(`not Ready: ${down.join(' ')}`);
		const [members, masters] = [await cluster.etcdMembers(), await cluster.mastersAsEtcdMembers()];
		if (members.join() !== masters.join()) throw new Error(`etcd members: ${members.join()}`);
	});

/** Writes to the API while the failure happens and until the cluster is healthy again. */
async function through(
	t: { log(message: string): void },
	title: string,
	failure: () => Promise<unknown>,
): Promise<Writes> {
	const writes = await writesWhile(api, async () => {
		await setTimeout(2000);
		await failure();
		await healthy();
	});
	t.log(`${title}: ${summary(writes)}, ${writes.lost.length} of ${writes.acknowledged} writes lost`);
	return writes;
}

/** When a node was booted: its kernel is the machine's, so the start of its first process is the boot. */
const bootOf = async (node: string) =>
	(await onNode(node, 'systemctl show --value -p UserspaceTimestampMonotonic')).trim();

/** Reboots servers, and waits until each has booted again. */
async function reboot(...nodes: string[]): Promise<void> {
	const before = new Map<string, string>();
	for (const node of nodes) before.set(node, await bootOf(node));
	await Promise.all(nodes.map((node) => openstack('server', 'reboot', servers[node] as string)));
	await eventually(120, async () => {
		for (const node of nodes) {
			if ((await bootOf(node)) === before.get(node)) throw new Error(`${node} has not rebooted`);
		}
	});
}

/** A pod in the host network of a node that listens on a port. */
const listening = (node: string, port: number) => ({
	apiVersion: 'v1',
	kind: 'Pod',
	metadata: { name: `listening-${port}`, namespace: 'kube-system' },
	spec: {
		nodeName: node,
		hostNetwork: true,
		tolerations: [{ operator: 'Exists' }],
		containers: [
			{
				name: 'httpd',
				image: 'docker.io/library/busybox:1.35.0',
				command: ['httpd', '-f', '-p', String(port)],
			},
		],
	},
});

test.serial('from outside the cluster, only the API and exposed Services are reachable', async (t) => {
	const outsider = await Outsider.in(name);
	t.teardown(() => outsider.end());
	await api('POST', '/api/v1/namespaces/kube-system/pods', listening(`${name}-gateway-0`, 8081));
	await cluster.kubectl('apply', '-f', path.join(root, 'test/fixtures/answering.yaml'));
	await cluster.kubectl('wait', '--for=condition=Available', '--timeout=120s', 'deployment/answering');
	await cluster.kubectl('-n', 'kube-system', 'wait', '--for=condition=Ready', 'pod/listening-8081');
	const open = { master: [6443], minion: [], gateway: [8080] } as const;
	await Promise.all(
		Object.entries(open).map(async ([role, ports]) => {
			const [member] = await cluster.members(role as keyof typeof open);
			t.deepEqual(await outsider.openPorts(member?.address as string), [...ports], role);
		}),
	);
	await cluster.kubectl('-n', 'kube-system', 'delete', 'pod', 'listening-8081');
});

const others = async (holder: string) =>
	(await cluster.names('master')).filter((master) => master !== holder) as [string, string];

const rebooted: Readonly<Record<string, () => Promise<string>>> = {
	'a minion': async () => `${name}-minion-0`,
	'a gateway': async () => `${name}-gateway-0`,
	'the master that holds the API address': () => cluster.holder(),
};

for (const [what, choose] of Object.entries(rebooted)) {
	test.serial(`no write is lost when ${what} is rebooted`, async (t) => {
		const node = await choose();
		const { lost } = await through(t, `${node} is rebooted`, () => reboot(node));
		t.deepEqual(lost, []);
		t.deepEqual(await cluster.servers(), servers);
	});
}

test.serial('no write is lost when all nodes are rebooted at once', async (t) => {
	const { lost } = await through(t, 'all nodes are rebooted', () => reboot(...Object.keys(servers)));
	t.deepEqual(lost, []);
	t.deepEqual(await cluster.servers(), servers);
});

test.serial('no write is lost when all masters are stopped and started again', async (t) => {
	const ids = (await cluster.names('master')).map((master) => servers[master] as string);
	const { lost } = await through(t, 'all masters are stopped and started', async () => {
		await openstack('server', 'stop', ...ids);
		await eventually(120, async () => {
			const found = await ask<{ ID: string; Status: string }[]>(
				'server',
				'list',
				'--name',
				`^${name}-master-`,
			);
			const up = found.filter(({ Status }) => Status !== 'SHUTOFF');
			if (up.length > 0) throw new Error(`${up.length} masters are up`);
		});
		await openstack('server', 'start', ...ids);
	});
	t.deepEqual(lost, []);
});

/** Moves etcd's data of a master to a file system that has no space left. */
const fillDisk = `
size=$(($(du -sk /var/lib/etcd/data | cut -f1) + 1024))
systemctl stop etcd
mv /var/lib/etcd/data /var/lib/etcd/kept
mkdir -m 700 /var/lib/etcd/data
mount -t tmpfs -o "size=\${size}k,mode=700" tmpfs /var/lib/etcd/data
cp -a /var/lib/etcd/kept/. /var/lib/etcd/data/
dd if=/dev/zero of=/var/lib/etcd/data/full bs=1k status=none 2>/dev/null || true
systemctl start --no-block etcd
`;

/** Frees the space, and moves the data back to the disk. */
const freeDisk = `
rm /var/lib/etcd/data/full
systemctl stop etcd
rm -rf /var/lib/etcd/kept
mkdir -m 700 /var/lib/etcd/kept
cp -a /var/lib/etcd/data/. /var/lib/etcd/kept/
umount /var/lib/etcd/data
rmdir /var/lib/etcd/data
mv /var/lib/etcd/kept /var/lib/etcd/data
systemctl start etcd
`;

test.serial(
	'no write is lost when the disk of an etcd member is full, and it goes on once there is space',
	async (t) => {
		const [full] = await others(await cluster.holder());
		const { lost } = await through(t, `the disk of etcd on ${full} is full`, async () => {
			await onNode(full, fillDisk);
			await setTimeout(30_000);
			await onNode(full, freeDisk);
		});
		t.deepEqual(lost, []);
	},
);

/** Replaces certificates of a master by expired ones, and restarts the services that use them. */
const expire = `
cd /etc/kubernetes/pki
for name in apiserver apiserver-etcd-client controller-manager etcd; do
	case $name in etcd | apiserver-etcd-client) ca=etcd-ca ;; *) ca=ca ;; esac
	openssl req -new -key $name.key -subj /CN=expired -out /tmp/expired.csr
	openssl x509 -req -in /tmp/expired.csr -CA $ca.crt -CAkey $ca.key -set_serial 1 -days -1 -out $name.crt 2>/dev/null
done
systemctl restart etcd kube-apiserver kube-controller-manager --no-block
`;

test.serial('expired certificates of a master are renewed, and no write is lost', async (t) => {
	const [old] = await others(await cluster.holder());
	const { lost } = await through(t, `certificates of ${old} have expired`, async () => {
		await onNode(old, expire);
		await setTimeout(10_000);
		await onNode(old, 'systemctl start kstack-renew');
	});
	t.deepEqual(lost, []);
});

test.serial('a minion whose certificate has expired gets a new one', async (t) => {
	const node = `${name}-minion-1`;
	const current = '/var/lib/kubelet/pki/kubelet-client-current.pem';
	const [master] = await cluster.names('master');
	const request = await onNode(
		node,
		`openssl ecparam -name prime256v1 -genkey -noout -out /tmp/key
openssl req -new -key /tmp/key -subj /O=system:nodes/CN=system:node:${node}`,
	);
	const expired = await onNode(
		master as string,
		`cd /etc/kubernetes/pki
openssl x509 -req -in /dev/stdin -CA ca.crt -CAkey ca.key -set_serial 2 -days -1 2>/dev/null <<'END'
${request}
END`,
	);
	await onNode(
		node,
		`systemctl stop kubelet
{ cat <<'END'; cat /tmp/key; } >/tmp/expired.pem
${expired}
END
install -m 600 /tmp/expired.pem "$(readlink -f ${current})"
systemctl start kubelet`,
	);
	await eventually(240, () => onNode(node, `openssl x509 -in ${current} -noout -checkend 86400`));
	await healthy();
	t.pass();
});

test.serial(
	'a node that is deleted while it joins fails the update, and the next update creates it again',
	async (t) => {
		const scaling = cluster.kstack(`scale ${name} --minions 3 --yes`);
		const joining = await eventually(120, async () => {
			const id = (await cluster.servers())[`${name}-minion-2`];
			if (id === undefined) throw new Error('no new server yet');
			return id;
		});
		await openstack('server', 'delete', joining);
		const { code, stderr } = await scaling;
		t.is(code, 1, stderr);
		t.regex(stderr, new RegExp(`${name}-minion-2: .*the server was deleted before the node was Ready`, 's'));
		await cluster.done(`scale ${name} --minions 2 --yes`);
		await healthy();
		t.deepEqual(await cluster.servers(), servers);
	},
);

async function changedImage(what: string, files: Readonly<Record<string, string>>): Promise<string> {
	const image = await uploadChangedImage(what, files);
	images.push(image);
	return image;
}

test.serial(
	'an upgrade whose new masters have a broken kubelet fails twice and is rolled back, and no write is lost',
	async (t) => {
		const kubelet = '#!/bin/bash\necho this kubelet is broken >&2\nexit 1\n';
		const image = await changedImage('broken-kubelet', { '/usr/local/bin/kubelet': kubelet });
		const { lost } = await through(t, 'an upgrade with a broken kubelet', async () => {
			for (const again of ['', 'again ']) {
				const { code, stderr } = await cluster.kstack(`upgrade ${name} --image ${image} --yes`);
				t.is(code, 1, again + stderr);
				t.regex(stderr, /step 28-node-first failed/);
			}
			await cluster.done(`upgrade ${name} --rollback --yes`);
		});
		t.deepEqual(lost, []);
		t.deepEqual(await cluster.servers(), servers);
	},
);

test.serial(
	'a new master that is powered off while it joins etcd fails the upgrade, and no write is lost',
	async (t) => {
		const image = await changedImage('slow-etcd', {
			'/etc/systemd/system/etcd.service.d/slow.conf':
				'[Service]\nTimeoutStartSec=900\nExecStartPre=/bin/sleep 600\n',
		});
		const { lost } = await through(t, 'a new master is powered off while it joins etcd', async () => {
			const upgrade = cluster.kstack(`upgrade ${name} --image ${image} --yes`);
			const joining = await eventually(400, async () => {
				const added = Object.entries(await cluster.servers()).find(([server]) => !(server in servers));
				if (added === undefined) throw new Error('no new server yet');
				await onNode(added[0], 'systemctl show --value -p ActiveState etcd | grep -x activating');
				return added[1];
			});
			await openstack('server', 'stop', joining);
			const { code, stderr } = await upgrade;
			t.is(code, 1, stderr);
			await cluster.done(`upgrade ${name} --rollback --yes`);
		});
		t.deepEqual(lost, []);
		t.deepEqual(await cluster.servers(), servers);
	},
);
