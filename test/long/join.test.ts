// A master that joins: how it verifies the cluster, fetches the PKI, and becomes an etcd member.
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { assemble, node, openssl, operator, started, step, stepsOf } from '../support/assembling.ts';
import { tool } from '../support/processes.ts';

const noGrace = { KSTACK_FETCH_PKI_GRACE: '0' };
const joins = { NODE_NAME: 'demo-master-1', NODE_IP: '10.0.0.12', MASTER_INDEX: '1' };
const shared = ['ca', 'etcd-ca', 'front-proxy-ca', 'sa'].flatMap((name) => [
	`${name}.key`,
	name === 'sa' ? 'sa.pub' : `${name}.crt`,
]);

const base64url = (text: string) => Buffer.from(text).toString('base64url');

/** The signature of cluster-info, as the controller manager writes it. */
function signature(text: string, id: string, secret: string) {
	const header = base64url(JSON.stringify({ alg: 'HS256', kid: id }));
	return `${header}..${createHmac('sha256', secret)
		.update(`${header}.${base64url(text)}`)
		.digest('base64url')}`;
}

/** A cluster that a master has formed, a server that answers as its API, and a master that is to join it. */
async function cluster(t: ExecutionContext, tokens: Record<string, string> = {}) {
	const former = await node('master', {}, { OPERATOR_REQUEST: await operator() });
	t.is((await former.run(assemble)).code, 0);
	const files = new Map<string, string>();
	for (const name of shared) files.set(name, await former.file(`etc/kubernetes/pki/${name}`));
	files.set('encryption.yaml', await former.file('etc/kubernetes/encryption.yaml'));
	const ca = Buffer.from(files.get('ca.crt') as string).toString('base64');
	const text = `apiVersion: v1\nkind: Config\nclusters:\n  - name: ""\n    cluster:\n      certificate-authority-data: ${ca}\n\n`;
	const api = {
		signatures: { 'jws-kubeconfig-master': signature(text, 'master', 'fedcba9876543210') } as Record<
			string,
			string
		>,
		text,
		pki: 200,
		files,
		/** The requested paths, each with its authorization. */
		asked: [] as string[],
	};
	const server = createServer(
		{
			cert: await former.file('etc/kubernetes/pki/apiserver.crt'),
			key: await former.file('etc/kubernetes/pki/apiserver.key'),
		},
		(request, response) => {
			api.asked.push(`${request.url} ${request.headers.authorization ?? 'anonymous'}`);
			const [status, data] = request.url?.endsWith('/configmaps/cluster-info')
				? [200, { kubeconfig: api.text, ...api.signatures }]
				: [
						api.pki,
						Object.fromEntries(
							[...api.files].map(([name, content]) => [name, Buffer.from(content).toString('base64')]),
						),
					];
			response.statusCode = status;
			response.end(JSON.stringify({ data: status === 200 ? data : undefined }));
		},
	);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.teardown(() => server.close());
	const joiner = await node('master', {}, { ...joins, ...tokens });
	const { port } = server.address() as AddressInfo;
	await joiner.fakeProgram(
		'curl',
		`exec ${tool('curl', 'curl')} --connect-to 10.0.0.5:6443:127.0.0.1:${port} "$@"`,
	);
	return { api, joiner: { ...joiner, run: (program: string) => joiner.run(program, noGrace) } };
}

test('a master that joins gets the PKI of the cluster, and certificates of its own', async (t) => {
	const { api, joiner } = await cluster(t);
	const { code, stdout, stderr } = await joiner.run(step('15-form-or-join'));
	t.is(code, 0, stdout + stderr);
	for (const [name, text] of api.files) {
		const file = name === 'encryption.yaml' ? `etc/kubernetes/${name}` : `etc/kubernetes/pki/${name}`;
		t.is(await joiner.file(file), text, name);
		t.is((await stat(path.join(joiner.root, file))).mode & 0o777, 0o600, name);
	}
	t.is((await joiner.run(step('20-pki'))).code, 0);
	t.is(await joiner.file('etc/kubernetes/pki/ca.key'), api.files.get('ca.key') ?? '');
	const pki = (name: string) => path.join(joiner.root, 'etc/kubernetes/pki', name);
	for (const address of ['10.0.0.12', '10.0.0.5'])
		await openssl('verify', '-verify_ip', address, '-CAfile', pki('ca.crt'), pki('apiserver.crt'));
	await openssl('verify', '-verify_ip', '10.0.0.12', '-CAfile', pki('etcd-ca.crt'), pki('etcd.crt'));
	for (const secret of ['fedcba9876543210', 'PRIVATE KEY']) {
		t.false((stdout + stderr).includes(secret), 'the output has no secret');
		t.false((await joiner.file('asked')).includes(secret), 'a command line has a secret');
	}
	const before = api.asked.length;
	t.is((await joiner.run(step('15-form-or-join'))).code, 0);
	t.is(api.asked.length, before, 'a complete PKI is not fetched again');
});

