// kubeconfig and adopt where there is no stack directory: a master signs, through Heat.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { kubeconfigText } from '../../src/cluster/kubernetes/kubeconfig-file.ts';
import type { Answers } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { signingHeat } from '../support/signing-heat.ts';

const server = (status: string) => ({ id: 'server-demo-master-0', status, image: 'old (image-1)' });

interface Shown {
	readonly outputs: readonly { readonly output_key: string }[];
}

/** The stack as the client shows it, with this CA. */
const withCa = (stack: Shown, ca: string) => ({
	...stack,
	outputs: stack.outputs.map((output) =>
		output.output_key === 'certificates'
			? { ...output, output_value: JSON.stringify({ ca, operator: 'T1A=' }) }
			: output,
	),
});

/** A running cluster of one master that signs, and its directory elsewhere. */
async function cluster(status = 'ACTIVE') {
	const { folder, stages } = await made();
	const heat = await signingHeat();
	await mkdir(heat.state);
	const ca = (await readFile(heat.ca)).toString('base64');
	const answers = (more: Answers = {}): Answers[] =>
		stages(3).map((stage) => ({
			...stage,
			'stack-show-demo': withCa(stage['stack-show-demo'] as Shown, ca),
			'server-show-server-demo-master-0': server(status),
			...more,
		}));
	const run = async (args: readonly string[], cwd?: string, more?: Answers, onStderr = () => {}) =>
		on(answers(more), args, { onStderr, answering: heat.answering, ...(cwd === undefined ? {} : { cwd }) });
	/** A kubeconfig for bob whose certificate is valid for so many days. */
	const kubeconfigFor = async (days: number) => {
		const made = await heat.certificate(days);
		const base64 = async (name: string) => (await readFile(name)).toString('base64');
		const parts = { ca, certificate: await base64(made.file), key: await base64(made.key) };
		return kubeconfigText('demo', 'https://127.0.0.1:1', parts);
	};
	/** The stack with more parameters. */
	const stackWith = (parameters: object) => {
		const shown = answers()[0]?.['stack-show-demo'] as { parameters: object };
		return { ...shown, parameters: { ...shown.parameters, ...parameters } };
	};
	const helpers = async () => (await readdir(heat.state)).filter((name) => name.endsWith('.json'));
	return { ...heat, folder, run, helpers, kubeconfigFor, stackWith };
}

interface Kubeconfig {
	clusters: { cluster: Record<string, string> }[];
	users: { user: Record<string, string> }[];
}

/** The certificate of a kubeconfig, which is for its key. */
function certificateOf(text: string): X509Certificate {
	const user = (load(text) as Kubeconfig).users[0]?.user ?? {};
	const data = (name: string) => Buffer.from(user[name] ?? '', 'base64');
	const certificate = new X509Certificate(data('client-certificate-data'));
	if (!certificate.checkPrivateKey(createPrivateKey(data('client-key-data')))) throw new Error('another key');
	return certificate;
}

const subject = (text: string) => certificateOf(text).subject.split('\n').sort();

test('kubeconfig without a stack directory has a new certificate, and leaves no files or stacks', async (t) => {
	const { run, helpers, ca } = await cluster();
	const { code, stdout, stderr, folder, asked } = await run(['kubeconfig', 'demo', '--user', 'alice']);
	t.is(code, 0, stderr);
	t.deepEqual(subject(stdout), ['CN=alice', 'O=kstack:operators']);
	const given = (load(stdout) as Kubeconfig).clusters[0]?.cluster['certificate-authority-data'] ?? '';
	t.is(Buffer.from(given, 'base64').toString(), await readFile(ca, 'utf8'));
	t.deepEqual(await readdir(folder), []);
	t.deepEqual(await helpers(), []);
	t.false(asked.join('\n').includes('PRIVATE KEY'));
	t.is(asked.filter((line) => /^'stack' '(create|update|delete)'/.test(line)).length, 2);
});

