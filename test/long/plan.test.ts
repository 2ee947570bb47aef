import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { imageContract } from '../../src/base/contract.ts';
import type { Answers } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';

async function edit(folder: string, file: string, from: string, to: string): Promise<void> {
	const edited = path.join(folder, 'demo', file);
	const text = await readFile(edited, 'utf8');
	if (!text.includes(from)) throw new Error(`no ${from}`);
	await writeFile(edited, text.replace(from, to));
}

test('plan refuses a stack that a newer kstack has updated, as update does', async (t) => {
	const { folder, stages } = await made();
	await edit(folder, 'cluster.yaml', 'minions: 3', 'minions: 4');
	const newer = stages(3).map((stage) => {
		const shown = stage['stack-show-demo'] as { parameters: object };
		return {
			...stage,
			'stack-show-demo': {
				...shown,
				parameters: { ...shown.parameters, generations: '{"kstack":"99.0.0"}' },
			},
		};
	});
	const said = await Promise.all(
		['plan', 'update'].map(async (command) => {
			const { code, stdout, stderr } = await on(newer, [command, 'demo'], { cwd: folder });
			return { code, stdout, stderr };
		}),
	);
	t.is(said[0]?.code, 2);
	t.regex(said[0]?.stderr ?? '', /^kstack: demo was created or updated with kstack 99\.0\.0; this is /);
	t.deepEqual(said[0], said[1]);
});

test('mistakes of cluster.yaml, parameters.yaml and roles are told at once, by plan and by update', async (t) => {
	const { folder, stages } = await made();
	await edit(folder, 'cluster.yaml', 'minions: 3', 'minions: many');
	await edit(folder, 'parameters.yaml', '  minion_count: 3', '  minion_count: 3\n  minon_count: 3');
	await mkdir(path.join(folder, 'demo/roles/builder'), { recursive: true });
	await writeFile(path.join(folder, 'demo/roles/builder/role.yaml'), 'description: x\ntaint: []\n');
	for (const command of ['plan', 'update']) {
		const { code, stderr } = await on(stages(3), [command, 'demo'], { cwd: folder });
		t.is(code, 2, stderr);
		t.regex(
			stderr,
			/^kstack: 3 mistakes:\n.*minon_count.*\n.*builder\/role\.yaml: taint.*\n.*minions is "many"/,
		);
	}
});

test('files with CRLF line ends are read, and keep them when a value is written', async (t) => {
	const { folder, stages } = await made();
	const files = ['cluster.yaml', 'parameters.yaml'].map((name) => path.join(folder, 'demo', name));
	await edit(folder, 'cluster.yaml', 'minions: 3', 'minions: 4 # more');
	const toCrlf = (text: string) => text.replaceAll('\n', '\r\n');
	const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
	for (const [index, file] of files.entries()) await writeFile(file, toCrlf(texts[index] ?? ''));
	const { code, stderr } = await on(stages(4), ['update', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /^The network driver routed does not enforce NetworkPolicy/m);
	const after = await Promise.all(files.map((file) => readFile(file, 'utf8')));
	t.is(after[0], toCrlf(texts[0] ?? ''));
	t.regex(after[1] ?? '', /^ {2}minion_count: 4\r$/m);
	for (const text of after) t.notRegex(text, /(?<!\r)\n/);
});

test('plan without changes has exit code 0', async (t) => {
	const { folder, stages } = await made();
	const { code, stdout, stderr } = await on(stages(3), ['plan', 'demo'], { cwd: folder });
	const notice =
		'The network driver routed does not enforce NetworkPolicy: all pods can connect to each other.\n';
	t.deepEqual([code, stdout, stderr], [0, 'demo is up to date: nothing to change.\n', notice]);
});

test("plan shows changes with exit code 3, uses Heat's dry run, and changes nothing", async (t) => {
	const { folder, stages } = await made();
	await edit(folder, 'parameters.yaml', '  minion_count: 3', '  minion_count: 2');
	const before = await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8');
	const { code, stdout, asked } = await on(stages(3), ['plan', 'demo', '-o', 'json'], { cwd: folder });
	t.is(code, 3);
	const { changes } = JSON.parse(stdout) as { changes: object[] };
	t.like(
		changes.find((change) => 'path' in change && change.path === 'minions/2/server'),
		{ action: 'delete', name: 'demo-minion-2', path: 'minions/2/server', loses: false },
	);
	t.true(asked.some((line) => /'stack' 'update' '--dry-run' '--existing' .*'minion_count=2'/.test(line)));
	t.deepEqual(updates(asked), []);
	t.is(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), before);
});

