// kubeconfig and adopt where there is no stack directory: a master signs, through Heat.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
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
	const run = async (args: readonly string[], cwd?: string, more?: Answers) =>
		on(answers(more), args, { answering: heat.answering, ...(cwd === undefined ? {} : { cwd }) });
	/** A kubeconfig for bob whose certificate is valid for so many days. */
	const kubeconfigFor = async (days: number) => {
		const made = await heat.certificate(days);
		const base64 = async (name: string) => (await readFile(name)).toString('base64');
		const parts = { ca, certificate: await base64(made.file), key: await base64(made.key) };
		return kubeconfigText('demo', 'https://127.0.0.1:1', parts);
	};
	const helpers = async () => (await readdir(heat.state)).filter((name) => name.endsWith('.json'));
	return { ...heat, folder, run, helpers, kubeconfigFor };
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

test('kubeconfig without a stack directory has a new certificate, and leaves no file and no stack', async (t) => {
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

test('without --user the certificate is for the login name, and --user is checked before anything is asked', async (t) => {
	const { run } = await cluster();
	const { code, stdout } = await run(['kubeconfig', 'demo']);
	t.is(code, 0);
	t.regex(subject(stdout)[0] ?? '', /^CN=[a-z0-9][a-z0-9.-]*$/);
	const wrong = await run(['kubeconfig', 'demo', '--user', 'system:admin']);
	t.is(wrong.code, 2);
	t.regex(wrong.stderr, /"system:admin"/);
	t.deepEqual(wrong.asked, []);
});

test('a master that does not run is not asked; with no other, kubeconfig and adopt fail and write nothing', async (t) => {
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

test('a master that refuses is named with its reason, and the stack that asked is deleted', async (t) => {
	const { run, helpers, ca } = await cluster();
	await rm(ca.replace(/crt$/, 'key'));
	const { code, stdout, stderr } = await run(['kubeconfig', 'demo']);
	t.is(code, 1);
	t.is(stdout, '');
	t.regex(stderr, /demo-master-0: by server-demo-master-0/);
	t.deepEqual(await helpers(), []);
});

test('adopt writes the stack directory that the cluster was created with, and plan finds no change', async (t) => {
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

test('adopt writes to an empty folder, and to none that holds other files', async (t) => {
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

test('adopt writes the templates that Heat has where they are not those of this release', async (t) => {
	const { run, folder: created } = await cluster();
	const root = load(await readFile(path.join(created, 'demo/heat/cluster.yaml'), 'utf8')) as {
		description: string;
	};
	const other = { ...root, description: 'Of an earlier release.' };
	const { code, folder, stderr } = await run(['adopt', 'demo'], undefined, { 'stack-template-show': other });
	t.is(code, 0, stderr);
	t.deepEqual(load(await readFile(path.join(folder, 'demo/heat/cluster.yaml'), 'utf8')), other);
	for (const name of ['heat/master-contract-1.yaml', 'heat/user-data/minion-contract-1.yaml']) {
		const read = async (where: string) => load(await readFile(path.join(where, 'demo', name), 'utf8'));
		t.deepEqual(await read(folder), await read(created), name);
	}
});

test('kubeconfig renews a certificate that ends within 60 days, for the same user, and no other', async (t) => {
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
