import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readTree } from '../../src/base/tree.ts';
import { withOwnVersion } from '../../src/cluster/heat/kstack-version.ts';
import { generationsOf } from '../../src/cluster/spec/generations.ts';
import { type Answers, event, fakeCloud } from '../support/fake-cloud.ts';
import { made, on, updates } from '../support/kstack-on-cloud.ts';
import { kstack } from '../support/processes.ts';

test('scale to the current size changes nothing', async (t) => {
	const { folder, stages } = await made();
	const { code, stderr, asked } = await on(stages(3), ['scale', 'demo', '--minions', '3'], { cwd: folder });
	t.is(code, 0);
	t.regex(stderr, /^demo .*\n$/);
	t.deepEqual(updates(asked), []);
});

test('scale works without a stack directory', async (t) => {
	const { stages } = await made();
	const { code, stderr, asked, folder } = await on(stages(2), ['scale', 'demo', '--minions', '2', '--yes']);
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.regex(stderr, /^There is no demo\/kubeconfig: the nodes drain themselves/m);
	t.regex(
		stderr,
		/if Node objects of removed nodes remain, delete them: kubectl delete node demo-minion-2\n/,
	);
	t.deepEqual(await readdir(folder), []);
});

for (const [file, from, to] of [
	['parameters.yaml', '  minion_count: 3', '  minion_count: 4 # for the weekend'],
	['cluster.yaml', 'minions: 3', 'minions: 4'],
] as const) {
	test(`update applies an edit of ${file}, and then both files have the value`, async (t) => {
		const { folder, stages } = await made();
		const edited = path.join(folder, 'demo', file);
		await writeFile(edited, (await readFile(edited, 'utf8')).replace(from, to));
		const { code, stderr, asked } = await on(stages(4), ['update', 'demo'], { cwd: folder });
		t.is(code, 0, stderr);
		t.is(updates(asked).length, 1);
		t.regex(updates(asked)[0] ?? '', /'minion_count=4'/);
		t.regex(await readFile(path.join(folder, 'demo/cluster.yaml'), 'utf8'), /^minions: 4$/m);
		t.regex(
			await readFile(path.join(folder, 'demo/parameters.yaml'), 'utf8'),
			/^ {2}minion_count: 4( #.*)?$/m,
		);
		t.true((await readFile(edited, 'utf8')).includes(to), 'a comment stays');

		await rm(path.join(folder, 'demo/kubeconfig')); // for an API that does not answer
		const again = await on([{ ...stages(4)[0], ...stages(4)[1] }], ['update'], {
			cwd: path.join(folder, 'demo'),
		});
		t.is(again.code, 0, again.stderr);
		t.regex(again.stderr, /^The network driver routed .*\ndemo is up to date: nothing to change\.\n$/);
	});
}

/** A cluster of kstack 0.3, whose stack records no security groups, and its stages in an update. */
async function withSharedGroup(contract: number) {
	const { folder, stages } = await made();
	const [first = {}] = stages(3);
	const shown = first['stack-show-demo'] as { parameters: Record<string, string> };
	const image = String(shown.parameters.master_image);
	const recorded = generationsOf({ ...shown.parameters, generations: { contracts: { [image]: contract } } });
	const file = path.join(folder, 'demo/parameters.yaml');
	const written = (await readFile(file, 'utf8')).replace(
		/^ {2}generations: .*$/m,
		`  generations: '${JSON.stringify(recorded)}'`,
	);
	await writeFile(file, written);
	const events = (count: number) => [
		event(1, 'CREATE_COMPLETE'),
		...Array.from({ length: count }, (_, index) => event(index + 2, 'UPDATE_COMPLETE')),
	];
	const stage = (generations: object | string, count: number): Answers => ({
		'stack-show-demo': {
			...shown,
			parameters: {
				...shown.parameters,
				generations: typeof generations === 'string' ? generations : JSON.stringify(generations),
			},
		},
		'stack-event-list': events(count),
	});
	const after = (securityGroups: string) => withOwnVersion({ generations: { ...recorded, securityGroups } });
	const cloud = [{ ...first, ...stage(recorded, 0) }, stage(after('both'), 1), stage(after('roles'), 2)];
	return { folder, cloud };
}

/** The security groups of a minion in the templates of the stack directory. */
async function groupsOfMinions(folder: string): Promise<string[]> {
	const text = await readFile(path.join(folder, 'demo/heat/cluster.yaml'), 'utf8');
	const [, minions = ''] = text.split(/\n {2}minions:\n {4}type: OS::Heat::ResourceGroup/);
	const [, groups = ''] = /security_groups: \[(.*)\]/.exec(minions) ?? [];
	return [...groups.matchAll(/get_resource: (\w+)/g)].map((match) => match[1] as string);
}

const ofRole = ['all_nodes_security_group', 'worker_nodes_security_group'];

test('update of a cluster of 0.3 adds the security groups of roles, and then removes the shared one', async (t) => {
	const { folder, cloud } = await withSharedGroup(1);
	const { code, stderr, asked } = await on(cloud, ['update', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /Removing the security group that all nodes share/);
	const [first, second, ...more] = updates(asked);
	t.regex(first ?? '', /"securityGroups":"both"/);
	t.regex(second ?? '', /"securityGroups":"roles"/);
	t.deepEqual(more, []);
	t.deepEqual(await groupsOfMinions(folder), ofRole);
});

test('an update that was interrupted before Heat had its second part is completed by the next one', async (t) => {
	const { folder, cloud } = await withSharedGroup(1);
	// The client interrupts kstack instead of sending the second update: whether Heat has it is unknown.
	const answering = `#!/bin/bash
[[ "$1 $2" = 'stack update' && " $* " != *' --dry-run '* && $(cat "$FAKE_CLOUD/stage") = 1 ]] || exit 1
kill -INT "$(awk '$1 == "PPid:" { print $2 }' "/proc/$PPID/status")"
sleep 60 # kstack ends it
`;
	const ended = await on(cloud.slice(0, 2), ['update', 'demo'], { cwd: folder, answering });
	t.is(ended.code, 130, ended.stderr);
	const [first = {}, both = {}, roles = {}] = cloud;
	const { code, stderr, asked } = await on([{ ...first, ...both }, roles], ['update', 'demo'], {
		cwd: folder,
	});
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.deepEqual(await groupsOfMinions(folder), ofRole);
});

test('update of a cluster with images of contract 0 keeps the shared security group', async (t) => {
	const { folder, cloud } = await withSharedGroup(0);
	const { code, stderr, asked } = await on(cloud, ['update', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
	t.is(updates(asked).length, 1);
	t.deepEqual(await groupsOfMinions(folder), ['security_group', ...ofRole]);
});

test('update sets the NTP servers of new nodes, also in a cluster of a release without the setting', async (t) => {
	for (const isRecorded of [true, false]) {
		const { folder, stages } = await made();
		/** The stages with other recorded settings. */
		const recording = (change: (recorded: Record<string, unknown>) => object) =>
			stages(3).map((stage) => {
				const stack = stage['stack-show-demo'] as { parameters: Record<string, string> };
				const recorded = JSON.parse(stack.parameters.recorded_settings ?? '{}') as Record<string, unknown>;
				const parameters = { ...stack.parameters, recorded_settings: JSON.stringify(change(recorded)) };
				return { ...stage, 'stack-show-demo': { ...stack, parameters } };
			});
		const without = ({ ntpServers, ...others }: Record<string, unknown>) => others;
		const old = isRecorded ? (all: Record<string, unknown>) => all : without;
		const [before] = recording(old);
		const after = recording((all) => ({ ...old(all), ntpServers: '192.0.2.7,ntp.example.com' }));
		const flags = ['--ntp-server', '192.0.2.7', '--ntp-server', 'ntp.example.com'];
		const { code, stderr, asked } = await on(
			[before as Answers, after[1] as Answers],
			['update', 'demo', ...flags],
			{ cwd: folder },
		);
		t.is(code, 0, stderr);
		t.is(updates(asked).length, 1);
		const text = (name: string) => readFile(path.join(folder, 'demo', name), 'utf8');
		t.regex(await text('cluster.yaml'), /^ntpServers: 192\.0\.2\.7,ntp\.example\.com$/m);
		t.regex(
			await text('heat/user-data/minion-contract-2.yaml'),
			/NTP_SERVERS=192\.0\.2\.7,ntp\.example\.com$/m,
		);

		await rm(path.join(folder, 'demo/kubeconfig')); // for an API that does not answer
		const again = await on([{ ...after[0], ...after[1] }], ['update', 'demo'], { cwd: folder });
		t.regex(again.stderr, /^The network driver routed .*\ndemo is up to date: nothing to change\.\n$/);
	}
});

test('Ctrl-C ends kstack with exit code 130 and a message that Heat continues', async (t) => {
	const { folder, stages } = await made();
	const [first, second] = stages(4);
	const going = {
		...second,
		'stack-event-list': [event(1, 'CREATE_COMPLETE'), event(2, 'UPDATE_IN_PROGRESS')],
	};
	const cloud = await fakeCloud(first as Answers, going);
	let sent = false;
	let interrupted = false; // a second Ctrl-C would end it the hard way
	const { code, stderr } = await kstack(['scale', 'demo', '--minions', '4'], {
		cwd: folder,
		env: cloud.env,
		onStderr: (text, pid) => {
			if (sent || !text.includes('minions: 3 -> 4')) return;
			sent = true;
			const watch = setInterval(async () => {
				// Once Heat was told and asked how it goes: that cannot be called back.
				const asked = await cloud.asked();
				if (updates(asked).length === 0 || !asked.at(-1)?.startsWith("'stack' 'event'")) return;
				clearInterval(watch);
				if (!interrupted) process.kill(pid, 'SIGINT');
				interrupted = true;
			}, 100);
		},
	});
	t.is(code, 130);
	t.regex(stderr, /kstack: Interrupted\. .*demo\.\n {2}.*kstack status demo/);
});

test('update changes nothing if nothing was edited', async (t) => {
	const { folder, stages } = await made();
	const { code, stderr, asked } = await on(stages(3), ['update', 'demo'], { cwd: folder });
	t.is(code, 0, stderr);
	t.regex(stderr, /demo is up to date: nothing to change\.\n$/);
	t.deepEqual(updates(asked), []);
});

test('update records a change of podSecurity for new masters, replaces no server, and says so', async (t) => {
	const { folder, stages } = await made();
	const [before, after] = stages(3);
	const then = JSON.parse(
		JSON.stringify(after).replaceAll(/(podSecurity\W+)baseline/g, '$1restricted'),
	) as Answers;
	const { code, stderr, asked } = await on(
		[before as Answers, then],
		['update', 'demo', '--pod-security', 'restricted'],
		{ cwd: folder },
	);
	t.is(code, 0, stderr);
	t.regex(stderr, /podSecurity restricted is for new masters\. Existing masters keep what they have: .*\n/);
	t.notRegex(stderr, /replace +server/);
	t.is(updates(asked).length, 1);
	const file = (name: string) => readFile(path.join(folder, 'demo', name), 'utf8');
	t.regex(await file('cluster.yaml'), /^podSecurity: restricted$/m);
	t.regex(await file('parameters.yaml'), /recorded_settings: .*podSecurity\W+restricted/);
	t.regex(await file('heat/user-data/master-contract-2.yaml'), /^ +POD_SECURITY=restricted$/m);
});

test('plan of a change of podSecurity says that it is for new masters', async (t) => {
	const { folder, stages } = await made();
	const ended = await on(stages(3), ['plan', 'demo', '--pod-security', 'restricted'], { cwd: folder });
	t.regex(ended.stderr, /podSecurity restricted is for new masters/, ended.stdout);
	t.is(ended.code, 3, ended.stdout);
});

test('update refuses changes that replace servers, in one message, and changes no file', async (t) => {
	const { folder, stages } = await made();
	const edited = path.join(folder, 'demo/cluster.yaml');
	const text = (await readFile(edited, 'utf8'))
		.replace('10.244.0.0/16', '10.64.0.0/16')
		.replace('m1.small', 'm1.large');
	await writeFile(edited, text);
	const { code, stderr, asked } = await on(stages(3), ['update', 'demo'], { cwd: folder });
	t.is(code, 2);
	t.regex(
		stderr,
		/^kstack: 2 mistakes:\n {2}- gatewayFlavor is .*\n {2}- podCidr is .*\n {2}Nothing was changed\.\n$/,
	);
	t.deepEqual(updates(asked), []);
	t.is(await readFile(edited, 'utf8'), text);
});

for (const args of [
	['scale', 'demo', '--minions', '4'],
	['update', 'demo', '--minions', '4'],
]) {
	test(`${args[0]} waits until Heat is idle, prints that once, and then continues`, async (t) => {
		const { folder, stages } = await made();
		const [first = {}, second = {}] = stages(4);
		const idle = first['stack-show-demo'] as object;
		const busy = { ...idle, stack_status: 'UPDATE_IN_PROGRESS' };
		const cloud = await fakeCloud({ ...first, 'stack-show-demo': busy }, second);
		const file = path.join(String(cloud.env.FAKE_CLOUD), '0/stack-show-demo');
		let updatesWhileBusy: string[] | undefined;
		const { code, stderr } = await kstack(args, {
			cwd: folder,
			env: cloud.env,
			onStderr: async (text) => {
				if (updatesWhileBusy !== undefined || !text.includes('Waiting for Heat')) return;
				updatesWhileBusy = [];
				updatesWhileBusy.push(...updates(await cloud.asked()));
				await writeFile(file, JSON.stringify(idle));
			},
		});
		t.is(code, 0, stderr);
		t.deepEqual(updatesWhileBusy, []);
		t.is(stderr.split('Waiting for Heat').length, 2);
		t.is(updates(await cloud.asked()).length, 1);
	});
}

/** A scale with --force without a kubeconfig: the first update sets drain_force, the second is refused, the third sets it back. */
async function refusedAfterDrainOptions() {
	const { folder, stages } = await made();
	const file = path.join(folder, 'demo/parameters.yaml');
	await writeFile(
		file,
		(await readFile(file, 'utf8')).replace('cluster_state: new', 'cluster_state: existing'),
	);
	const [first = {}] = stages(3);
	const shown = first['stack-show-demo'] as { parameters: Record<string, string> };
	const forced = { ...shown, parameters: { ...shown.parameters, drain_force: 'True' } };
	const events = (count: number) => [
		event(1, 'CREATE_COMPLETE'),
		...Array.from({ length: count }, (_, index) => event(index + 2, 'UPDATE_COMPLETE')),
	];
	const cloud: Answers[] = [
		first,
		{
			'stack-show-demo': forced,
			'stack-event-list': events(1),
			'stack-update.fails': 'ERROR: quota exceeded',
		},
		// A refused update begins a stage too.
		{ 'stack-update': { id: 'stack-1' } },
		{ 'stack-show-demo': shown, 'stack-event-list': events(2) },
	];
	return { folder, cloud };
}

test('if an update is refused, the drain options that were set in Heat for it are set back', async (t) => {
	const { folder, cloud } = await refusedAfterDrainOptions();
	const before = await readTree(folder);
	const { code, stderr, asked } = await on(cloud, ['scale', 'demo', '--minions', '2', '--force', '--yes'], {
		cwd: folder,
	});
	t.is(code, 1);
	t.regex(stderr, /quota exceeded/);
	t.is(updates(asked).length, 3, stderr);
	t.regex(updates(asked)[2] ?? '', /'drain_force=false'/);
	t.deepEqual(await readTree(folder), before);
});

test('Ctrl-C after drain options were set in Heat tells how to set them back', async (t) => {
	const { folder, cloud } = await refusedAfterDrainOptions();
	// The client interrupts the kstack that started it.
	const answering = `#!/bin/bash
[ "$1 $2" = 'stack update' ] || exit 1
kill -INT "$(awk '$1 == "PPid:" { print $2 }' "/proc/$PPID/status")"
sleep 60 # kstack ends it
exit 1
`;
	const { code, stderr } = await on(cloud, ['scale', 'demo', '--minions', '2', '--force', '--yes'], {
		cwd: folder,
		answering,
	});
	t.is(code, 130, stderr);
	t.regex(stderr, /^ {2}Heat may have started the change\. See: kstack status demo$/m);
	t.regex(stderr, /drainForce: false and drainTimeout: 300 in demo\/cluster\.yaml.*kstack update demo/);
});

test('while kstack waits for Heat, a failed request is retried', async (t) => {
	const { folder, stages } = await made();
	const [first = {}, second = {}] = stages(4);
	// The second look fails; at the third, Heat is done.
	const answering = `#!/bin/bash
[ "$1 $2" = 'stack show' ] || exit 1
echo look >>"$FAKE_CLOUD/looks"
case $(wc -l <"$FAKE_CLOUD/looks") in
1) sed 's/CREATE_COMPLETE/UPDATE_IN_PROGRESS/' "$FAKE_CLOUD/0/stack-show-demo" ;;
2 | 3) echo 'Unable to establish connection to http://heat:8004' >&2 ;;
*) exit 1 ;;
esac
`;
	const { code, stderr, asked } = await on([first, second], ['scale', 'demo', '--minions', '4', '--yes'], {
		cwd: folder,
		answering,
	});
	t.is(code, 0, stderr);
	t.regex(stderr, /Waiting for Heat[\s\S]*Unable to establish connection/);
	t.is(updates(asked).length, 1);
});

test('SIGTERM while an update is followed ends kstack with exit code 143', async (t) => {
	const { folder, stages } = await made();
	const [first = {}, second = {}] = stages(4);
	const going = { ...second, 'stack-event-list': [event(1, 'CREATE_COMPLETE')] };
	let told = false;
	const { code, stderr } = await on([first, going], ['scale', 'demo', '--minions', '4', '--yes'], {
		cwd: folder,
		onStderr: (text, pid) => {
			if (told || !text.includes('Updating the stack')) return;
			told = true;
			setTimeout(() => process.kill(pid, 'SIGTERM'), 4000);
		},
	});
	t.is(code, 143, stderr);
	t.regex(stderr, /kstack: Terminated\. Heat continues/);
});