test('the token is not sent to a cluster with a wrong signature, and the step fails', async (t) => {
	for (const [what, change] of [
		['of another secret', (text: string) => [text, signature(text, 'master', '0123456789abcdef')]],
		[
			'of another text',
			(text: string) => [text.replace('Config', 'Konfig'), signature(text, 'master', 'fedcba9876543210')],
		],
		['that is empty', (text: string) => [text, '..']],
	] as const) {
		const { api, joiner } = await cluster(t);
		const [text, signed] = change(api.text) as [string, string];
		api.text = text;
		api.signatures['jws-kubeconfig-master'] = signed;
		const { code, stdout } = await joiner.run(step('15-form-or-join'));
		t.is(code, 1, what);
		t.regex(stdout, /the signature of cluster-info is wrong/, what);
		t.deepEqual(api.asked, ['/api/v1/namespaces/kube-public/configmaps/cluster-info anonymous'], what);
		t.false(existsSync(path.join(joiner.root, 'etc/kubernetes/pki/ca.crt')), what);
	}
});

test('an expired token fails the step, and the message names the command for a new one', async (t) => {
	const unsigned = await cluster(t);
	unsigned.api.signatures = {};
	const first = await unsigned.joiner.run(step('15-form-or-join'));
	t.is(first.code, 1);
	t.regex(first.stdout, /is not signed with its token\n.*has expired or is unknown\. Run the kstack command/);
	for (const status of [401, 403, 404]) {
		const { api, joiner } = await cluster(t);
		api.pki = status;
		const { code, stdout } = await joiner.run(step('15-form-or-join'));
		t.is(code, 1);
		t.regex(stdout, new RegExp(`HTTP ${status}\\)\\n.*has expired or is unknown`));
		t.false(existsSync(path.join(joiner.root, 'etc/kubernetes/pki/ca.key')));
	}
});

test('an incomplete PKI is fetched again, and no file is created in place of a missing one', async (t) => {
	const { api, joiner } = await cluster(t);
	const key = api.files.get('front-proxy-ca.key') as string;
	api.files.delete('front-proxy-ca.key');
	const { code, stdout } = await joiner.run(step('15-form-or-join'));
	t.is(code, 1);
	t.regex(stdout, /^the cluster's PKI has no front-proxy-ca\.key$/m);
	t.is((await joiner.run(step('20-pki'))).code, 1);
	api.files.set('front-proxy-ca.key', key);
	t.is((await joiner.run(step('15-form-or-join'))).code, 0);
	t.is(await joiner.file('etc/kubernetes/pki/front-proxy-ca.key'), key);
});

const others = [
	'8e9e05c52164694d, started, demo-master-0, https://10.0.0.11:2380, https://10.0.0.11:2379, false',
];
const own = (id: string, state: 'started' | 'unstarted', learner: boolean, address = '10.0.0.12') =>
	`${id}, ${state}, ${state === 'started' ? 'demo-master-1' : ''}, https://${address}:2380, ${
		state === 'started' ? `https://${address}:2379` : ''
	}, ${learner}`;

/** A fake etcdctl, with the members in a file. */
const etcdctl = `
members=$root/members
case "$*" in
	*10.0.0.99*) echo 'Error: context deadline exceeded' >&2; exit 1 ;;
	*'member list') cat $members ;;
	*'member add --help') [ -e "$root/old-etcd" ] || echo ' --learner' ;;
	*'member add '*)
		[[ $* =~ --peer-urls=([^ ]+) ]] && url=\${BASH_REMATCH[1]}
		learner=false; [[ $* != *--learner* ]] || learner=true
		if [ "$learner" = true ] && grep -q true $members; then
			echo 'Error: etcdserver: too many learner members in cluster' >&2
			# At the next attempt, the other one is a voter, unless its master is dead.
			[ -e "$root/dead" ] || sed -i 's/true$/false/' $members
			exit 1
		fi
		echo "f00d, unstarted, , $url, , $learner" >>$members
		echo 'Member f00d added to cluster c0de' ;;
	*'member remove '*) sed -i "/^\${!#},/d" $members ;;
	*'member promote '*)
		if [ ! -e "$root/in-sync" ]; then
			touch "$root/in-sync"
			echo 'Error: etcdserver: can only promote a learner member which is in sync with leader' >&2
			exit 1
		fi
		sed -i "/^\${!#},/s/true$/false/" $members ;;
	*'snapshot save '*) echo snapshot >"\${!#}" ;;
	*'endpoint status'*)
		[[ $* != *10.0.0.13* ]] || exit 1
		learner=$(awk -F ', ' '$4 == "https://10.0.0.12:2380" && $2 == "started" { print $6 }' $members)
		echo '[{"Status": {"header": {"member_id": 1}, "leader": 10276657743932975437, "isLearner": '"\${learner:-true}"'}}]' ;;
