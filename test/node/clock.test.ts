// kstack-clock: which NTP servers a node uses, and how long it waits for them before it makes keys.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { node, put, step } from '../support/assembling.ts';

const clock = 'usr/local/sbin/kstack-clock';
const conf = 'etc/chrony/chrony.conf';
/** The configuration of Debian 12, without comments. */
const debian = `confdir /etc/chrony/conf.d
pool 2.debian.pool.ntp.org iburst
sourcedir /run/chrony-dhcp
makestep 1 3
`;

/** What chronyc prints of a server, by the register of its answers. */
const sources = (reach: number) => `MS Name/IP address         Stratum Poll Reach LastRx Last sample
===============================================================================
^? 192.0.2.7                     2   6   ${reach}    23   +15us[  +20us] +/-   12ms
`;

interface Situation {
	readonly servers?: string;
	/** The register of answers; 0 for none. */
	readonly reach?: number;
	/** Seconds after which the clock is set; never without it. */
	readonly setAfter?: number;
	/** The date of the image's packages. */
	readonly released?: string;
	readonly runs?: boolean;
}

/** A minion with chrony, which has run for five seconds. */
async function minion({
	servers = '',
	reach = 0,
	setAfter,
	released = '2026-01-01T00:00:00Z',
	runs = true,
}: Situation) {
	const made = await node('minion', { ntpServer: servers });
	const write = async (name: string, text: string) => {
		await mkdir(path.dirname(path.join(made.root, name)), { recursive: true });
		await writeFile(path.join(made.root, name), text);
	};
	await write(conf, debian);
	await write('usr/share/kstack/image.lock.json', JSON.stringify({ debian: { date: released } }));
	await write('sources', sources(reach));
	await write('asked', '');
	const slept = '$(grep -c "^sleep" "$root/asked")';
	const isSet = setAfter === undefined ? 'false' : `[ ${slept} -ge ${setAfter} ]`;
	await made.fakeProgram(
		'chronyc',
		`case "$*" in waitsync*) ${isSet} ;; *sources) cat "$root/sources" ;; esac`,
	);
	await made.fakeProgram('systemctl', `[ $2 != is-active ] || ${runs}`);
	return { ...made, waited: async () => (await made.asked('sleep')).length };
}

test('a node goes on as soon as NTP has set its clock', async (t) => {
	const { run, waited, asked } = await minion({ reach: 1, setAfter: 3 });
	const { code, stdout, stderr } = await run(clock);
	t.is(code, 0, stdout + stderr);
	t.is(await waited(), 3);
	t.regex(stdout, /is set by NTP/);
	t.false((await asked('systemctl')).some((call) => call.startsWith('restart')));
});

test('where no NTP server answers, a node goes on ten seconds after the start of chrony', async (t) => {
	const { run, waited } = await minion({ reach: 0 });
	const { code, stdout } = await run(clock);
	t.is(code, 0, stdout);
	t.is(await waited(), 5);
	t.regex(stdout, /no NTP server has set the clock/);
	t.regex(stdout, /192\.0\.2\.7/, 'the log has the servers');
});

test('where an NTP server answers, a node waits a minute at most', async (t) => {
	const { run, waited } = await minion({ reach: 17 });
	const { code, stdout } = await run(clock);
	t.is(code, 0, stdout);
	t.is(await waited(), 55);
	t.regex(stdout, /going on/);
});

test('with a clock before the release of its packages, a node waits a minute, and then fails with the reason', async (t) => {
	const { run, waited } = await minion({ released: '2126-01-01T00:00:00Z' });
	const { code, stdout } = await run(step('10-host'));
	t.is(code, 1, stdout);
	t.is(await waited(), 55);
	t.regex(stdout.trim().split('\n').at(-1) ?? '', /clock .* is wrong: .*2126-01-01.*ntpServers/);
});

test('a container, where chrony does not run, does not wait', async (t) => {
	const { run, waited } = await minion({ runs: false });
	const { code, stdout } = await run(clock);
	t.is(code, 0, stdout);
	t.is(await waited(), 0);
	const wrong = await minion({ runs: false, released: '2126-01-01T00:00:00Z' });
	t.is((await wrong.run(clock)).code, 1);
	t.is(await wrong.waited(), 0);
});

test("the cluster's NTP servers replace those of the image; chrony is restarted once", async (t) => {
	const { run, file, asked } = await minion({ servers: '192.0.2.7,ntp.example.com', setAfter: 0 });
	t.is((await run(clock)).code, 0);
	const text = await file(conf);
	t.is(
		text,
		'confdir /etc/chrony/conf.d\nsourcedir /run/chrony-dhcp\nmakestep 1 3\nserver 192.0.2.7 iburst\nserver ntp.example.com iburst\n',
	);
	t.is((await run(clock)).code, 0);
	t.is(await file(conf), text);
	t.is((await asked('systemctl')).filter((call) => call === 'restart chrony').length, 1);
});

test('on a node that is assembled, NTP servers that an operator has changed stay', async (t) => {
	const { run, root, file } = await minion({ servers: '192.0.2.7', setAfter: 0 });
	await put(root, 'var/lib/kstack/assembled');
	t.is((await run(clock)).code, 0);
	t.is(await file(conf), debian);
});

test('without NTP servers of the cluster, the configuration of the image stays', async (t) => {
	const { run, file } = await minion({ setAfter: 0 });
	t.is((await run(clock)).code, 0);
	t.is(await file(conf), debian);
});

test('the step 10-host waits for the clock after it has started everything', async (t) => {
	const { run, file } = await minion({ reach: 1, setAfter: 1 });
	t.is((await run(step('10-host'))).code, 0);
	const calls = (await file('asked')).split('\n');
	t.true(calls.findIndex((call) => / kstack-images$/.test(call)) < calls.indexOf('sleep 1'));
});
