// kstack-nodes: which serving certificates it approves.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { programsOfImage } from '../support/node.ts';
import { output, runToEnd, systemPath, tool } from '../support/processes.ts';

const program = programsOfImage().then((root) => path.join(root, 'usr/local/sbin/kstack-nodes'));

/** The subject and the names of a request, and whether demo-minion-1 at 10.0.0.12 may have them. */
const requests: readonly (readonly [string, string, string, boolean])[] = [
	['its own name', '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:demo-minion-1', true],
	[
		'its own name and address',
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'DNS:demo-minion-1,IP:10.0.0.12',
		true,
	],
	['its own address alone', '/O=system:nodes/CN=system:node:demo-minion-1', 'IP:10.0.0.12', true],
	[
		'so many names that the header is longer',
		'/O=system:nodes/CN=system:node:demo-minion-1',
		Array.from({ length: 12 }, () => 'DNS:demo-minion-1').join(','),
		true,
	],
	["another node's name", '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:demo-minion-2', false],
	[
		'a name that begins with its own',
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'DNS:demo-minion-10',
		false,
	],
	['a part of its own name', '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:demo-minion', false],
	[
		"the API's name",
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'DNS:demo-minion-1,DNS:kubernetes',
		false,
	],
	[
		"another node's address",
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'IP:10.0.0.12,IP:10.0.0.13',
		false,
	],
	["the API's address", '/O=system:nodes/CN=system:node:demo-minion-1', 'IP:10.0.0.12,IP:10.0.0.5', false],
	['an address that looks alike', '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:10x0x0x12', false],
	['every name', '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:*', false],
	['an option of grep', '/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:-edemo-minion-1', false],
	['an e-mail address', '/O=system:nodes/CN=system:node:demo-minion-1', 'email:a@demo-minion-1', false],
	['a URI', '/O=system:nodes/CN=system:node:demo-minion-1', 'URI:demo-minion-1', false],
	["another node's identity", '/O=system:nodes/CN=system:node:demo-minion-2', 'DNS:demo-minion-1', false],
	['another group', '/O=system:masters/CN=system:node:demo-minion-1', 'DNS:demo-minion-1', false],
	['two groups', '/O=system:masters/O=system:nodes/CN=system:node:demo-minion-1', 'DNS:demo-minion-1', false],
	['no group', '/CN=system:node:demo-minion-1', 'DNS:demo-minion-1', false],
	// A kubelet does not write these, but another program could: a line break inside a name.
	[
		'a second name after a line break in the first',
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'DNS:demo-minion-1\n,DNS:kubernetes',
		false,
	],
	[
		'a name that is printed as two, and a hidden third',
		'/O=system:nodes/CN=system:node:demo-minion-1',
		'DNS:demo-minion-1; DNS:demo-minion-1\n,DNS:kubernetes',
		false,
	],
];

/** The names as an extension in DER for OpenSSL's configuration, which allows any byte in a name. */
function der(names: string): string {
	const parts = names.split(',').map((name) => {
		const [, kind, text] = /^(DNS|IP|email|URI):([\s\S]*)$/.exec(name) as unknown as [string, string, string];
		const tag = { DNS: 0x82, IP: 0x87, email: 0x81, URI: 0x86 }[kind] as number;
		const value =
			kind === 'IP' ? Buffer.from(text.split('.').map(Number)) : Buffer.from(text.replace(';', ','));
		return Buffer.concat([Buffer.from([tag, value.length]), value]);
	});
	const all = Buffer.concat(parts);
	const header = all.length < 128 ? [0x30, all.length] : [0x30, 0x81, all.length];
	return Buffer.concat([Buffer.from(header), all]).toString('hex');
}