esac
`;

/** A fake systemctl: etcd starts if its initial cluster is right, and then has a log and a name. */
const systemctl = `
case "$*" in
	'start etcd')
		. "$root/etc/kstack/etcd-initial.env"
		told=$(tr ',' '\\n' <<<"$ETCD_INITIAL_CLUSTER" | sed 's/.*=//' | sort)
		[ -d "$root/var/lib/etcd/data/member/wal" ] || [ "$told" = "$(awk -F ', ' '{ print $4 }' $root/members | sort)" ] || exit 1
		mkdir -p "$root/var/lib/etcd/data/member/wal"
		sed -i 's#unstarted, , https://10.0.0.12:2380, ,#started, demo-master-1, https://10.0.0.12:2380, https://10.0.0.12:2379,#' "$root/members" ;;
esac
`;

/** A master that has the PKI and is about to join an etcd with these members. */
async function member(members: readonly string[], hasData = false) {
	const joiner = await node('master', {}, joins);
	await joiner.fakeProgram('etcdctl', etcdctl);
	await joiner.fakeProgram('systemctl', systemctl);
	const addresses = JSON.stringify({
		subsets: [{ addresses: [{ ip: '10.0.0.11' }, { ip: '10.0.0.12' }, { ip: '10.0.0.99' }] }],
	});
	await joiner.fakeProgram(
		'curl',
		`case "$*" in */endpoints/kubernetes) [ ! -e "$root/no-api" ] && echo '${addresses}' || exit 7 ;; *10.0.0.11*/health) echo '{"health":"true"}' ;; *) exit 7 ;; esac`,
	);
	await mkdir(path.join(joiner.root, 'var/lib/kstack'), { recursive: true });
	await writeFile(path.join(joiner.root, 'var/lib/kstack/joins'), '');
	await writeFile(path.join(joiner.root, 'members'), members.map((line) => `${line}\n`).join(''));
	await writeFile(path.join(joiner.root, 'asked'), '');
	if (hasData) await mkdir(path.join(joiner.root, 'var/lib/etcd/data/member/wal'), { recursive: true });
	// As it was before this one was added: a member that has not started has no name, and one is down.
	const initial = 'demo-master-9=https://10.0.0.99:2380,demo-master-0=https://10.0.0.11:2380,';
	if (hasData)
		await writeFile(
			path.join(joiner.root, 'etc/kstack/etcd-initial.env'),
			`ETCD_INITIAL_CLUSTER=${initial}demo-master-1=https://10.0.0.12:2380\n`,
		);
	return {
		...joiner,
		changes: async () =>
			(await joiner.asked('etcdctl'))
				.map((call) => /member (add|remove|promote) (?!--help)\S+/.exec(call)?.[0])
				.filter((call) => call !== undefined),
		members: async () => (await joiner.file('members')).trimEnd().split('\n'),
	};
}

const voter = own('f00d', 'started', false);

