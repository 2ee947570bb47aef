// Bad files, bad parameters and failed look-ups end as one clear error, and hide nothing.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { type Answers, demoStack, emptyCloud, event, fakeCloud } from '../support/fake-cloud.ts';
import { temporaryFolder } from '../support/folders.ts';
import { made, on } from '../support/kstack-on-cloud.ts';
import { kstack } from '../support/processes.ts';

const changing = (asked: readonly string[]) =>
	asked.filter(
		(line) => /^'(stack|server|software)' '(create|update|delete)'/.test(line) && !/dry-run/.test(line),
	);

for (const [what, text] of [
	['empty', ''],
	['not YAML', '{ : ['],
	[
		'without a user',
		'{clusters: [{cluster: {server: "https://127.0.0.1:1", certificate-authority-data: Q0E=}}]}',
	],
	['with a server that is no address', '{clusters: [{cluster: {server: "://"}}]}'],
] as const) {
	test(`a kubeconfig that is ${what} is a clear error, and status shows the rest`, async (t) => {
		const { folder, stages } = await made();
		const now = stages(2);
		await writeFile(path.join(folder, 'demo/kubeconfig'), text);
		const { code, stdout, stderr } = await on(now, ['status', 'demo'], { cwd: folder });
		t.is(code, 0, stderr);
		t.regex(stdout, /kubeconfig cannot be used/);
		const scaled = await on(now, ['scale', 'demo', '--minions', '2', '--yes'], { cwd: folder });
		t.is(scaled.code, 2);
		t.deepEqual(changing(scaled.asked), []);
	});
}

test('an unreachable cloud during a deletion does not count as deleted', async (t) => {
	const { folder, stages } = await made();
	const lost = {
		'stack-event-list.fails':
			'Could not find versioned identity endpoints when attempting to authenticate.\n',
	};
	let told = false;
	const { code } = await on([stages(3)[0] as Answers, lost], ['delete', 'demo', '--yes'], {
		cwd: folder,
		onStderr: (text, pid) => {
			if (!told && /retrying|asking again/.test(text)) {
				told = true;
				process.kill(pid, 'SIGINT');
			}
		},
	});
	t.is(code, 130);
	t.truthy(await readFile(path.join(folder, 'demo/secrets.yaml'), 'utf8'));
});

test("Heat's reason for a failure is printed if Nova and the console are not available", async (t) => {
	const failed: readonly Answers[] = [
		{ ...emptyCloud, 'stack-create': { id: 'stack-1' } },
		{
			'stack-show-demo': demoStack(1),
			'stack-event-list': [
				event(1, 'CREATE_FAILED', {
					resource_name: 'server',
					physical_resource_id: 's',
					resource_status_reason: 'Went to status ERROR',
				}),
				event(2, 'CREATE_FAILED', { resource_name: 'ready', resource_status_reason: 'Timed out' }),
				event(3, 'CREATE_FAILED'),
			],
			'server-show-s.fails': 'Internal Server Error (HTTP 500)\n',
			'stack-resource-metadata-demo-ready_handle.fails': 'Service Unavailable (HTTP 503)\n',
		},
	];
	const { code, stderr } = await on(failed, ['create', 'demo']);
	t.is(code, 1);
	t.regex(stderr, /Went to status ERROR/);
	t.regex(stderr, /Timed out/);
	t.regex(stderr, /HTTP 500/);
	t.notRegex(stderr, /bug/);
});

for (const [what, prepare] of [
	[
		'a folder in place of cluster.yaml',
		(folder: string) => mkdir(path.join(folder, 'demo/cluster.yaml'), { recursive: true }),
	],
	['a file in place of the stack directory', (folder: string) => writeFile(path.join(folder, 'demo'), '')],
	[
		'a file in place of the templates folder',
		async (folder: string) => {
			await mkdir(path.join(folder, 'demo'));
			await writeFile(path.join(folder, 'demo/heat'), '');
		},
	],
] as const) {
	test(`${what} is an error with its path`, async (t) => {
		const folder = await temporaryFolder();
		await prepare(folder);
		const { code, stderr } = await on([emptyCloud], ['create', 'demo'], { cwd: folder });
		t.true(code === 1 || code === 2, stderr);
		t.regex(stderr, /demo/);
		t.notRegex(stderr, /this is a bug/);
	});
}

