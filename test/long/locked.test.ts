import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { readLock } from '../../src/image/spec/lock.ts';
import { checksumIn } from '../support/debian-archive.ts';
import { archive, machine, plan } from '../support/kimg.ts';

test('kimg lock records components and packages, the same each time, and leaves no other file', async (t) => {
	const { cwd, cache, kimg } = await machine(await archive());
	const ended = await kimg(['lock']);
	t.deepEqual(ended, { code: 0, stdout: `${cwd}/debian8-x64-kubernetes.lock.json\n`, stderr: '' });
	const lock = await readLock(ended.stdout.trim());
	t.is(lock.debian.date, '2026-11-21T10:00:00Z');
	t.deepEqual(Object.keys(lock.components), plan.fetched.map(({ name }) => name).sort());
	t.is(lock.components.kubernetes?.checksum, plan.line.kubernetes.checksum);
	t.deepEqual(lock.packages.jq, {
		version: '8.0-1+deb8u1',
		architecture: 'amd64',
		checksum: checksumIn({ name: 'jq', version: '8.0-1+deb8u1' }),
	});
	t.true(['dash', 'tzdata', 'apt', 'linux-image-4.9-amd64'].every((name) => name in lock.packages));
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	const again = await kimg(['lock', '--out', 'again.json']);
	t.is(await readFile(again.stdout.trim(), 'utf8'), await readFile(ended.stdout.trim(), 'utf8'));
});

test('kimg build --locked lists all differences to the lock, and downloads nothing', async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: images are built by root alone');
		return t.pass();
	}
	const { cwd, cache, kimg } = await machine(await archive());
	const file = (await kimg(['lock'])).stdout.trim();
	const lock = await readLock(file);
	const etcd = lock.components.etcd as NonNullable<(typeof lock.components)[string]>;
	const changed = {
		...lock,
		components: { ...lock.components, etcd: { ...etcd, version: '3.5.28' } },
		packages: { ...lock.packages, jq: { ...lock.packages.jq, version: '7.0-1' } },
	};
	await writeFile(file, JSON.stringify(changed));
	await mkdir(path.join(cwd, 'mirror'));
	const ended = await kimg(['build', '--mirror', 'mirror', '--locked']);
	t.is(ended.code, 1);
	t.is(ended.stdout, '');
	t.regex(
		ended.stderr,
		/kimg: .* the lock:\n {2}- component etcd: the lock has 3\.5\.28 .*, found 3\.5\.29 .*\n {2}- package jq: the lock has 7\.0-1 .*, found 8\.0-1\+deb8u1 .*\n {2}.*kimg lock\n$/,
	);
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	t.false((await readdir(cache)).includes('downloads'));
	t.deepEqual(
		(await readdir(cwd)).filter((name) => name.endsWith('.qcow2')),
		[],
	);
});

test('kimg build --locked without a lock fails before all other checks', async (t) => {
	const { kimg } = await machine('/nowhere');
	const ended = await kimg(['build', '--locked']);
	t.is(ended.code, 2);
	t.regex(ended.stderr, /^kimg: debian8-x64-kubernetes\.lock\.json cannot be read as a lock: ENOENT/);
});

test('a build that is interrupted during a download keeps the part, and the next one resumes', async (t) => {
	if (process.getuid?.() !== 0) {
		t.log('skipped: images are built by root alone');
		return t.pass();
	}
	const { cache, kimg } = await machine(await archive());
	const asked: string[] = [];
	let hangs = true;
	const server = createServer(({ headers }, response) => {
		asked.push(headers.range ?? 'all');
		if (!hangs) return void response.writeHead(404).end();
		response.writeHead(200, { 'Content-Length': 1_000_000 });
		response.write(Buffer.alloc(100_000));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const build = ['build', '--mirror', `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
	const parts = async () => {
		const names = await readdir(path.join(cache, 'downloads')).catch(() => []);
		const sizes = names.map(async (name) => (await stat(path.join(cache, 'downloads', name))).size);
		return (await Promise.all(sizes)).filter((size) => size > 0).length;
	};
	let ends: Promise<void> | undefined;
	const ended = await kimg(build, {
		onStderr: (text, pid) => {
			if (!text.includes('Fetching')) return;
			ends ??= (async () => {
				while ((await parts()) < 4) await setTimeout(50);
				process.kill(pid, 'SIGTERM');
			})();
		},
	});
	await ends;
	t.is(ended.code, 143);
	t.regex(ended.stderr, /\nkimg: Terminated\.\n$/);
	t.deepEqual(await readdir(path.join(cache, 'work')), []);
	t.is(await parts(), 4);

	hangs = false;
	asked.length = 0;
	const next = await kimg(build);
	t.is(next.code, 1);
	t.regex(next.stderr, /, resuming after 0\.1 MB/);
	t.true(asked.filter((range) => /^bytes=[1-9]/.test(range)).length >= 4);
});
