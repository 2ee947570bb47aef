// Nothing that is not the cluster's own is touched: other stacks, other clusters, the user's own files.
import { existsSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type Answers, emptyCloud } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { kstack } from '../support/processes.ts';

const wordpress = (parameters: object, more: object = {}) => ({
	...{ id: 'stack-9', stack_name: 'wordpress', stack_status: 'CREATE_COMPLETE', outputs: [] },
	...{ parameters, tags: ['kstack'], ...more },
});

/** Clouds where `wordpress` is somebody else's. */
const strangers: Readonly<Record<string, Answers>> = {
	'parameters of its own': { 'stack-show-wordpress': wordpress({ db_password: '******' }) },
	'no parameters': { 'stack-show-wordpress': wordpress({}) },
	'some of the parameters': {
		'stack-show-wordpress': wordpress({ minion_count: '3', join_token: '******', cluster_state: 'new' }),
	},
};

const changing = (asked: readonly string[]) =>
	asked.filter((line) => /^'(stack|server)' '(create|update|delete)'/.test(line));

for (const [what, cloud] of Object.entries(strangers)) {
	test(`no command acts on a tagged stack with ${what}`, async (t) => {
		const commands = [
			['delete', 'wordpress', '--yes'],
			['scale', 'wordpress', '--minions', '5', '--yes'],
			['replace', 'wordpress', 'wordpress-minion-0', '--yes'],
			['upgrade', 'wordpress', '--image', 'debian12-x64-kubernetes', '--yes'],
			['status', 'wordpress'],
			['kubeconfig', 'wordpress'],
		];
		for (const args of commands) {
			const { code, stderr, asked } = await on([{ ...emptyCloud, ...cloud }], args);
			t.is(code, 2, `${args[0]}: ${stderr}`);
			t.regex(stderr, /"wordpress".* not .* kstack/, args[0]);
			t.deepEqual(changing(asked), [], args[0]);
		}
	});
}