for (const [name, value] of [
	['generations', '{"current":'],
	['generations', '[1]'],
	['recorded_settings', 'text'],
] as const) {
	test(`a parameter ${name} that is ${value} is reported as invalid`, async (t) => {
		const cloud = { ...emptyCloud, 'stack-show-demo': demoStack(1, {}, { [name]: value }) };
		const { code, stderr, asked } = await on([cloud], ['scale', 'demo', '--minions', '2', '--yes']);
		t.is(code, 1, stderr);
		t.regex(stderr, new RegExp(`parameter ${name}`));
		t.deepEqual(changing(asked), []);
	});
}

test('the message of Heat for a failed creation is printed without the command line, which --verbose prints', async (t) => {
	const message = 'You have reached the maximum stacks per tenant, 100.';
	const cloud = { ...emptyCloud, 'stack-create.fails': `ERROR: ${message}\n` };
	const { code, stderr } = await on([cloud], ['create', 'demo']);
	t.is(code, 1);
	t.true(stderr.includes(`kstack: Heat refused to create demo: ${message}\n`), stderr);
	t.notRegex(stderr, /--parameter/);
	const verbose = await on([cloud], ['create', 'demo', '--verbose']);
	t.regex(verbose.stderr, /^\+ openstack stack create .*--parameter-file join_token=/m);
});

/** A client that copies what it is given by file, and then kills the kstack that started it. */
const killing = `#!/bin/bash
[ "$1 $2" = 'stack create' ] || exit 1
for word; do
	case $word in join_token=file://*) cat "\${word#*file://}" >"$FAKE_CLOUD/token" ;; esac
done
find "$TMPDIR" -type f >"$FAKE_CLOUD/left"
kill -KILL "$(awk '$1 == "PPid:" { print $2 }' "/proc/$PPID/status")"
`;

test('a kill while the client has the tokens leaves none of them in the temporary folder', async (t) => {
	const temporary = await temporaryFolder();
	const cloud = await fakeCloud(emptyCloud);
	const place = String(cloud.env.FAKE_CLOUD);
	await writeFile(path.join(place, 'answering'), killing, { mode: 0o755 });
	const folder = await temporaryFolder();
	const ended = await kstack(['create', 'demo'], { cwd: folder, env: { ...cloud.env, TMPDIR: temporary } });
	t.is(ended.code, undefined, ended.stderr);
	const secrets = await readFile(path.join(folder, 'demo/secrets.yaml'), 'utf8');
	const token = await readFile(path.join(place, 'token'), 'utf8');
	t.true(token !== '' && secrets.includes(token));
	t.is(await readFile(path.join(place, 'left'), 'utf8'), '');
	t.deepEqual(await readdir(temporary), []);
});

test('if a file of the stack directory cannot be written, the others stay as they were', async (t) => {
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/parameters.yaml');
	await rm(file);
	await mkdir(file);
	const before = await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8');
	const { code, stderr, asked } = await on(stages(4), ['scale', 'demo', '--minions', '4', '--yes'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.regex(stderr, /demo\/parameters\.yaml/);
	t.deepEqual(changing(asked), []);
	t.is(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), before);
});

test("a file with the cluster's name does not keep commands that need no stack directory from running", async (t) => {
	const { stages } = await made();
	const folder = await temporaryFolder();
	await writeFile(path.join(folder, 'demo'), '');
	const { code, stderr } = await on(stages(4), ['scale', 'demo', '--minions', '4'], { cwd: folder });
	t.is(code, 0, stderr);
	const rendered = await kstack(['render', 'demo', '--external-network', 'none'], { cwd: folder });
	t.is(rendered.code, 2, rendered.stderr);
	t.regex(rendered.stderr, /demo is a file, not a folder/);
});
