// kstack certificates, the warnings of other commands, and the renewal of the operator's certificate by operations.
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Certificates } from '../../src/cluster/operations/certificates.ts';
import { withAuthorityOf } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { type FakeAnswers, fakeKubernetes, nodeObject } from '../support/kubernetes.ts';
import { signingApi } from '../support/signing-api.ts';

const records = 'GET /api/v1/namespaces/kube-system/configmaps/kstack-certificates';
const nodes = 'GET /api/v1/nodes';

const inDays = (days: number) => `${new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 19)}Z`;

/** A cluster whose API is this one, and commands on it. */
async function cluster(t: ExecutionContext, kubernetes: { kubeconfig: string; close(): void }) {
	t.teardown(kubernetes.close);
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/kubeconfig');
	await writeFile(file, kubernetes.kubeconfig, { mode: 0o600 });
	const run = (args: readonly string[], minions = 3) =>
		on(withAuthorityOf(kubernetes.kubeconfig, stages(minions)), args, { cwd: folder });
	return { run, file };
}

const published: FakeAnswers = {
	[nodes]: [200, { items: [nodeObject('demo-master-0')] }],
	[records]: [
		200,
		{
			data: {
				'etcd-ca.demo-master-0': inDays(3650.5),
				'apiserver.demo-master-0': inDays(300.5),
				'etcd.demo-master-0': inDays(20.5),
				'kubelet-serving.demo-minion-10': inDays(200.5),
				'kubelet-serving.demo-minion-2': inDays(200.5),
				'wrong.demo-master-0': 'never',
			},
		},
	],
};