/** Whatever its state, a master becomes one voter under its name, by these changes of the members. */
for (const [what, members, hasData, changes] of [
	['that is new', others, false, ['add demo-master-1', 'promote f00d', 'promote f00d']],
	[
		'whose name a deleted server had',
		[...others, own('dead', 'started', false, '10.0.0.77')],
		false,
		['remove dead', 'add demo-master-1', 'promote f00d', 'promote f00d'],
	],
	[
		'whose address a deleted server had',
		[...others, 'dead, started, demo-master-9, https://10.0.0.12:2380, https://10.0.0.12:2379, false'],
		false,
		['remove dead', 'add demo-master-1', 'promote f00d', 'promote f00d'],
	],
	[
		'that was interrupted after it was added',
		[...others, own('f00d', 'unstarted', true)],
		false,
		['promote f00d', 'promote f00d'],
	],
	[
		'that was interrupted before it was promoted',
		[...others, own('f00d', 'started', true)],
		true,
		['promote f00d', 'promote f00d'],
	],
	['that is a member already', [...others, voter], true, []],
	['that was removed while it was down', others, true, ['add demo-master-1', 'promote f00d', 'promote f00d']],
	[
		'that is added after another learner',
		[...others, 'beef, started, demo-master-2, https://10.0.0.13:2380, https://10.0.0.13:2379, true'],
		false,
		['add demo-master-1', 'add demo-master-1', 'promote f00d', 'promote f00d'],
	],
] as const) {
	test(`a master ${what} becomes one voter of etcd`, async (t) => {
		const joiner = await member(members, hasData);
		const { code, stdout, stderr } = await joiner.run(step('30-etcd'));
		t.is(code, 0, stdout + stderr);
		t.deepEqual(
			await joiner.changes(),
			changes.map((change) => `member ${change}`),
		);
		const now = await joiner.members();
		t.deepEqual(
			now.filter((line) => line.includes('10.0.0.12:2380') || line.includes('demo-master-1')),
			[voter],
		);
		t.true(now.includes(others[0] as string), 'the other members are unchanged');
		t.deepEqual(started(await joiner.asked('systemctl')), ['etcd']);
	});
}

test('a snapshot, readable by root only, is saved before a member is added, and the newest three are kept', async (t) => {
	const joiner = await member(others);
	const folder = path.join(joiner.root, 'var/lib/etcd/snapshots');
	await mkdir(folder, { recursive: true });
	for (const [index, name] of ['a.db', 'b.db', 'c.db', 'd.db'].entries()) {
		await writeFile(path.join(folder, name), '');
		await utimes(path.join(folder, name), 1000 + index, 1000 + index);
	}
	t.is((await joiner.run(step('30-etcd'))).code, 0);
	const calls = await joiner.asked('etcdctl');
	const place = (what: string) => calls.findIndex((call) => call.includes(what));
	t.true(place('snapshot save') >= 0 && place('snapshot save') < place('--peer-urls='));
	const kept = (await readdir(folder)).sort();
	t.deepEqual([kept.length, kept.slice(1)], [3, ['c.db', 'd.db']]);
	t.regex(kept[0] ?? '', /^\d{8}T\d{6}Z-before-demo-master-1\.db$/);
	t.is((await stat(path.join(folder, kept[0] as string))).mode & 0o777, 0o600);
});

test('without learners in etcd, a master is added as a voter, and continues if it was interrupted before its start', async (t) => {
	const joiner = await member(others);
	await writeFile(path.join(joiner.root, 'old-etcd'), '');
	await joiner.fakeProgram('systemctl', 'case "$*" in "start etcd") touch "$root/no-api"; exit 1 ;; esac');
	t.is((await joiner.run(step('30-etcd'), { KSTACK_JOIN_ETCD_TRIES: '1' })).code, 1);
	t.deepEqual(await joiner.changes(), ['member add demo-master-1']);
	t.regex((await joiner.members()).at(-1) ?? '', /^f00d, unstarted, .*false$/);
	// Without a quorum, etcd does not answer until this member starts.
	await joiner.fakeProgram('systemctl', systemctl);
	const { code, stdout, stderr } = await joiner.run(step('30-etcd'));
	t.is(code, 0, stdout + stderr);
	t.deepEqual(await joiner.changes(), ['member add demo-master-1']);
	t.is((await joiner.members()).at(-1), voter);
});

const deadLearner = 'beef, started, demo-master-2, https://10.0.0.13:2380, https://10.0.0.13:2379, true';

test('the learner of a master that died is removed after a timeout, and the next master joins', async (t) => {
	const joiner = await member([...others, deadLearner]);
	await writeFile(path.join(joiner.root, 'dead'), '');
	const { code, stdout, stderr } = await joiner.run(step('30-etcd'), {
		KSTACK_JOIN_ETCD_LEARNER_TIMEOUT: '0',
	});
	t.is(code, 0, stdout + stderr);
	t.regex(stdout, /removing the learner beef: no answer for 0 s/);
	t.deepEqual(await joiner.members(), [...others, voter]);
});