test('a stack made with the plain client from a rendered directory is a cluster', async (t) => {
	const { folder, stages } = await made();
	const { code, stderr } = await on(stages(3), ['status', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
});

test('delete prints what it deletes, and does nothing without a terminal', async (t) => {
	const { folder, stages } = await made();
	const resources = [
		{ resource_type: 'OS::Nova::Server', physical_resource_id: 'server-demo-minion-0' },
		{ resource_type: 'OS::Neutron::FloatingIP', physical_resource_id: 'ip-1' },
	];
	const cloud = [{ ...stages(3)[0], 'stack-resource-list': resources }];
	const { code, stderr, asked } = await on(cloud, ['delete', 'demo'], { cwd: folder });
	t.is(code, 2);
	for (const name of ['demo-minion-0', 'ip-1', 'demo/secrets.yaml']) t.true(stderr.includes(name), name);
	t.regex(stderr, /--yes/);
	t.deepEqual(changing(asked), []);
	t.true(existsSync(path.join(folder, 'demo/secrets.yaml')));
});

test('if Heat rejects a delete, servers and files are kept', async (t) => {
	const { folder, stages } = await made();
	const resources = [{ resource_type: 'OS::Nova::Server', physical_resource_id: 'server-demo-minion-0' }];
	const { 'stack-delete': _, ...rest } = { ...stages(3)[0] };
	const refused = { 'stack-delete.fails': 'ERROR: You are not authorized (HTTP 403)\n' };
	const cloud = [{ ...rest, ...refused, 'stack-resource-list': resources }];
	const { code, stderr, asked } = await on(cloud, ['delete', 'demo', '--yes'], { cwd: folder });
	t.is(code, 1);
	t.regex(stderr, /403/);
	t.false(asked.some((line) => line.startsWith("'server' 'delete'")));
	t.true(existsSync(path.join(folder, 'demo/secrets.yaml')));
});

/** A kubeconfig of a cluster with another CA. */
const another = `apiVersion: v1
clusters: [{name: x, cluster: {server: "https://192.0.2.1:6443", certificate-authority-data: T1RIRVI=}}]
users: [{name: x, user: {client-certificate-data: T1A=, client-key-data: T1A=}}]
`;

test('a kubeconfig of another cluster is used by no command, and deleted by none', async (t) => {
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/kubeconfig');
	await writeFile(file, another);
	for (const args of [
		['scale', 'demo', '--minions', '2', '--yes'],
		['replace', 'demo', 'demo-minion-0', '--yes'],
		['kubeconfig', 'demo'],
	]) {
		const { code, stderr, asked } = await on(stages(2), args, { cwd: folder });
		t.is(code, 2, `${args[0]}: ${stderr}`);
		t.regex(stderr, /demo\/kubeconfig .*192\.0\.2\.1/, args[0]);
		t.deepEqual(changing(asked), [], args[0]);
	}
	const status = await on(stages(3), ['status', 'demo'], { cwd: folder });
	t.is(status.code, 0);
	t.regex(status.stdout, /192\.0\.2\.1/);
	const gone = { 'stack-event-list.fails': 'Stack not found: stack-1\n' };
	const first = stages(3)[0] as Answers;
	const deleted = await on([first, gone], ['delete', 'demo', '--yes'], { cwd: folder });
	t.is(deleted.code, 0, deleted.stderr);
	t.is(await readFile(file, 'utf8'), another);
	t.true(existsSync(path.join(folder, 'demo/secrets.yaml')));
});

for (const [what, text] of [
	['no YAML', '{'],
	['a list', '- a\n'],
	['an empty file', ''],
	['a kubeconfig with a token', another.replace(/client-.*$/m, 'token: abc}}]')],
] as const) {
	test(`a kubeconfig that is ${what} is a usage error, not a bug`, async (t) => {
		const { folder, stages } = await made();
		await writeFile(path.join(folder, 'demo/kubeconfig'), text);
		const args = ['scale', 'demo', '--minions', '2', '--yes'];
		const { code, stderr, asked } = await on(stages(2), args, { cwd: folder });
		t.is(code, 2, stderr);
		t.regex(stderr, /demo\/kubeconfig/);
		t.deepEqual(changing(asked), []);
	});
}

for (const [what, files] of [
	['templates of something else', { 'heat/web.yaml': 'resources: {}\n' }],
	['a root template of something else', { 'heat/cluster.yaml': 'parameters: {size: {type: number}}\n' }],
	['a parameters.yaml of something else', { 'parameters.yaml': 'parameters:\n  size: 3\n' }],
	['a secrets.yaml of something else', { 'secrets.yaml': 'password: mine\n' }],
] as const) {
	test(`render and create do not change a folder with ${what}`, async (t) => {
		const folder = await temporaryFolder();
		for (const [name, text] of Object.entries(files)) {
			await mkdir(path.dirname(path.join(folder, 'web', name)), { recursive: true });
			await writeFile(path.join(folder, 'web', name), text);
		}
		for (const command of ['render', 'create']) {
			const { code, stderr, asked } = await on([emptyCloud], [command, 'web'], { cwd: folder });
			t.is(code, 2, stderr);
			t.regex(stderr, /web\/(heat\/|parameters\.yaml|secrets\.yaml)/);
			t.deepEqual(changing(asked), []);
		}
		for (const [name, text] of Object.entries(files)) {
			t.is(await readFile(path.join(folder, 'web', name), 'utf8'), text);
		}
	});
}

test('render keeps the tokens and the key of a directory, and refuses that of a created cluster', async (t) => {
	const { folder } = await made();
	const read = async () => {
		const files = ['secrets.yaml', 'operator.key', 'parameters.yaml'];
		return Promise.all(files.map((file) => readFile(path.join(folder, 'demo', file), 'utf8')));
	};
	const before = await read();
	t.is((await kstack(['render', 'demo'], { cwd: folder })).code, 0);
	const request = (text: string | undefined) => /operator_request: (\S+)/.exec(text ?? '')?.[1];
	const after = await read();
	t.deepEqual(after.slice(0, 2), before.slice(0, 2));
	t.is(request(after[2]), request(before[2]));
	await writeFile(path.join(folder, 'demo/kubeconfig'), another);
	for (const command of ['render', 'create']) {
		const { code, stderr } = await on([emptyCloud], [command, 'demo'], { cwd: folder });
		t.is(code, 2, stderr);
		t.regex(stderr, /kstack update demo/);
	}
	t.deepEqual(await read(), after);
});

test('a process waits while another has the lock of a directory; the lock of a dead one is taken over', async (t) => {
	const { folder } = await made();
	const lock = path.join(folder, 'demo/.kstack.lock');
	const host = (await import('node:os')).hostname();
	await writeFile(lock, `${process.pid} ${host}\n`);
	let waited = false;
	const held = await kstack(['render', 'demo'], {
		cwd: folder,
		onStderr: (text) => {
			if (waited || !text.includes(String(process.pid))) return;
			waited = true;
			rmSync(lock);
		},
	});
	t.is(held.code, 0, held.stderr);
	t.regex(held.stderr, /^Waiting for another kstack /m);
	await writeFile(lock, `4194305 ${host}\n`); // above the highest process ID of Linux
	const free = await kstack(['render', 'demo'], { cwd: folder });
	t.is(free.code, 0, free.stderr);
	t.false((await readdir(path.join(folder, 'demo'))).includes('.kstack.lock'));
});