test('kstack-nodes approves a request for the names of the node only', async (t) => {
	const folder = await temporaryFolder();
	const openssl = tool('openssl', 'openssl');
	await output(openssl, [
		'ecparam',
		'-name',
		'prime256v1',
		'-genkey',
		'-noout',
		'-out',
		path.join(folder, 'key'),
	]);
	for (const [index, [, subject, names]] of requests.entries()) {
		const configuration = `[req]\ndistinguished_name=name\nreq_extensions=ext\n[name]\n[ext]\n2.5.29.17=DER:${der(names)}\n`;
		await writeFile(path.join(folder, `${index}.cnf`), configuration);
		await output(openssl, [
			...['req', '-new', '-key', path.join(folder, 'key'), '-subj', subject],
			...['-config', path.join(folder, `${index}.cnf`), '-out', path.join(folder, `${index}.csr`)],
		]);
	}
	const script = `. ${await program}
addresses() { printf '%s\\n' 10.0.0.12 10.0.0.13 10.0.0.5 demo-minion-1 kubernetes; }
kube() { printf '%s\\n' 'demo-minion-1 10.0.0.12' 'demo-minion-2 10.0.0.13'; }
API_ADDRESS=10.0.0.5
for number in $(seq 0 ${requests.length - 1}); do
	if requests_own_names demo-minion-1 "$(cat "$1/$number.csr")"; then echo yes; else echo no; fi
done`;
	const answers = (await output('bash', ['-c', script, '-', folder])).trimEnd().split('\n');
	t.deepEqual(
		requests.map(([what], index) => `${what}: ${answers[index]}`),
		requests.map(([what, , , allowed]) => `${what}: ${allowed ? 'yes' : 'no'}`),
	);
});

test('kstack-nodes approves a pending request and labels its node, and ignores other requests', async (t) => {
	const folder = await temporaryFolder();
	const openssl = tool('openssl', 'openssl');
	const key = path.join(folder, 'key');
	await output(openssl, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key]);
	const request = await output(openssl, [
		...['req', '-new', '-key', key, '-subj', '/O=system:nodes/CN=system:node:demo-minion-1'],
		...['-addext', 'subjectAltName=DNS:demo-minion-1,IP:10.0.0.12'],
	]);
	const encoded = Buffer.from(request).toString('base64');
	const serving = 'kubernetes.io/kubelet-serving system:node:demo-minion-1';
	const lines = [
		`csr-client kubernetes.io/kube-apiserver-client-kubelet system:bootstrap:abcdef ${encoded} `,
		`csr-done ${serving} ${encoded} Approved`,
		`csr-new ${serving} ${encoded} `,
		`csr-liar kubernetes.io/kubelet-serving system:node:demo-minion-2 ${encoded} `,
	];
	await writeFile(path.join(folder, 'watch'), `${lines.join('\n')}\n`);
	const kubectl = `#!/bin/bash
shift # --kubeconfig
case "$*" in
    'get certificatesigningrequests --watch '*) cat ${folder}/watch ;;
    *' configmap kstack-pools '*) ;;
    'get nodes '*) echo 'demo-minion-1 10.0.0.12' ;;
    'get node '*.status.addresses*) printf '%s\\n' 10.0.0.12 demo-minion-1 ;;
    'get node '*kstack*role*) echo minion ;;
    *) echo "$*" >>${folder}/asked ;;
esac
`;
	await writeFile(path.join(folder, 'kubectl'), kubectl, { mode: 0o755 });
	await writeFile(path.join(folder, 'sleep'), '#!/bin/bash\n[ "$1" != 10 ] || exec /bin/sleep 1\n', {
		mode: 0o755,
	});
	const ended = await runToEnd('bash', [await program], {
		env: { PATH: `${folder}:${systemPath}` },
	});
	t.is(ended.code, 0, ended.stderr);
	t.is(
		await readFile(path.join(folder, 'asked'), 'utf8'),
		'label --overwrite node demo-minion-1 node-role.kubernetes.io/minion=\ncertificate approve csr-new\n',
	);
	t.regex(ended.stdout, /^certificate request csr-liar not approved: node demo-minion-2 /m);
});

for (const [what, state, code] of [
	['another master has approved', 'csr-new Approved', 0],
	['was deleted', '', 0],
	['the API did not accept', 'csr-new ', 1],
] as const) {
	test(`kstack-nodes ${code === 0 ? 'continues' : 'fails'} if the approval fails for a request that ${what}`, async (t) => {
		const script = `. ${await program}
kube() { case "$*" in 'certificate approve csr-new') return 1 ;; *) printf '%s' "$answer" ;; esac; }
approve csr-new`;
		t.is((await runToEnd('bash', ['-c', script], { env: { answer: state } })).code, code);
	});
}
