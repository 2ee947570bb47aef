import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { Component } from '../../src/image/components.ts';
import { fetchComponent } from '../../src/image/fetch.ts';
import { temporaryFolder } from '../support/folders.ts';

const pinned = (content: string): Component => ({
	name: 'thing',
	version: '1.0',
	url: 'https://example.org/releases/thing.tar.gz',
	checksum: `sha256:${createHash('sha256').update(content).digest('hex')}`,
	published: 'thing/SHA256SUMS',
	licence: 'MIT',
	layout: {},
});

test.serial('a component comes from the mirror, and then from the cache', async (t) => {
	const mirror = await temporaryFolder();
	const cache = await temporaryFolder();
	process.env.KSTACK_MIRROR = mirror;
	await writeFile(path.join(mirror, 'thing.tar.gz'), 'good');
	const file = await fetchComponent(pinned('good'), cache);
	t.is(await readFile(file, 'utf8'), 'good');
	await writeFile(path.join(mirror, 'thing.tar.gz'), 'bad');
	t.is(await fetchComponent(pinned('good'), cache), file);
	await writeFile(file, 'damaged');
	await t.throwsAsync(fetchComponent(pinned('good'), cache), { message: /is not thing 1\.0/ });
});

test.serial('what is not what was pinned is refused, and nothing of it stays', async (t) => {
	const mirror = await temporaryFolder();
	const cache = await temporaryFolder();
	process.env.KSTACK_MIRROR = mirror;
	await writeFile(path.join(mirror, 'thing.tar.gz'), 'bad');
	const error = await t.throwsAsync(fetchComponent(pinned('good'), cache), { message: /its sha256 is/ });
	t.regex(String((error as { hint?: string } | undefined)?.hint), /thing\/SHA256SUMS/);
	t.deepEqual(await readdir(cache), []);
});