for (const state of [voter, own('f00d', 'started', true), own('f00d', 'unstarted', true)]) {
	test(`a master that fails to join removes its member from etcd, which is ${state}`, async (t) => {
		const joiner = await member([...others, state], true);
		const { code, stdout, stderr } = await joiner.run('usr/local/sbin/kstack-join-etcd', {}, 'leave');
		t.is(code, 0, stdout + stderr);
		t.regex(stdout, /^etcd: removed the member f00d of this master$/m);
		t.deepEqual(await joiner.members(), others);
		t.true((await joiner.asked('systemctl')).some((call) => /^stop .*kube-apiserver etcd$/.test(call)));
	});
}

test('a master that fails to join removes its member although the API does not answer', async (t) => {
	const joiner = await member([...others, voter], true);
	await writeFile(path.join(joiner.root, 'no-api'), '');
	t.is((await joiner.run('usr/local/sbin/kstack-join-etcd', {}, 'leave')).code, 0);
	t.deepEqual(await joiner.members(), others);
});

test('a master that fails to join leaves the member of a newer server with its name', async (t) => {
	const newer = own('beef', 'started', false, '10.0.0.77');
	const joiner = await member([...others, newer], true);
	t.is((await joiner.run('usr/local/sbin/kstack-join-etcd', {}, 'leave')).code, 0);
	t.deepEqual(await joiner.members(), [...others, newer]);
});

test('a member that etcd does not remove is told with the reason', async (t) => {
	const joiner = await member([...others, voter], true);
	await joiner.fakeProgram(
		'etcdctl',
		`case "$*" in *'member remove '*) echo 'Error: etcdserver: re-configuration failed' >&2; exit 1 ;; esac\n${etcdctl}`,
	);
	const { code, stdout } = await joiner.run('usr/local/sbin/kstack-join-etcd', {}, 'leave');
	t.is(code, 0);
	t.regex(stdout, /^etcd: the member of this master was not removed: Error: etcdserver: re-configuration/m);
	t.true((await joiner.asked('systemctl')).some((call) => /^stop .*etcd$/.test(call)));
});

test('a master that failed before it was added to etcd changes no member', async (t) => {
	const joiner = await member([...others, deadLearner]);
	t.is((await joiner.run('usr/local/sbin/kstack-join-etcd', {}, 'leave')).code, 0);
	t.deepEqual(await joiner.changes(), []);
});

test('a master that joins is a node before it is an etcd member', async (t) => {
	const joiner = await node('master', {}, joins);
	t.is((await joiner.run(step('20-pki'))).code, 0);
	await mkdir(path.join(joiner.root, 'var/lib/kstack'), { recursive: true });
	await writeFile(path.join(joiner.root, 'var/lib/kstack/joins'), '');
	const { code, stdout, stderr } = await joiner.run(step('28-node-first'));
	t.is(code, 0, stdout + stderr);
	t.deepEqual(started(await joiner.asked('systemctl')), ['kubelet', 'kube-proxy', 'kstack-routes']);
	const steps = (await joiner.file(stepsOf('master'))).trim().split('\n');
	t.true(steps.indexOf('28-node-first') < steps.indexOf('30-etcd'));

	await mkdir(path.join(joiner.root, 'var/lib/etcd/data/member/wal'), { recursive: true });
	await writeFile(path.join(joiner.root, 'asked'), '');
	t.is((await joiner.run(step('28-node-first'))).code, 0);
	t.deepEqual(
		started(await joiner.asked('systemctl')),
		[],
		'an etcd member does not wait for the API of others',
	);
});

test('only a master that has never been assembled leaves etcd when a step fails', async (t) => {
	for (const assembled of [false, true]) {
		const joiner = await node('master', {}, joins);
		const put = (name: string) => writeFile(path.join(joiner.root, 'var/lib/kstack', name), '');
		await mkdir(path.join(joiner.root, 'var/lib/kstack'), { recursive: true });
		await put('joins');
		if (assembled) await put('assembled');
		await joiner.fakeProgram('kstack-fetch-pki', 'exit 1');
		await joiner.fakeProgram('kstack-join-etcd', 'echo "etcd: $1"');
		t.is((await joiner.run(assemble)).code, 1);
		t.deepEqual(await joiner.asked('kstack-join-etcd'), assembled ? [] : ['leave']);
		t.is((await joiner.file('signals')).includes('etcd: leave'), !assembled);
	}
});
