import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { unpackInto } from '../../src/image/fetch/kubernetes.ts';
import type { Component } from '../../src/image/spec/components.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output } from '../support/processes.ts';

const thing: Component = {
	name: 'thing',
	version: '1.0',
	url: 'https://example.org/thing.tar.gz',
	checksum: 'sha256:0',
	published: 'here',
	licence: 'MIT',
	layout: { '': '/usr/bin' },
};

/** An archive with one file, and an empty cache. */
async function archive() {
	const [folder, cache] = [await temporaryFolder(), await temporaryFolder()];
	await writeFile(path.join(folder, 'tool'), 'a tool');
	const file = path.join(folder, 'thing.tar.gz');
	await output('tar', ['--create', '--gzip', `--file=${file}`, `--directory=${folder}`, 'tool']);
	return { cache, place: path.join(cache, 'thing'), fetched: new Map([['thing', file]]) };
}

test('a partly unpacked archive of a killed process is removed by the next one', async (t) => {
	const { cache, place, fetched } = await archive();
	await mkdir(path.join(cache, 'thing.999999999-1/usr/bin'), { recursive: true });
	await unpackInto(place, [thing], fetched);
	t.deepEqual(await readdir(cache), ['thing']);
	t.is(await readFile(path.join(place, 'usr/bin/tool'), 'utf8'), 'a tool');
});

test('an archive that cannot be unpacked leaves no files', async (t) => {
	const { cache, place } = await archive();
	const broken = path.join(await temporaryFolder(), 'thing.tar.gz');
	await writeFile(broken, 'no archive');
	await t.throwsAsync(unpackInto(place, [thing], new Map([['thing', broken]])), { message: /tar/ });
	t.deepEqual(await readdir(cache), []);
});

test('if another process has unpacked the same archive meanwhile, its result is used', async (t) => {
	const { cache, place, fetched } = await archive();
	const unpacked = unpackInto(place, [thing], fetched);
	while (readdirSync(cache).length === 0) await setImmediate();
	mkdirSync(place);
	writeFileSync(path.join(place, 'theirs'), '');
	await unpacked;
	t.deepEqual(await readdir(cache), ['thing']);
	t.deepEqual(await readdir(place), ['theirs']);
});