test('where the image of a master is gone, its own program is tried before the text of the program', async (t) => {
	const { run, state } = await cluster();
	const gone = { 'server-show-server-demo-master-0': { ...server('ACTIVE'), image: 'gone (image-9)' } };
	const scripts = async () => (await readFile(path.join(state, 'scripts'), 'utf8')).trim().split('\n');
	const own = await run(['kubeconfig', 'demo', '--user', 'alice'], undefined, gone);
	t.is(own.code, 0, own.stderr);
	t.deepEqual(await scripts(), ['exec /usr/local/sbin/kstack-sign-operator']);
	await rm(path.join(state, 'scripts'));
	await writeFile(path.join(state, 'old'), '');
	const sent = await run(['kubeconfig', 'demo', '--user', 'alice'], undefined, gone);
	t.is(sent.code, 0, sent.stderr);
	t.is((await scripts()).length, 2);
	t.regex((await scripts())[1] ?? '', /^# dib-lint/);
});

test('without --user the certificate is for the login name; --user is checked before any request', async (t) => {
	const { run } = await cluster();
	const { code, stdout } = await run(['kubeconfig', 'demo']);
	t.is(code, 0);
	t.regex(subject(stdout)[0] ?? '', /^CN=[a-z0-9][a-z0-9.-]*$/);
	const wrong = await run(['kubeconfig', 'demo', '--user', 'system:admin']);
	t.is(wrong.code, 2);
	t.regex(wrong.stderr, /"system:admin"/);
	t.deepEqual(wrong.asked, []);
});

test('a master that is off gets no request; without another one, kubeconfig and adopt fail and write nothing', async (t) => {
	const { run } = await cluster('SHUTOFF');
	for (const command of ['kubeconfig', 'adopt']) {
		const { code, stdout, stderr, folder, asked } = await run([command, 'demo']);
		t.is(code, 1, command);
		t.is(stdout, '');
		t.regex(stderr, /demo-master-0.*SHUTOFF/);
		t.deepEqual(await readdir(folder), []);
		t.false(asked.some((line) => line.startsWith("'stack' 'create'")));
	}
});

test('if a master refuses, its name and the reason are printed, and the temporary stack is deleted', async (t) => {
	const { run, helpers, ca } = await cluster();
	await rm(ca.replace(/crt$/, 'key'));
	const { code, stdout, stderr } = await run(['kubeconfig', 'demo']);
	t.is(code, 1);
	t.is(stdout, '');
	t.regex(stderr, /demo-master-0: by server-demo-master-0/);
	t.deepEqual(await helpers(), []);
});

test('adopt writes the stack directory that the cluster was created with, and plan shows no change', async (t) => {
	const { run, folder: created } = await cluster();
	const { code, stdout, stderr, folder } = await run(['adopt', 'demo', '--user', 'alice']);
	t.is(code, 0, stderr);
	t.is(stdout, 'demo\n');
	t.deepEqual(await readdir(folder), ['demo']);
	t.deepEqual(
		await readTree(path.join(folder, 'demo/heat')),
		await readTree(path.join(created, 'demo/heat')),
	);
	const read = async (where: string, name: string) => readFile(path.join(where, 'demo', name), 'utf8');
	t.is(await read(folder, 'cluster.yaml'), await read(created, 'cluster.yaml'));
	const parametersIn = async (where: string) => {
		const { parameters } = load(await read(where, 'parameters.yaml')) as { parameters: object };
		// What kstack sets by itself, and is not read from the file.
		return { ...parameters, cluster_state: undefined, generations: undefined };
	};
	t.deepEqual(await parametersIn(folder), await parametersIn(created));
	t.deepEqual(load(await read(folder, 'secrets.yaml')), { parameters: {} });
	t.deepEqual(subject(await read(folder, 'kubeconfig')), ['CN=alice', 'O=kstack:operators']);
	for (const name of ['secrets.yaml', 'kubeconfig'])
		t.is((await stat(path.join(folder, 'demo', name))).mode & 0o777, 0o600, name);
	const plan = await run(['plan', 'demo'], folder);
	t.is(plan.code, 0, plan.stderr + plan.stdout);
	const again = await run(['adopt', 'demo'], folder);
	t.is(again.code, 2);
	t.deepEqual(again.asked, []);
	const inside = await run(['adopt', 'demo'], path.join(folder, 'demo'));
	t.is(inside.code, 2);
});

test('adopt writes to an empty folder, and refuses a folder with other files', async (t) => {
	const { run } = await cluster();
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'demo'));
	await writeFile(path.join(folder, 'demo/thesis.txt'), 'mine');
	const refused = await run(['adopt', 'demo'], folder);
	t.is(refused.code, 2);
	t.regex(refused.stderr, /thesis\.txt/);
	t.deepEqual(await readdir(folder, { recursive: true }), ['demo', 'demo/thesis.txt']);
	await rm(path.join(folder, 'demo/thesis.txt'));
	t.is((await run(['adopt', 'demo'], folder)).code, 0);
});

test('adopt writes to a folder in which a killed kstack has left its lock, with or without roles', async (t) => {
	const { run } = await cluster();
	for (const more of ['', 'roles']) {
		const folder = await temporaryFolder();
		await mkdir(path.join(folder, 'demo', more), { recursive: true });
		const lock = path.join(folder, 'demo/.kstack.lock');
		await writeFile(lock, `4194304 ${hostname()}\n`);
		const { code, stderr } = await run(['adopt', 'demo'], folder);
		t.is(code, 0, stderr);
		t.true(existsSync(path.join(folder, 'demo/cluster.yaml')));
		t.false(existsSync(lock));
		t.deepEqual(await readdir(folder), ['demo']);
	}
});

