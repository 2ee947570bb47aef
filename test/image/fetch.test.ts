import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { UserError } from '../../src/base/errors.ts';
import { fetchAll, fetchComponent, readSupply } from '../../src/image/fetch/fetch.ts';
import type { Component } from '../../src/image/spec/components.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output } from '../support/processes.ts';

const content = randomBytes(1_000_000);
const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Whether a file is the one that is pinned. AVA takes seconds to compare a megabyte. */
const isWhole = async (file: string) => (await readFile(file)).equals(content);

const pinned = (more: Partial<Component> = {}): Component => ({
	name: 'thing',
	version: '1.0',
	url: 'https://example.org/releases/1.0/thing.tar.gz',
	checksum: sha256(content),
	published: 'thing/SHA256SUMS',
	licence: 'MIT',
	layout: {},
	...more,
});

/** A web server for one test, and what it was asked: addresses, with the first byte asked for. */
async function serve(
	t: ExecutionContext,
	answer: (request: IncomingMessage, response: ServerResponse, from: number) => void,
): Promise<{ address: string; asked: string[] }> {
	const asked: string[] = [];
	const server: Server = createServer((request, response) => {
		const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
		asked.push(`${request.url} ${from}`);
		answer(request, response, from);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Answers with the file from a byte on, as servers do that know ranges. */
function give(response: ServerResponse, from: number, bytes = content): void {
	if (from > 0) response.setHeader('Content-Range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
	response.writeHead(from > 0 ? 206 : 200, { 'Content-Length': bytes.length - from });
	response.end(bytes.subarray(from));
}

/** Announces the whole rest and dies after `count` bytes of it. */
function dieAfter(response: ServerResponse, from: number, count: number): void {
	if (from > 0) response.setHeader('Content-Range', `bytes ${from}-${content.length - 1}/${content.length}`);
	response.writeHead(from > 0 ? 206 : 200, { 'Content-Length': content.length - from });
	response.write(content.subarray(from, from + count), () => setTimeout(() => response.destroy(), 100));
}

test('a component is read from the folder once, and later from the cache', async (t) => {
	const [folder, cache] = [await temporaryFolder(), await temporaryFolder()];
	const supply = readSupply(undefined, folder);
	await writeFile(path.join(folder, 'thing.tar.gz'), content);
	const file = await fetchComponent(pinned(), cache, supply);
	t.true(await isWhole(file));
	await writeFile(path.join(folder, 'thing.tar.gz'), 'bad');
	t.is(await fetchComponent(pinned(), cache, supply), file);
	await writeFile(file, 'damaged');
	await t.throwsAsync(fetchComponent(pinned(), cache, supply), { message: /is not thing 1\.0/ });
});

test('a wrong checksum is an error with file, both checksums and source, and the file is deleted', async (t) => {
	const cache = await temporaryFolder();
	const { address } = await serve(t, (_, response) => give(response, 0, Buffer.from('bad')));
	const error = await t.throwsAsync<UserError>(fetchComponent(pinned(), cache, { mirror: address }));
	t.is(
		error?.message,
		[
			'thing.tar.gz is not thing 1.0:',
			`expected ${sha256(content)}`,
			`got      ${sha256(Buffer.from('bad'))}`,
			`source   ${address}/example.org/releases/1.0/thing.tar.gz`,
		].join('\n    '),
	);
	t.regex(error?.hint ?? '', /thing\/SHA256SUMS/);
	t.deepEqual(await readdir(cache), []);
});

test('a mirror is asked for the path below the host name, then for the file name', async (t) => {
	const { address, asked } = await serve(t, ({ url }, response) =>
		url === '/all/thing.tar.gz' ? give(response, 0) : response.writeHead(404).end(),
	);
	await fetchComponent(pinned(), await temporaryFolder(), readSupply(`${address}/all/`));
	t.deepEqual(asked, ['/all/example.org/releases/1.0/thing.tar.gz 0', '/all/thing.tar.gz 0']);
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'example.org/releases/1.0'), { recursive: true });
	await writeFile(path.join(folder, 'example.org/releases/1.0/thing.tar.gz'), content);
	await t.notThrowsAsync(fetchComponent(pinned(), await temporaryFolder(), readSupply(folder)));
});

test('with --mirror or --components, upstream is not asked', async (t) => {
	const { address, asked } = await serve(t, (_, response) => give(response, 0));
	const component = pinned({ url: `${address}/thing.tar.gz` });
	const folder = await temporaryFolder();
	const error = await t.throwsAsync(
		fetchComponent(component, await temporaryFolder(), readSupply(undefined, folder)),
	);
	t.true(error?.message.includes(`cannot be fetched from ${pathToFileURL(folder).href}/thing.tar.gz`));
	t.deepEqual(asked, []);
});

test('a download that is interrupted several times is resumed each time', async (t) => {
	const { address, asked } = await serve(t, (_, response, from) =>
		from < 800_000 ? dieAfter(response, from, 400_000) : give(response, from),
	);
	const cache = await temporaryFolder();
	const component = pinned({ url: `${address}/thing.tar.gz` });
	t.true(await isWhole(await fetchComponent(component, cache, {})));
	t.deepEqual(asked, ['/thing.tar.gz 0', '/thing.tar.gz 400000', '/thing.tar.gz 800000']);
	t.is((await readdir(cache)).length, 1);
});

test('the partial download of a process that has ended is resumed', async (t) => {
	const { address, asked } = await serve(t, (_, response, from) => give(response, from));
	const cache = await temporaryFolder();
	const component = pinned({ url: `${address}/thing.tar.gz` });
	const file = path.join(cache, component.checksum.replace(':', '-'));
	await writeFile(`${file}.999999999-1`, content.subarray(0, 300_000));
	t.true(await isWhole(await fetchComponent(component, cache, {})));
	t.deepEqual(asked, ['/thing.tar.gz 300000']);
	t.deepEqual(await readdir(cache), [path.basename(file)]);
});

test('a partial download of another file, or from a server without range requests, starts over', async (t) => {
	for (const [left, ranges] of [
		[Buffer.alloc(300_000), true],
		[content.subarray(0, 300_000), false],
		[Buffer.alloc(content.length), true],
	] as const) {
		const { address } = await serve(t, (_, response, from) => {
			if (ranges && from >= content.length) response.writeHead(416).end();
			else give(response, ranges ? from : 0);
		});
		const cache = await temporaryFolder();
		const component = pinned({ url: `${address}/thing.tar.gz` });
		await writeFile(path.join(cache, `${component.checksum.replace(':', '-')}.999999999-1`), left);
		t.true(await isWhole(await fetchComponent(component, cache, {})));
	}
});

test('a truncated download is an error, and is kept to be resumed', async (t) => {
	let healthy = false;
	const { address } = await serve(t, (_, response, from) => {
		if (healthy) give(response, from);
		else if (from === 0) dieAfter(response, from, 500_000);
		else response.destroy();
	});
	const cache = await temporaryFolder();
	const component = pinned({ url: `${address}/thing.tar.gz` });
	const error = await t.throwsAsync<UserError>(fetchComponent(component, cache, {}));
	t.regex(error?.message ?? '', /^thing 1\.0 cannot be fetched from http:\S+: curl: /);
	const [left] = await readdir(cache);
	t.is((await stat(path.join(cache, left as string))).size, 500_000);
	healthy = true;
	t.true(await isWhole(await fetchComponent(component, cache, {})));
	t.is((await readdir(cache)).length, 1);
});

test('components are downloaded concurrently, and each failure is reported', async (t) => {
	const waiting: (() => void)[] = [];
	const { address } = await serve(t, ({ url }, response) => {
		if (url !== '/good' && url !== '/better') return void response.writeHead(404).end();
		// Neither is answered until both have been asked for.
		waiting.push(() => give(response, 0, Buffer.from(url)));
		if (waiting.length === 2) for (const answer of waiting) answer();
	});
	const cache = await temporaryFolder();
	const named = (name: string, bytes = Buffer.from(`/${name}`)) =>
		pinned({ name, url: `${address}/${name}`, checksum: sha256(bytes) });
	const fetched = await fetchAll([named('good'), named('better')], cache, {});
	t.deepEqual([...fetched.keys()].sort(), ['better', 'good']);
	const [one, other] = [named('one', Buffer.from('1')), named('other', Buffer.from('2'))];
	const error = await t.throwsAsync(fetchAll([one, named('good'), other], cache, {}));
	t.regex(error?.message ?? '', /^one 1\.0 cannot .*404\nother 1\.0 cannot .*404$/);
});

test.serial('http_proxy and no_proxy are respected, in lower and upper case', async (t) => {
	const { address, asked } = await serve(t, (_, response, from) => give(response, from));
	const component = pinned({ url: 'http://upstream.invalid/thing.tar.gz' });
	const forget = () => {
		for (const name of ['http_proxy', 'HTTP_PROXY', 'no_proxy']) delete process.env[name];
	};
	const before = { ...process.env };
	t.teardown(() => Object.assign(process.env, before));
	for (const name of ['http_proxy', 'HTTP_PROXY']) {
		forget();
		process.env[name] = address;
		await fetchComponent(component, await temporaryFolder(), {});
	}
	t.deepEqual(asked, Array(2).fill('http://upstream.invalid/thing.tar.gz 0'));
	process.env.no_proxy = 'upstream.invalid';
	await t.throwsAsync(fetchComponent(component, await temporaryFolder(), {}), { message: /resolve host/ });
	forget();
});

test('an error for a full disk has the bytes received and free, and the partial file is deleted', async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: a small file system to fill can be mounted by root alone');
		return t.pass();
	}
	const small = await temporaryFolder();
	await output('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', small]);
	t.teardown(() => output('umount', [small]));
	const { address } = await serve(t, (_, response, from) => give(response, from));
	const cache = path.join(small, 'downloads');
	const component = pinned({ url: `${address}/thing.tar.gz` });
	const error = await t.throwsAsync<UserError>(fetchComponent(component, cache, {}));
	t.regex(error?.message ?? '', /^thing 1\.0 could not be written: after 0\.\d MB, /);
	t.deepEqual(await readdir(cache), []);
});

test('a mirror or folder that does not exist, or has a password, is refused before any download', async (t) => {
	const gone = await temporaryFolder();
	await rm(gone, { recursive: true });
	const error = t.throws(() => readSupply('https://me:secret@mirror.example', gone));
	t.regex(error?.message ?? '', /^2 mistakes:/);
	t.false(error?.message.includes('secret'));
});
