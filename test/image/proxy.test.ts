// An archive that nothing but a proxy knows the way to.
import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/folders.ts';
import { archive, machine } from '../support/kimg.ts';

/** A proxy that has `http://archive.invalid`, and what it was asked for and by whom. */
async function onlyWay(t: ExecutionContext) {
	const root = await archive();
	const asked: string[] = [];
	const server = createServer(({ method, url, headers }, response) => {
		const { host, pathname } = new URL(url as string);
		asked.push(`${headers['user-agent']} ${method} ${host}${pathname}`);
		const file = path.join(root, pathname);
		if (host !== 'archive.invalid' || !existsSync(file)) return void response.writeHead(404).end();
		if (method === 'HEAD') return void response.end();
		createReadStream(file).pipe(response);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const unset = { http_proxy: undefined, HTTP_PROXY: undefined, no_proxy: undefined, NO_PROXY: undefined };
	const { kimg } = await machine(root);
	return {
		address,
		asked,
		kimg: (args: readonly string[], env: NodeJS.ProcessEnv) =>
			kimg(args, { env: { ...unset, KSTACK_DEBIAN_ARCHIVE: 'http://archive.invalid', ...env } }),
	};
}

test('proxy variables in upper case apply to apt, which reads them in lower case only', async (t) => {
	const { address, asked, kimg } = await onlyWay(t);
	const folder = await temporaryFolder();
	const ended = await kimg(['lock', '--out', path.join(folder, 'x.lock.json')], {
		KSTACK_CACHE: folder,
		HTTP_PROXY: address,
	});
	t.is(ended.code, 0, ended.stderr);
	t.true(asked.some((line) => /APT.* GET archive\.invalid\/debian\/dists\/jessie\/Release$/.test(line)));
});

test("without proxy variables, apt's own proxy is used for Debian's mirrors only", async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: images are built by root alone');
		return t.pass();
	}
	const { address, asked, kimg } = await onlyWay(t);
	const folder = await temporaryFolder();
	await writeFile(path.join(folder, 'apt.conf'), `Acquire::http::Proxy "${address}";\n`);
	const ended = await kimg(
		['build', '--mirror', 'http://upstream.invalid', '--out', path.join(folder, 'x.qcow2')],
		{ KSTACK_CACHE: folder, APT_CONFIG: path.join(folder, 'apt.conf') },
	);
	t.is(ended.code, 1, ended.stderr);
	t.regex(ended.stderr, /cannot be fetched from http:\/\/upstream\.invalid\/.*resolve host/);
	t.regex(asked[0] ?? '', /^curl.* HEAD archive\.invalid\/debian\/dists\/jessie\/Release$/);
	t.true(asked.some((line) => /APT.* GET archive\.invalid\//.test(line)));
	t.false(asked.some((line) => line.includes('upstream.invalid')));
});