test('certificates shows the end of each, those of the kubeconfig first, and says what was skipped', async (t) => {
	const { run } = await cluster(t, await fakeKubernetes(published));
	const { code, stdout, stderr } = await run(['certificates', 'demo']);
	t.is(code, 0, stderr);
	const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
	t.deepEqual(
		rows.slice(0, 8).map(([name, node, _, left]) => [name, node, left]),
		[
			['CERTIFICATE', 'NODE', 'LEFT'],
			['operator', '-', '364d'],
			['ca', '-', '3652d'],
			['etcd-ca', '-', '3650d'],
			['apiserver', 'demo-master-0', '300d'],
			['etcd', 'demo-master-0', '20d'],
			['kubelet-serving', 'demo-minion-2', '200d'],
			['kubelet-serving', 'demo-minion-10', '200d'],
		],
	);
	t.regex(stdout, /^Warning: .*demo-master-0.*: etcd\./m);
	t.regex(stderr, /1 malformed .*kstack-certificates/);
	const { stdout: json } = await run(['certificates', 'demo', '-o', 'json']);
	const { name, certificates, warnings } = JSON.parse(json) as Certificates;
	t.deepEqual([name, certificates.length, warnings.length], ['demo', 7, 1]);
	t.regex(certificates[0]?.expires ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test('masters that publish nothing: the certificate that the API server has is shown', async (t) => {
	const { run } = await cluster(t, await fakeKubernetes({}));
	const { code, stdout } = await run(['certificates', 'demo', '-o', 'json']);
	t.is(code, 0);
	t.deepEqual(
		(JSON.parse(stdout) as Certificates).certificates.map(({ name, days }) => [name, days]),
		[
			['operator', 364],
			['apiserver', 364],
			['ca', 3652],
		],
	);
});

test('status warns of what expires, and its JSON has the warnings', async (t) => {
	const { run } = await cluster(t, await fakeKubernetes(published, 50));
	const { code, stdout } = await run(['status', 'demo']);
	t.is(code, 0);
	t.regex(stdout, /^Warning: .*demo\/kubeconfig expires on .*: kstack kubeconfig demo$/m);
	t.regex(stdout, /^Warning: .*demo-master-0.*: etcd\./m);
	const json = await run(['status', 'demo', '-o', 'json']);
	t.is((JSON.parse(json.stdout) as { warnings: string[] }).warnings.length, 2);
});

test('an operation renews the certificate before it expires; a dry run only warns', async (t) => {
	const kubernetes = await signingApi(50, published);
	const { run, file } = await cluster(t, kubernetes);
	const warned = await run(['scale', 'demo', '--minions', '4', '--dry-run'], 4);
	t.is(warned.code, 0, warned.stderr);
	t.regex(warned.stderr, /^Warning: .*demo\/kubeconfig expires on .*kstack kubeconfig demo$/m);
	t.is(await readFile(file, 'utf8'), kubernetes.kubeconfig);
	const { code, stderr } = await run(['scale', 'demo', '--minions', '4', '--yes'], 4);
	t.is(code, 0, stderr);
	t.regex(stderr, /demo\/kubeconfig expires on .*: renewed until /);
	t.not(await readFile(file, 'utf8'), kubernetes.kubeconfig);
	t.is((await stat(file)).mode & 0o777, 0o600);
	const again = await run(['scale', 'demo', '--minions', '4', '--yes'], 4);
	t.notRegex(again.stderr, /expires/);
});

test('an operation goes on with a valid certificate that was not renewed, and warns in one line', async (t) => {
	const refused = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
	const kubernetes = await fakeKubernetes({ ...published, [`POST ${refused}`]: [403, {}] }, 50);
	const { run, file } = await cluster(t, kubernetes);
	const { code, stderr, asked } = await run(['scale', 'demo', '--minions', '4', '--yes'], 4);
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.is(stderr.split('\n').filter((line) => /^Warning: .*403.*kstack kubeconfig demo$/.test(line)).length, 1);
	t.is(await readFile(file, 'utf8'), kubernetes.kubeconfig);
});

test('an expired certificate: commands that need the API say so and name the way through Heat', async (t) => {
	const kubernetes = await fakeKubernetes(published, -1);
	const { run } = await cluster(t, kubernetes);
	for (const args of [
		['scale', 'demo', '--masters', '3', '--yes'],
		['addon', 'list', 'demo'],
		['upgrade', 'demo', '--image', 'debian12-x64-kubernetes', '--yes'],
	]) {
		const { code, stderr, asked } = await run(args);
		t.is(code, 1, `${args[0]}: ${stderr}`);
		t.regex(stderr, /demo\/kubeconfig expired on .*\n.*kstack kubeconfig demo\n$/, args[0]);
		t.deepEqual(updates(asked), [], args[0]);
	}
	for (const args of [
		['status', 'demo'],
		['certificates', 'demo'],
	]) {
		const { code, stdout } = await run(args);
		t.is(code, 0, args[0]);
		t.regex(stdout, /^Warning: .*expired on .*kstack kubeconfig demo$/m, args[0]);
	}
	t.deepEqual(kubernetes.asked, []);
});

test('kubeconfig renews a valid certificate through the API, without Heat', async (t) => {
	const kubernetes = await signingApi(50);
	const { run, file } = await cluster(t, kubernetes);
	const { code, stdout, stderr, asked } = await run(['kubeconfig', 'demo']);
	t.is(code, 0, stderr);
	t.not(stdout, kubernetes.kubeconfig);
	t.is(stdout, await readFile(file, 'utf8'));
	t.false(asked.some((line) => line.startsWith("'stack' 'create'")));
});

test('a valid certificate that the operator has put there is not replaced', async (t) => {
	const kubernetes = await fakeKubernetes(published, 50, 'system:masters');
	const { run, file } = await cluster(t, kubernetes);
	for (const args of [
		['kubeconfig', 'demo'],
		['scale', 'demo', '--minions', '3'],
	]) {
		const { code, stderr, asked } = await run(args);
		t.is(code, 0, stderr);
		t.regex(
			stderr,
			/^Warning: .*demo\/kubeconfig expires on .* not one of the group kstack:operators\.$/m,
			args[0],
		);
		t.notRegex(stderr, /Renew it with/, args[0]);
		t.is(await readFile(file, 'utf8'), kubernetes.kubeconfig);
		t.false(asked.some((line) => line.startsWith("'stack' 'create'")));
	}
});

test('without a kubeconfig, certificates names the command that fetches it', async (t) => {
	const { folder, stages } = await made();
	const { code, stderr } = await on(stages(3), ['certificates', 'demo'], { cwd: folder });
	t.is(code, 1);
	t.regex(stderr, /demo\/kubeconfig.*\n.*kstack kubeconfig demo/);
});
