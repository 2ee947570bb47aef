import { access } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { preferencesFor, resolvePackages } from '../../src/image/debian/resolve.ts';
import { checksumIn, debianArchive, type Entry } from '../support/debian-archive.ts';
import { temporaryFolder } from '../support/folders.ts';
import { tool } from '../support/processes.ts';

const libraries = [
	{ name: 'library', version: '1:2.0-1' },
	{ name: 'library', version: '1:1.9-1' },
] as const;

const entries: readonly Entry[] = [
	{ name: 'base', version: '1-1', more: 'Essential: yes' },
	{ name: 'needed', version: '2-1', more: 'Priority: required' },
	{ name: 'apt', version: '3' },
	{ name: 'program', version: '4', more: 'Depends: library\nRecommends: manual' },
	{ name: 'manual', version: '5' },
	...libraries,
];

async function resolve(packages: readonly string[], preferences = '') {
	tool('apt-get', 'apt');
	const archive = await temporaryFolder();
	await debianArchive(archive, 'test', entries);
	const source = `deb [trusted=yes] file:${archive} test main`;
	const folder = path.join(await temporaryFolder(), 'apt');
	const resolution = resolvePackages({ release: 'test', sources: [source], packages, preferences }, folder);
	await resolution.catch(() => {});
	await access(folder).then(
		() => Promise.reject(new Error('something is left behind')),
		() => {},
	);
	return resolution;
}

test('on an empty disk, the base system, the requested packages and their dependencies are resolved, with checksums', async (t) => {
	const { date, packages } = await resolve(['program']);
	t.is(date, '2026-11-21T10:00:00Z');
	t.deepEqual(Object.keys(packages), ['apt', 'base', 'library', 'needed', 'program']);
	t.deepEqual(packages.library, {
		version: '1:2.0-1',
		architecture: 'amd64',
		checksum: checksumIn(libraries[0]),
	});
});

test('the versions of a lock are preferred to newer ones', async (t) => {
	const older = { library: { version: '1:1.9-1' }, base: { version: '0-1' } };
	const { packages } = await resolve(['program'], preferencesFor(older));
	t.is(packages.library?.version, '1:1.9-1');
	t.is(packages.library?.checksum, checksumIn(libraries[1]));
	// What the archive does not have cannot be preferred.
	t.is(packages.base?.version, '1-1');
});

test('a package that is not on the mirror is named', async (t) => {
	await t.throwsAsync(resolve(['program', 'phantom']), {
		message: /^The packages of test cannot be resolved:\n.*phantom/s,
		name: 'UserError',
	});
});
