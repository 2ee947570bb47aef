// What runs on a node of the profile debian8-x64-kubernetes uses only features of Debian 8.

import path from 'node:path';
import test from 'ava';
import type { Tree } from '../../src/base/tree.ts';
import { renderUserData } from '../../src/cluster/heat/user-data.ts';
import { roles } from '../../src/cluster/spec/roles.ts';
import { renderImage } from '../../src/image/operations/render.ts';
import { clusterOf, nodeFiles } from '../support/clusters.ts';
import { asText, type Finding, newerThanCloudInit076, newerThanDebian8 } from '../support/debian8/lint.ts';
import { type Language, tools } from '../support/debian8/newer.ts';
import { plans } from '../support/images.ts';

/** Findings that are no problem, with the reason. */
const allowed: readonly { readonly file: string; readonly text: RegExp; readonly reason: string }[] = [
	{
		file: 'containerd.service',
		text: /^Delegate$/,
		reason:
			'systemd 215 logs an unknown setting and ignores it; with cgroupfs nothing is delegated to containerd',
	},
	{
		file: 'kstack-leave',
		text: /\{block_rule\[@\]\}/,
		reason: 'the line before sets it',
	},
	{
		file: 'kstack-pki',
		text: /\{files\[@\]\}/,
		reason: 'a loop over a fixed list sets it',
	},
	{
		file: 'functions',
		text: /^(script_user|enable_script_security)$/,
		reason: 'keepalived 1.2.13 ignores unknown keywords, and runs every script as root',
	},
];

const isAllowed = (finding: Finding) =>
	allowed.find(({ file, text }) => path.basename(finding.file) === file && text.test(finding.text));

/** Hooks that run on the build host, not in the image. */
const onBuildHost = /^(build$|elements\/[^/]+\/(root|extra-data|cleanup|block-device)\.d\/)/;

/** Our files in a Debian 8 image, and those that run in it during the build. */
async function image(): Promise<Tree> {
	const plan = plans['debian8-x64-kubernetes'];
	if (plan === undefined) throw new Error('there is no such profile');
	return (await renderImage(plan)).filter((file) => !onBuildHost.test(file.path));
}

const networks = ['flannel', 'routed'] as const;
const userData = () =>
	roles.flatMap((role) =>
		networks.map((networkDriver) => ({
			name: `user-data of a ${role}`,
			text: renderUserData(role, clusterOf({ networkDriver, httpProxy: 'http://proxy:3128' })),
		})),
	);

async function findings(): Promise<Finding[]> {
	return [
		...newerThanDebian8(await image()),
		...userData().flatMap(({ name, text }) => [
			...newerThanDebian8(nodeFiles(text)),
			...newerThanCloudInit076(name, text),
		]),
	];
}

test('nothing on a Debian 8 node is newer than Debian 8, except for findings with a reason', async (t) => {
	t.deepEqual((await findings()).filter((finding) => !isAllowed(finding)).map(asText), []);
});

test('every exception is still in use', async (t) => {
	const used = new Set((await findings()).map(isAllowed));
	t.deepEqual(
		allowed.filter((exception) => !used.has(exception)),
		[],
	);
});

/** A file of each language with `text` as its last line, and the number of that line. */
const holding: Readonly<Record<Language, (text: string) => readonly [string, string]>> = {
	bash: (text) => ['usr/local/sbin/program', `#!/bin/bash\nset -u\n${text}\n`],
	jq: (text) => ['usr/share/program.jq', `# a program\n\n${text}\n`],
	awk: (text) => ['usr/local/sbin/program', `#!/bin/bash\nawk -v name="$1" '\n${text}' file\n`],
	unit: (text) => ['etc/systemd/system/etcd.service', `# a unit\n[${sectionOf(text)}]\n${text}\n`],
	haproxy: (text) => ['usr/share/haproxy.cfg', `defaults\n    mode tcp\n${text}\n`],
};
const sectionOf = (setting: string) => (setting.startsWith('On') ? 'Timer' : 'Service');

