import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { temporaryFolder } from '../support/folders.ts';
import { runToEnd, tool } from '../support/processes.ts';

const element = path.join(packageRoot, 'elements/kubernetes-services');
const folder = path.join(element, 'static/etc/systemd/system');

/** Other units that ours require or change; systemd's targets come from this machine. */
const others = {
	'containerd.service': '[Service]\nExecStart=/usr/bin/containerd\n',
	'haproxy.service': '[Service]\nExecStart=/usr/sbin/haproxy\n',
};

/** Verifies our units with systemd-analyze, in a root in which every program that they run exists. */
async function verify(change: (text: string) => string = (text) => text) {
	const root = await temporaryFolder();
	const units = path.join(root, 'etc/systemd/system');
	const system = path.join(root, 'usr/lib/systemd/system');
	await mkdir(units, { recursive: true });
	await mkdir(system, { recursive: true });
	for (const name of await readdir('/usr/lib/systemd/system')) {
		if (name.endsWith('.target'))
			await writeFile(path.join(system, name), await readFile(path.join('/usr/lib/systemd/system', name)));
	}
	const ours = (await readTree(folder)).map((file) => ({ name: file.path, text: change(file.text) }));
	const theirs = Object.entries(others).map(([name, text]) => ({ name, text }));
	for (const { name, text } of [...ours, ...theirs]) {
		await mkdir(path.dirname(path.join(units, name)), { recursive: true });
		await writeFile(path.join(units, name), text);
		for (const [, program] of text.matchAll(/^Exec\w+=(\/\S+)/gm)) {
			await mkdir(path.join(root, path.dirname(program as string)), { recursive: true });
			await writeFile(path.join(root, program as string), '#!/bin/sh\n', { mode: 0o755 });
		}
	}
	const names = [...ours.map(({ name }) => name), ...Object.keys(others)]
		.filter((name) => !name.includes('/'))
		.map((name) => `/etc/systemd/system/${name}`);
	return runToEnd(tool('systemd-analyze', 'systemd'), ['verify', '--man=no', `--root=${root}`, ...names]);
}

test('systemd accepts our units', async (t) => {
	const { code, stdout, stderr } = await verify();
	t.deepEqual([code, stdout, stderr], [0, '', '']);
});

test('systemd reports a unit with an unknown key or an unknown unit', async (t) => {
	t.regex((await verify((text) => text.replace('Restart=', 'Restrat='))).stderr, /Restrat/);
	t.regex((await verify((text) => text.replace('Requires=containerd', 'Requires=no'))).stderr, /no\.service/);
});

test('systemd never gives up restarting a service, in the spelling that systemd 215 knows too', async (t) => {
	const restarted: string[] = [];
	for (const { path: name, text } of await readTree(folder)) {
		if (!/\.service(\.d\/.*)?$/.test(name) || /^Type=oneshot$/m.test(text)) continue;
		// Since systemd 230 it is StartLimitIntervalSec in [Unit]; later ones accept the old spelling without a warning.
		t.regex(text, /^\[Service\]$[\s\S]*^Restart=always$[\s\S]*^StartLimitInterval=0$/m, name);
		restarted.push(name);
	}
	for (const name of ['etcd.service', 'kubelet.service', 'containerd.service.d/kstack.conf'])
		t.true(restarted.includes(name), name);
	t.regex(
		await readFile(path.join(element, 'static/usr/share/kstack/assemble/functions'), 'utf8'),
		/^Restart=always\nRestartSec=1\nStartLimitInterval=0\nEND$/m,
		'keepalived',
	);
	const wrong = await verify((text) => text.replace('StartLimitInterval=0', 'StartLimitInterval=no'));
	t.regex(wrong.stderr, /etcd.service.*Failed to parse sec value/, 'this systemd knows the key');
});

test('logs and core dumps cannot fill the disk', async (t) => {
	const file = (name: string) => readFile(path.join(element, 'static', name), 'utf8');
	t.regex(await file('etc/systemd/journald.conf.d/kstack.conf'), /^SystemMaxUse=256M$/m);
	t.regex(await file('etc/systemd/system/containerd.service.d/kstack.conf'), /^LimitCORE=0$/m);
	const server = await file('etc/systemd/system/kube-apiserver.service');
	t.regex(server, /--audit-log-maxage=30 --audit-log-maxbackup=10 --audit-log-maxsize=50/);
	const kubelet = await file('usr/share/kstack/kubelet.yaml.ejs');
	t.regex(kubelet, /^containerLogMaxSize: 10Mi\ncontainerLogMaxFiles: 5$/m);
	t.regex(kubelet, /^imageGCHighThresholdPercent: 85$/m);
});

test('at a shutdown, the kubelet ends before what ends the pods that it has left, and containerd last', async (t) => {
	const text = await readFile(path.join(folder, 'kstack-pods.service'), 'utf8');
	t.regex(text, /^After=containerd\.service\nBefore=kubelet\.service$/m);
	t.regex(text, /^ExecStop=\/usr\/local\/sbin\/kstack-pods-end$/m);
});

test('every program of ours that a unit runs is in the element, and is executable', async (t) => {
	const files = await readTree(path.join(element, 'static'));
	const programs = files.flatMap(({ text }) => [...text.matchAll(/^Exec\w+=(\/usr\/local\/sbin\/\S+)/gm)]);
	t.true(programs.length > 4);
	for (const [, program] of programs) {
		t.is(files.find((file) => `/${file.path}` === program)?.mode, 0o755, program);
	}
});

test('units are enabled only if they can be: each has an [Install] section or is started by another', async (t) => {
	const script = await readFile(path.join(element, 'post-install.d/70-kubernetes-services'), 'utf8');
	const enabled = [...script.matchAll(/[\w-]+\.(?:service|timer)/g)].map(([name]) => name);
	for (const name of enabled)
		t.regex(await readFile(path.join(folder, name), 'utf8'), /^\[Install\]$/m, name);
	t.true(enabled.includes('kstack-assemble.service'));
});

test('no unit has a secret in the arguments of a program', async (t) => {
	for (const file of await readTree(folder)) t.notRegex(file.text, /(token|password)=[^$\s]/i, file.path);
});
