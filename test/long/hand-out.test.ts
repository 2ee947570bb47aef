// kstack-pki: as long as a master token lives, and no longer, the PKI can be fetched.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { node } from '../support/assembling.ts';

const program = 'usr/local/sbin/kstack-pki';
const masters = 'system:bootstrappers:kstack-masters';
const inSeconds = (seconds: number) =>
	new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A master whose cluster has these tokens (groups, end); each event of the watch brings the next list of them. */
async function master(lists: readonly (readonly (readonly [string, string])[])[], there = false) {
	const { root, run, standIn, asked } = await node('master');
	await mkdir(path.join(root, 'lists'));
	for (const [index, list] of lists.entries()) {
		const lines = list.map(([groups, end]) => `${base64(groups)} ${base64(end)}\n`);
		await writeFile(path.join(root, 'lists', String(index)), lines.join(''));
	}
	if (there) await writeFile(path.join(root, 'handed-out'), '');
	// Events lie further apart than those that are taken together.
	await standIn(
		'kubectl',
		`case "$*" in
	*--watch*) for event in ${lists
		.slice(1)
		.map(() => 'ADDED')
		.join(' ')}; do /bin/sleep 0.8; echo $event; done; /bin/sleep 0.8 ;;
	*'get secrets --field-selector='*) first=$(ls $root/lists | head -n 1); cat $root/lists/$first; rm $root/lists/$first ;;
	*'get secret kstack-pki --ignore-not-found'*) [ ! -e $root/handed-out ] || echo secret/kstack-pki ;;
	*'get secret kstack-pki'*) [ -e $root/handed-out ] ;;
	*'create secret'*) [ ! -e $root/refuses ] || { touch $root/handed-out; echo AlreadyExists >&2; exit 1; }; touch $root/handed-out ;;
	*'delete secret'*) rm -f $root/handed-out ;;
esac`,
	);
	const changes = async () => {
		const ended = await run(program);
		const calls = await asked('kubectl');
		return {
			...ended,
			calls: calls.flatMap((call) => /(create|delete) secret/.exec(call)?.[1] ?? []),
			created: calls.find((call) => call.includes('create secret')),
		};
	};
	return { root, changes };
}

for (const [what, list, there, calls] of [
	['a master token lives', [[masters, inSeconds(60)]], false, ['create']],
	['a master token lives and it is there', [[masters, inSeconds(60)]], true, []],
	[
		'a master token is one of several',
		[
			['system:bootstrappers:kstack', ''],
			[`a,${masters}`, inSeconds(9)],
		],
		false,
		['create'],
	],
	['the master token has expired', [[masters, inSeconds(-1)]], true, ['delete']],
	['a master token never ends', [[masters, '']], true, ['delete']],
	['a master token ends at no time that is one', [[masters, 'soon']], true, ['delete']],
	['only kubelets have a token', [['system:bootstrappers:kstack', inSeconds(60)]], true, ['delete']],
	['a group is only called alike', [[`${masters}-not`, inSeconds(60)]], true, ['delete']],
	['there is no token', [], true, ['delete']],
	['there is no token, and nothing is there', [], false, []],
] as const) {
	test(`when ${what}, the PKI is ${calls[0] === 'create' ? 'handed out' : calls[0] === 'delete' ? 'taken back' : 'left as it is'}`, async (t) => {
		const ended = await (await master([list], there)).changes();
		t.is(ended.code, 0, ended.stdout + ended.stderr);
		t.deepEqual(ended.calls, calls);
	});
}

test('what joining masters need is handed out when a token comes, and taken back when it goes', async (t) => {
	const { root, changes } = await master([[], [[masters, inSeconds(60)]], []]);
	const { code, stdout, stderr, calls, created } = await changes();
	t.is(code, 0, stdout + stderr);
	t.deepEqual(calls, ['create', 'delete']);
	t.deepEqual(
		[...(created ?? '').matchAll(/--from-file=(\S+)/g)].map(([, file]) =>
			path.relative(root, file as string),
		),
		[
			...[
				'ca.crt',
				'ca.key',
				'etcd-ca.crt',
				'etcd-ca.key',
				'front-proxy-ca.crt',
				'front-proxy-ca.key',
				'sa.key',
				'sa.pub',
			].map((name) => `etc/kubernetes/pki/${name}`),
			'etc/kubernetes/encryption.yaml',
		],
	);
});

test('another master that hands the PKI out in the same moment is no failure', async (t) => {
	const { root, changes } = await master([[[masters, inSeconds(60)]]]);
	await writeFile(path.join(root, 'refuses'), '');
	const { code, stdout, stderr } = await changes();
	t.is(code, 0, stdout + stderr);
	t.notRegex(stdout + stderr, /AlreadyExists/);
});