test('a change that replaces a server has exit code 4, in plan and in update, which refuses it', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(3);
	// As if the cluster had been made with minions of another image.
	const template = first?.['stack-template-show'];
	const other = JSON.parse(
		JSON.stringify(template).replace('{"get_param":"minion_image"}', '"image-0"'),
	) as object;
	const cloud = [{ ...first, 'stack-template-show': other }, second as Answers];
	await edit(folder, 'heat/cluster.yaml', 'description', '# \ndescription');
	const plan = await on(cloud, ['plan', 'demo'], { cwd: folder });
	t.is(plan.code, 4, plan.stderr);
	t.regex(plan.stdout, /^REPLACE ! +server +demo-minion-0 +image$/m);
	const refused = await on(cloud, ['update', 'demo'], { cwd: folder });
	t.is(refused.code, 4);
	t.regex(
		refused.stderr,
		/kstack: The update of demo would replace or delete what is in use:\n {2}replace server demo-minion-0: image\n/,
	);
	t.deepEqual(updates(refused.asked), []);
	const meant = await on(cloud, ['update', 'demo', '--allow-replace'], { cwd: folder });
	t.is(meant.code, 0, meant.stderr);
	t.is(updates(meant.asked).length, 1);
});

/** A cluster with the record of an earlier release in Heat and in its files. */
async function recorded(record: object) {
	const { folder, stages } = await made();
	const generations = JSON.stringify(record);
	const file = path.join(folder, 'demo/parameters.yaml');
	const text = await readFile(file, 'utf8');
	await writeFile(file, text.replace(/^ {2}generations: .*$/m, `  generations: '${generations}'`));
	const cloud = stages(3).map((stage) => {
		const shown = stage['stack-show-demo'] as { parameters: object };
		return { ...stage, 'stack-show-demo': { ...shown, parameters: { ...shown.parameters, generations } } };
	});
	return { folder, cloud };
}

test('plan lists what only an upgrade gives, also as JSON; status has one line for it', async (t) => {
	const { folder, cloud: old } = await recorded({});
	const plan = await on(old, ['plan', 'demo'], { cwd: folder });
	t.is(plan.code, 3, plan.stderr);
	t.regex(plan.stdout, /^Only an upgrade to a newer image gives the nodes of these pools:\n {2}- addons/m);
	t.regex(plan.stdout, /\(masters, minions\)\nTo upgrade .*: kstack upgrade demo --image IMAGE\n$/);
	const json = await on(old, ['plan', 'demo', '-o', 'json'], { cwd: folder });
	t.is(json.code, plan.code);
	const { missingFeatures } = JSON.parse(json.stdout) as { missingFeatures: { pools: string[] }[] };
	t.true(missingFeatures.some(({ pools }) => pools.join() === 'masters,minions'));
	const status = await on(old, ['status', 'demo'], { cwd: folder });
	t.is(status.stdout.match(/kstack plan demo/g)?.length, 1);
	t.regex(
		status.stdout,
		/\nNewer images have more features than those of masters, minions: kstack plan demo\n$/,
	);
});

test('with current images plan names no upgrade, but the command that ends a shared join token', async (t) => {
	const record = { contracts: { 'debian12-x64-kubernetes': imageContract } };
	const { folder, cloud } = await recorded(record);
	const { code, stdout, stderr } = await on(cloud, ['plan', 'demo'], { cwd: folder });
	t.notRegex(stdout, /Only an upgrade/);
	t.regex(stdout, /kstack rotate join-token demo\n$/);
	t.is(code, 3, stderr); // the templates differ: its members share a token
	const status = await on(cloud, ['status', 'demo'], { cwd: folder });
	t.notRegex(status.stdout, /kstack plan/);
});

test('plan and update refuse a change that the quota of security group rules does not allow', async (t) => {
	const { folder, stages } = await made();
	const quota: Answers = {
		'quota-show': { secgroups: 10, 'secgroup-rules': 1 },
		'token-issue': { project_id: 'p' },
		'security-group-list': [],
		'security-group-rule-list': [],
	};
	const cloud = stages(3).map((stage) => ({ ...stage, ...quota }));
	for (const command of ['plan', 'update']) {
		const args = [command, 'demo', '--node-port-allowed-cidr', '192.0.2.0/24'];
		const { code, stderr, asked } = await on(cloud, args, { cwd: folder });
		t.is(code, 2, stderr);
		t.regex(stderr, /^kstack: demo needs 2 more security group rules; .*\n {2}Nothing was changed\.$/m);
		t.deepEqual(updates(asked), []);
	}
});
