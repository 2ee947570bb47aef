// A node assembles itself in a folder, with its real scripts and the real openssl, and fake programs for what needs
// a real machine.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';
import { render } from '../../src/base/template.ts';
import { renderUserData } from '../../src/cluster/heat/user-data.ts';
import { packagedRoles, type Role, type Roles } from '../../src/cluster/spec/roles.ts';
import { kubeletSettings } from '../../src/image/spec/kubelet-settings.ts';
import { clusterOf, nodeFiles } from './clusters.ts';
import { temporaryFolder } from './folders.ts';
import { filledIn, imageFiles, writeNode } from './node.ts';
import { output, runToEnd, systemPath, tool } from './processes.ts';

/** Fake programs. Each appends its arguments to the file `asked`. */
const fakePrograms: Readonly<Record<string, string>> = {
	systemctl: '',
	journalctl: 'echo "log of ${!#}"',
	// The clock is set by NTP.
	chronyc: '',
	ps: 'echo 5',
	// The kernel has the values that it is told to set.
	sysctl: 'case $1 in --values) sed -n "s/^$2 = //p" "$root/etc/sysctl.d/91-kstack-kubelet.conf" ;; esac',
	sleep: '',
	ip: 'echo "2: ens3    inet 10.0.0.11/24 brd 10.0.0.255 scope global ens3"',
	// The API answers, but /healthz only if the file exists: it tells whether there was an API before.
	curl: 'case "$*" in *:6443/healthz*) [ -e "$root/api-answers" ] || exit 7 ;; esac',
	kubectl:
		'case "$*" in *"get secret kstack-join-seeds"*) ! grep -qs kstack-join-seeds "$root/applied" || echo secret/kstack-join-seeds ;; *"create -f -" | *"apply "*"-f -") tee -a "$root/applied" >/dev/null ;; *"get node"*NetworkUnavailable*) echo False ;; *"get node"*) echo True ;; esac',
	'kstack-signal':
		'{ echo "== $*"; cat; echo; } >>"$root/signals"; [ $# -lt 4 ] || touch "$root/etc/kstack/signals/$3.$4.sent"',
};

const flagsOfImage = 'KUBELET_VERSION_ARGS="--container-runtime=remote"\nCGROUP_DRIVER=systemd\n';
const kubeletOfImage = render(
	path.join(packageRoot, 'elements/kubernetes-services/static/usr/share/kstack/kubelet.yaml.ejs'),
	{ kubernetes: { version: '1.35.4' }, kubeletSettings: kubeletSettings(35) },
);
const dns =
	'apiVersion: v1\nkind: Service\nspec: {clusterIP: @@CLUSTER_DNS@@}\ndomain: @@CLUSTER_DOMAIN@@\nreplicas: "@@replicas@@"\n';
const dnsDefinition = '{"name": "dns", "values": {"replicas": {"type": "integer", "default": 2}}}';

/** A node of the role in a folder of its own, not assembled yet. */
export async function node(
	role: Role,
	flags: Record<string, string> = {},
	tokens: Record<string, string> = {},
	roles: Roles = packagedRoles,
) {
	const root = await temporaryFolder();
	const userData = filledIn(role, renderUserData(role, { ...clusterOf(flags), roles }), tokens);
	await writeNode(root, [
		...(await imageFiles()),
		...nodeFiles(userData),
		{ path: 'usr/share/kstack/flags.env', mode: 0o644, text: flagsOfImage },
		{ path: 'usr/share/kstack/kubelet.yaml', mode: 0o644, text: kubeletOfImage },
		{ path: 'usr/share/kstack/addons/dns.yaml', mode: 0o644, text: dns },
		{ path: 'usr/share/kstack/addons/dns.json', mode: 0o644, text: dnsDefinition },
		{ path: 'var/lib/kubelet/pki/kubelet-server-current.pem', mode: 0o600, text: '' },
	]);
	const bin = path.join(root, 'bin');
	await mkdir(bin);
	for (const folder of ['etc/keepalived', 'etc/cni', 'var/log'])
		await mkdir(path.join(root, folder), { recursive: true });
	const fakeProgram = async (name: string, body: string) => {
		const text = `#!/bin/bash\nroot=${root}\necho "${name} $*" >>"$root/asked"\n${body}\n`;
		await writeFile(path.join(bin, name), text);
		await chmod(path.join(bin, name), 0o755);
	};
	for (const [name, body] of Object.entries(fakePrograms)) await fakeProgram(name, body);
	const file = (name: string) => readFile(path.join(root, name), 'utf8');
	return {
		root,
		file,
		/** Replaces a fake program, for this node. */
		fakeProgram,
		/** Runs a program or step of the node. */
		run: (program: string, env: Readonly<Record<string, string>> = {}, ...args: string[]) =>
			runToEnd('bash', [path.join(root, program), ...args], {
				env: { PATH: `${bin}:${root}/usr/local/sbin:${systemPath}`, ...env },
			}),
		asked: async (name: string) =>
			(await file('asked'))
				.split('\n')
				.filter((line) => line.startsWith(`${name} `))
				.map((line) => line.slice(name.length + 1)),
	};
}

/** Creates an empty file of a node, with its folders. */
export async function put(root: string, name: string) {
	await mkdir(path.dirname(path.join(root, name)), { recursive: true });
	await writeFile(path.join(root, name), '');
}

export const assemble = 'usr/local/sbin/kstack-assemble';
export const step = (name: string) => `usr/share/kstack/assemble/steps/${name}`;
/** The list of a role's steps. */
export const stepsOf = (role: Role) => `usr/share/kstack/assemble/roles/${role}`;
export const openssl = (...args: string[]) => output(tool('openssl', 'openssl'), args);

/** A certificate request of an operator, as in the stack parameter. */
export async function operator(subject = '/O=kstack:operators/CN=kstack-operator') {
	const folder = await temporaryFolder();
	const key = path.join(folder, 'key');
	await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
	const request = await openssl('req', '-new', '-key', key, '-subj', subject);
	return Buffer.from(request).toString('base64');
}

export const started = (calls: readonly string[]) =>
	calls.filter((call) => /^(--\S+ )*start /.test(call)).map((call) => call.split(' ').at(-1));