test('adopt waits for a running kstack that has the lock of the folder', async (t) => {
	const { run } = await cluster();
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'demo'));
	const lock = path.join(folder, 'demo/.kstack.lock');
	await writeFile(lock, `${process.pid} ${hostname()}\n`);
	// The first that it says is that it waits.
	const { code, stderr } = await run(['adopt', 'demo'], folder, {}, () => void rm(lock, { force: true }));
	t.is(code, 0, stderr);
	t.regex(stderr, /^Waiting for another kstack that changes demo /m);
});

test('adopt writes the additional pools to both files, and keeps the roles that lie there', async (t) => {
	const { run, stackWith } = await cluster();
	const record = {
		role: 'builder',
		labels: { 'example.com/builds': 'images', a: 'b' },
		taints: [] as string[],
	};
	record.taints.push('example.com/builder:NoSchedule');
	const parameters = {
		...{ builder_count: '2', builder_image: 'image-1', builder_flavor: '3', builder_availability_zone: '' },
		pools: JSON.stringify({ builder: record }),
	};
	const generations = JSON.stringify({ contracts: { 'image-1': 1 } });
	const more = { 'stack-show-demo': stackWith({ ...parameters, generations }) };
	const folder = await temporaryFolder();
	const refused = await run(['adopt', 'demo'], folder, more);
	t.is(refused.code, 1);
	t.regex(refused.stderr, /builder.*roles\/builder/s);
	t.false(refused.asked.some((line) => line.startsWith("'stack' 'create'")));
	t.deepEqual(await readdir(folder), []);
	const roles = path.join(packageRoot, 'test/fixtures/roles');
	await cp(roles, path.join(folder, 'demo/roles'), { recursive: true });
	const adopted = await run(['adopt', 'demo'], folder, more);
	t.is(adopted.code, 0, adopted.stderr);
	t.deepEqual(await readdir(folder), ['demo']);
	t.deepEqual(await readTree(path.join(folder, 'demo/roles')), await readTree(roles));
	const read = async (name: string) => load(await readFile(path.join(folder, 'demo', name), 'utf8'));
	t.deepEqual(((await read('cluster.yaml')) as { pools: object }).pools, [
		{ name: 'builder', count: 2, role: 'builder', labels: { a: 'b' }, taints: [] },
	]);
	t.like(((await read('parameters.yaml')) as { parameters: object }).parameters, parameters);
});

test('adopt writes the templates of the stack if they differ from those of this release', async (t) => {
	const { run, folder: created } = await cluster();
	const root = load(await readFile(path.join(created, 'demo/heat/cluster.yaml'), 'utf8')) as {
		description: string;
	};
	const other = { ...root, description: 'Of an earlier release.' };
	const { code, folder, stderr } = await run(['adopt', 'demo'], undefined, { 'stack-template-show': other });
	t.is(code, 0, stderr);
	t.deepEqual(load(await readFile(path.join(folder, 'demo/heat/cluster.yaml'), 'utf8')), other);
	for (const name of ['heat/master-contract-2.yaml', 'heat/user-data/minion-contract-2.yaml']) {
		const read = async (where: string) => load(await readFile(path.join(where, 'demo', name), 'utf8'));
		t.deepEqual(await read(folder), await read(created), name);
	}
});

test('kubeconfig renews a certificate that expires within 60 days through Heat if the API does not, for the same user', async (t) => {
	const { run, folder, kubeconfigFor } = await cluster();
	const file = path.join(folder, 'demo/kubeconfig');
	await writeFile(file, await kubeconfigFor(59));
	const renewed = await run(['kubeconfig', 'demo'], folder);
	t.is(renewed.code, 0, renewed.stderr);
	t.is(renewed.stdout, await readFile(file, 'utf8'));
	t.deepEqual(subject(renewed.stdout), ['CN=bob', 'O=kstack:operators']);
	t.true(Date.parse(certificateOf(renewed.stdout).validTo) > Date.now() + 360 * 86_400_000);
	t.is((await stat(file)).mode & 0o777, 0o600);
	await writeFile(file, await kubeconfigFor(62));
	const kept = await run(['kubeconfig', 'demo'], folder);
	t.is(kept.stdout, await readFile(file, 'utf8'));
	t.false(kept.asked.some((line) => line.startsWith("'stack' 'create'")));
});

test('a valid certificate that cannot be renewed is still printed, with a warning', async (t) => {
	const { run, folder, kubeconfigFor } = await cluster('SHUTOFF');
	const text = await kubeconfigFor(30);
	await writeFile(path.join(folder, 'demo/kubeconfig'), text);
	const { code, stdout, stderr } = await run(['kubeconfig', 'demo'], folder);
	t.is(code, 0);
	t.is(stdout, text);
	t.regex(stderr, /SHUTOFF/);
});
