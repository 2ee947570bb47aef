// kstack-pki: the Secret with the PKI exists only while a master token is valid.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { node } from '../support/assembling.ts';

const program = 'usr/local/sbin/kstack-pki';
const masters = 'system:bootstrappers:kstack-masters';
const inSeconds = (seconds: number) =>
	new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A master whose cluster has these tokens (groups, expiration); with each event of the watch, the next list applies. */
async function master(lists: readonly (readonly (readonly [string, string])[])[], there = false) {
	const { root, run, fakeProgram, asked } = await node('master');
	await mkdir(path.join(root, 'lists'));
	for (const [index, list] of lists.entries()) {
		const lines = list.map(([groups, end]) => `${base64(groups)} ${base64(end)}\n`);
		await writeFile(path.join(root, 'lists', String(index)), lines.join(''));
	}
	if (there) await writeFile(path.join(root, 'handed-out'), '');
	// The events are so far apart that they are not processed together.
	await fakeProgram(
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
	['a master token is valid', [[masters, inSeconds(60)]], false, ['create']],
	['a master token is valid and the Secret exists', [[masters, inSeconds(60)]], true, []],
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
	['a master token has no expiration', [[masters, '']], true, ['delete']],
	['the expiration of a master token is not a time', [[masters, 'soon']], true, ['delete']],
	['there is only a join token', [['system:bootstrappers:kstack', inSeconds(60)]], true, ['delete']],
	['a group has a similar name', [[`${masters}-not`, inSeconds(60)]], true, ['delete']],
	['there is no token', [], true, ['delete']],
	['there is no token and no Secret', [], false, []],
] as const) {
	test(`when ${what}, the Secret is ${calls[0] === 'create' ? 'created' : calls[0] === 'delete' ? 'deleted' : 'not changed'}`, async (t) => {
		const ended = await (await master([list], there)).changes();
		t.is(ended.code, 0, ended.stdout + ended.stderr);
		t.deepEqual(ended.calls, calls);
	});
}

test('the Secret with the PKI is created with a token, and deleted with it', async (t) => {
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

test('it is no failure if another master creates the Secret first', async (t) => {
	const { root, changes } = await master([[[masters, inSeconds(60)]]]);
	await writeFile(path.join(root, 'refuses'), '');
	const { code, stdout, stderr } = await changes();
	t.is(code, 0, stdout + stderr);
	t.notRegex(stdout + stderr, /AlreadyExists/);
});