const fileOf = ([name, text]: readonly [string, string]): Tree => [{ path: name, mode: 0o644, text }];

for (const tool of tools) {
	test(`what is newer than ${tool.name} ${tool.has} is found in ${tool.language}, with its file and line`, (t) => {
		for (const { since, example } of tool.rules) {
			const file = fileOf(holding[tool.language](example));
			const found = newerThanDebian8(file).filter(({ why }) => why.startsWith(`${tool.name} ${since},`));
			t.deepEqual(found.map(({ file, line }) => [file, line]).slice(0, 1), [[file[0]?.path, 3]], example);
		}
	});
}

test('an array that may be empty is found, unless its length is checked first', (t) => {
	const found = (text: string) => newerThanDebian8(fileOf(holding.bash(text))).map(({ line }) => line);
	t.deepEqual(found('all=()\nrun "${all[@]}"'), [4]);
	t.deepEqual(found('mapfile -t all <list\nrun "${all[@]}"'), [4]);
	t.deepEqual(found('all=()\nrun ${all[@]+"${all[@]}"}'), []);
	t.deepEqual(found('all=()\n[ "${#all[@]}" = 0 ] || run "${all[@]}"'), []);
	t.deepEqual(found('all=(one two)\nrun "${all[@]}"'), []);
});

test('a setting that systemd 215 does not have is found, also if a script writes the unit', (t) => {
	const unit = '[Service]\nExecStart=/usr/bin/etcd\nTasksMax=10\n';
	const [file] = newerThanDebian8(fileOf(['etc/systemd/system/etcd.service', unit]));
	t.is(
		file && asText(file),
		'etc/systemd/system/etcd.service:3: TasksMax: systemd 215 does not know it in [Service]',
	);
	const script = `cat >"$unit" <<END\n[Unit]\nStartLimitIntervalSec=0\nEND\nprintf '[Timer]\\nRandomizedDelaySec=%s' 1`;
	t.deepEqual(
		newerThanDebian8(fileOf(holding.bash(script))).map(({ line, text }) => [line, text]),
		[[5, 'StartLimitIntervalSec']],
	);
});

test('a keyword that keepalived 1.2.13 does not have is found if a script writes its configuration', (t) => {
	const script =
		'cat >keepalived.conf <<END\nvrrp_instance shared {\n    track_process etcd\n    priority 9\n}\nEND';
	t.deepEqual(
		newerThanDebian8(fileOf(holding.bash(script))).map(({ line, text }) => [line, text]),
		[[5, 'track_process']],
	);
});

test('keys that cloud-init 0.7.6 does not have are found, and another first line', (t) => {
	const found = (text: string) =>
		newerThanCloudInit076('user-data', text).map(({ line, text }) => [line, text]);
	t.deepEqual(found('#cloud-config\nhostname: a\nca_certs: {}\n'), [[3, 'ca_certs']]);
	t.deepEqual(found('#cloud-config\nwrite_files:\n  - path: /a\n    defer: true\n'), [[4, 'defer']]);
	t.deepEqual(found('## template: jinja\n#cloud-config\n'), [[1, '## template: jinja']]);
});

test('features of Debian 8 are not found', (t) => {
	const lines = [
		'iptables -w -t nat -C POSTROUTING -j MASQUERADE',
		'ss -tn state established state close-wait src "$address"',
		'systemctl --quiet enable kubelet # and not --now',
		'# curl --fail-with-body would say more',
		'jq -r --arg name "$1" \'.data[$name] // ""\' file',
		'local -r name=$1',
		'curl --json-is-no-option http://a/ | jq .',
		'base64 -w0 file | cut -d : -f 1',
		"awk '/^[0-9]+$/ { print $1 }' file",
		'mapfile -t files < <(find . -name "*.d")',
	];
	for (const line of lines) t.deepEqual(newerThanDebian8(fileOf(holding.bash(line))).map(asText), [], line);
});
