// The programs of the image: shellcheck, and kstack-signal.

import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { packageRoot } from '../../src/base/package.ts';
import { readTree } from '../../src/base/tree.ts';
import { programsOfImage } from '../support/node.ts';
import { output, runToEnd, systemPath, tool } from '../support/processes.ts';

const element = path.join(packageRoot, 'elements/kubernetes-services/static');
const sbin = path.join(element, 'usr/local/sbin');
const program = (name: string) => readFile(path.join(sbin, name), 'utf8');

test('every program, step and functions file in bash passes bash -n and shellcheck', async (t) => {
	const share = path.join(element, 'usr/share/kstack');
	const programs = [path.join(share, 'assemble/functions')];
	for (const folder of [sbin, path.join(share, 'assemble/steps'), path.join(share, 'functions')])
		for (const { path: name, text } of await readTree(folder))
			if (!/^#!.*python/.test(text)) programs.push(path.join(folder, name));
	t.true(programs.length > 5);
	for (const file of programs) await output('bash', ['-n', file]);
	const checked = await runToEnd(tool('shellcheck', 'shellcheck'), ['-S', 'style', ...programs]);
	t.is(checked.stdout, '');
});

/** A function of a program, by itself. */
async function functionOf(name: string, of: string): Promise<string> {
	const found = new RegExp(`^${name}\\(\\) \\{$[\\s\\S]*?^\\}$`, 'm').exec(await program(of));
	if (found === null) throw new Error(`${of} has no function ${name}`);
	return found[0];
}

const fromLog = fc.string({
	unit: fc.constantFrom(...'ab "\\/\'`$\t\r\n\u0001\u001b\u0000\u007f%{}€😀\u2028'),
});

test('a signal is valid JSON for any log, with all of its printable text', async (t) => {
	const texts = [
		'',
		'\n',
		'a\n\nb\n',
		'\\',
		'"',
		'\\"',
		'é€😀',
		'\u001b[31mred\u001b[0m',
		...fc.sample(fromLog, 60),
	];
	const script = `set -euo pipefail
${await functionOf('json_text', 'kstack-signal')}
while read -r text; do base64 -d <<<"$text" | json_text; printf '\\0'; done`;
	const input = texts.map((text) => `${Buffer.from(text).toString('base64')}\n`).join('');
	const printed = (await output('bash', ['-c', script], { input })).split('\0').slice(0, -1);
	const expected = texts.map((text) =>
		text
			// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys
			.replace(/[\0-\b\v-\x1f]/g, '')
			.replaceAll('\t', ' ')
			.replace(/\n$/, ''),
	);
	t.deepEqual(
		printed.map((text) => JSON.parse(`"${text}"`)),
		expected,
	);
});

interface Signal {
	readonly url: string | undefined;
	readonly headers: IncomingHttpHeaders;
	readonly body: string;
}

/** A node with two handles, a server that receives their signals, and kstack-signal. */
async function signalling(refusals = 0) {
	const root = await programsOfImage();
	const received: Signal[] = [];
	let refused = 0;
	const server = createServer((request, response) => {
		let body = '';
		request.on('data', (chunk) => {
			body += chunk;
		});
		request.on('end', () => {
			received.push({ url: request.url, headers: request.headers, body });
			response.statusCode = refused++ < refusals ? 503 : 204;
			response.end();
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const signals = path.join(root, 'etc/kstack/signals');
	await mkdir(signals, { recursive: true });
	for (const handle of ['ready', 'certificates'])
		await writeFile(
			path.join(signals, handle),
			`http://127.0.0.1:${port}/v1/${handle}?Signature=a%2Bb&x=y\ntoken-of-${handle}\n`,
		);
	// This curl records its arguments, which any user of a node can read.
	const bin = path.join(root, 'bin');
	await mkdir(bin);
	const spy = `#!/bin/bash\ntr '\\0' '\\n' </proc/$$/cmdline >>${root}/argv\nexec ${tool('curl', 'curl')} "$@"\n`;
	await writeFile(path.join(bin, 'curl'), spy);
	await writeFile(path.join(bin, 'sleep'), '#!/bin/bash\n');
	for (const name of await readdir(bin)) await chmod(path.join(bin, name), 0o755);
	return {
		root,
		received,
		signal: (args: readonly string[], input: string | Buffer) =>
			runToEnd(path.join(root, 'usr/local/sbin/kstack-signal'), args, {
				env: { PATH: `${bin}:${systemPath}` },
				input,
			}),
		sent: async () => (await readdir(signals)).filter((name) => name.endsWith('.sent')).sort(),
		close: () => server.close(),
	};
}

test('kstack-signal posts status, reason and data, with its token in a header only', async (t) => {
	const { root, received, signal, sent, close } = await signalling();
	t.teardown(close);
	const ended = await signal(['SUCCESS', 'it is "ready"', 'ready'], 'line 1\n\tline "2" \\\n');
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	t.is(received.length, 1);
	t.is(received[0]?.headers['content-type'], 'application/json');
	t.is(received[0]?.headers['x-auth-token'], 'token-of-ready');
	t.true(received[0]?.url?.startsWith('/v1/ready?Signature=a%2Bb'));
	t.deepEqual(JSON.parse(received[0]?.body ?? ''), {
		status: 'SUCCESS',
		id: 'node',
		reason: 'it is "ready"',
		data: 'line 1\n line "2" \\',
	});
	t.deepEqual(await sent(), ['ready.node.sent']);
	const argv = await readFile(path.join(root, 'argv'), 'utf8');
	t.regex(argv, /--config\n-\n/);
	t.notRegex(argv, /token-of|Signature/);
});

test('a failure is signalled even if the log has bytes that are not text', async (t) => {
	const { received, signal, close } = await signalling();
	t.teardown(close);
	const bytes = Buffer.concat([
		Buffer.from('etcd: \x00'),
		Buffer.from([0xff, 0xfe, 0xe2, 0x82]),
		Buffer.from(' end\n'),
	]);
	const ended = await signal(['FAILURE', 'step 30-etcd failed', 'ready'], bytes);
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	t.deepEqual((JSON.parse(received[0]?.body ?? '') as { data: string }).data, 'etcd:  end');
});

test('a failure is signalled to every handle that has no signal yet, and to no other', async (t) => {
	const { received, signal, sent, close } = await signalling();
	t.teardown(close);
	await signal(['SUCCESS', 'signed', 'certificates', 'ca'], 'Q0E=');
	await signal(['FAILURE', 'step 50-cluster failed', 'all'], 'why\n');
	const signals = received.map(({ url, body }) => [
		url?.split('?')[0],
		(JSON.parse(body) as { status: string }).status,
	]);
	t.deepEqual(signals, [
		['/v1/certificates', 'SUCCESS'],
		['/v1/ready', 'FAILURE'],
	]);
	t.deepEqual(await sent(), ['certificates.ca.sent', 'ready.node.sent']);
});

test('a signal that Heat refuses is sent again', async (t) => {
	const { received, signal, sent, close } = await signalling(2);
	t.teardown(close);
	const ended = await signal(['SUCCESS', 'assembled', 'ready'], '');
	t.is(ended.code, 0);
	t.is(received.length, 3);
	t.regex(ended.stdout, /signal ready failed \(attempt 2 /);
	t.deepEqual(await sent(), ['ready.node.sent']);
});

test('a signal that Heat always refuses is a failure, and is not marked as sent', async (t) => {
	const { signal, sent, close } = await signalling(100);
	t.teardown(close);
	t.is((await signal(['SUCCESS', 'assembled', 'ready'], '')).code, 1);
	t.deepEqual(await sent(), []);
});
