// What is wrong with a command line is said before a cloud is asked, all at once, and with the help of that command.
import test from 'ava';
import { demoStack } from '../support/fake-cloud.ts';
import { runSource } from '../support/processes.ts';
import { noCloud, refuses } from '../support/refusing.ts';

test('render, with a number of masters that cannot be', refuses, {
	args: ['render', 'demo', '--masters', '2'],
	sentence: /masters is 2.*\n {2}See 'kstack render --help'\.\n$/,
});
test('scale, with a timeout that cannot be', refuses, {
	args: ['scale', 'demo', '--minions', '2', '--drain-timeout', '-1'],
	cloud: { 'stack-show-demo': demoStack(1) },
	sentence: /--drain-timeout is "-1".*\n {2}See 'kstack scale --help'\.\n$/,
});
test('scale, with a count that is no number', refuses, {
	args: ['scale', 'demo', '--minions', 'foo'],
	sentence: /--minions is "foo".*\n {2}See 'kstack scale --help'\.\n$/,
});
test('an unknown flag and two wrong values, all reported', refuses, {
	args: ['create', 'demo', '--bogus=1', '--minions=many', '--pod-cidr', 'foo'],
	sentence: /^kstack: 3 mistakes:\n.*--bogus.*\n.*--minions is "many".*\n.*--pod-cidr is "foo"/,
});
test('kubeconfig, with a user name that cannot be', refuses, {
	args: ['kubeconfig', 'demo', '--user', 'system:admin'],
	sentence: /^kstack: --user is "system:admin".*\n {2}See 'kstack kubeconfig --help'\.\n$/,
});
test('an addon that is no folder, without a cloud', refuses, {
	args: ['addon', 'enable', './none', 'demo'],
	cloud: { ...noCloud.cloud },
	sentence: /^kstack: Cannot read the addon \.\/none/,
});
test('a value of an addon without a name, without a cloud', refuses, {
	args: ['addon', 'enable', 'default-limits', 'demo', '--set', 'foo'],
	cloud: { ...noCloud.cloud },
	sentence: /^kstack: --set foo: .*KEY=VALUE.*\n {2}See 'kstack addon enable --help'\.\n$/,
});

/** The help with each flag in one line. */
const unwrapped = (help: string) => help.replace(/\n {20,}/g, ' ');

for (const flag of ['--help', '-h'])
	test(`kstack addon ${flag} lists the commands for addons, and no others`, async (t) => {
		const { code, stdout, stderr } = await runSource('src/kstack.ts', ['addon', flag]);
		t.is(code, 0, stderr);
		t.regex(stdout, /^ {2}kstack addon COMMAND/m);
		for (const command of ['list', 'enable', 'disable']) t.regex(stdout, new RegExp(`^ {2}${command} `, 'm'));
		t.notRegex(stdout, /^ {2}(create|addon list) /m);
	});

for (const command of ['plan', 'update', 'create'])
	test(`kstack ${command} --help shows defaults for new clusters only`, async (t) => {
		const { stdout } = await runSource('src/kstack.ts', [command, '--help']);
		const line =
			unwrapped(stdout)
				.split('\n')
				.find((one) => one.includes('--minions N')) ?? '';
		t.is(/default/.test(line), command === 'create', line);
	});

test('the help shows the range of a number with its default, unless its sentence names the numbers', async (t) => {
	const helpOf = async (command: string) =>
		unwrapped((await runSource('src/kstack.ts', [...command.split(' '), '--help'])).stdout);
	for (const command of ['create', 'render']) {
		const help = await helpOf(command);
		t.regex(help, /--boot-timeout SECONDS .*\(60 to 43200; default: 1200\)$/m);
		t.regex(help, /--minions N .*\(\d+ to \d+; default: \d+\)$/m);
		t.regex(help, /--masters N .*: 1, 3, 5 or 7 \(default: 1\)$/m);
	}
	t.regex(await helpOf('update'), /--gateway-last-port PORT .*\(1 to 10247\)$/m);
	t.regex(
		await helpOf('scale'),
		/--drain-timeout SECONDS .*\(0 to 43200; default: the cluster's drainTimeout\)$/m,
	);
	t.regex(await helpOf('addon enable'), /--timeout SECONDS .*\(1 to 99999; default: 300\)$/m);
});

test('a folder where the file system creates none is an error, and no endless wait', async (t) => {
	let pid: number | undefined;
	const end = setTimeout(() => pid !== undefined && process.kill(pid, 'SIGKILL'), 60_000);
	const ended = await runSource(
		'src/kimg.ts',
		['render', 'debian12-x64-kubernetes', '--out', '/proc/kstack/x'],
		{
			onStart: (id) => {
				pid = id;
			},
		},
	);
	clearTimeout(end);
	t.is(ended.code, 1, ended.stderr);
	t.regex(ended.stderr, /^kimg: .*\/proc\/kstack/m);
});
