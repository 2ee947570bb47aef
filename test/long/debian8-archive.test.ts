// What the profile of Debian 8 does with an archive like Debian's own of today, in small: its keys and its lists have
// expired, and a suite is gone.

import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { type Archive, serveArchive } from '../support/debian8/archive.ts';
import { type Builder, builder, runHook } from '../support/debian8/builder.ts';
import { packages } from '../support/debian8/packages.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Ended, runToEnd, tool } from '../support/processes.ts';

interface Context {
	readonly archive: Archive;
	readonly builder: Builder;
}
const test = anyTest as TestFn<Context>;
let shared: Context;
let close = () => {};

test.before(async () => {
	const archive = await serveArchive((end) => {
		close = end;
	});
	shared = { archive, builder: await builder(archive) };
});
test.after.always(() => close());

const known = new Set<string>(Object.values(packages).flat());

/** A root of apt's own, with the archive's configuration and sources as the profile's build writes them. */
async function aptRoot() {
	const { builder, archive } = shared;
	const root = await temporaryFolder();
	const folders = [
		'etc/apt/sources.list.d',
		'etc/apt/preferences.d',
		'etc/apt/trusted.gpg.d',
		'var/lib/dpkg',
	];
	for (const folder of [
		...folders,
		'var/lib/apt/lists/partial',
		'var/cache/apt/archives/partial',
		'var/log/apt',
	])
		await mkdir(path.join(root, folder), { recursive: true });
	await writeFile(path.join(root, 'var/lib/dpkg/status'), '');
	// Whoever builds gives the release's own keys, expired as they are.
	await writeFile(path.join(root, 'etc/apt/trusted.gpg.d/archive.gpg'), await readFile(archive.keyring));
	for (const line of (builder.environment.DIB_APT_SOURCES_CONF ?? '').split('\n')) {
		const [name, ...words] = line.split(':');
		await writeFile(path.join(root, `etc/apt/sources.list.d/${name}.list`), `${words.join(':')}\n`);
	}
	for (const hook of await builder.hooks('root.d')) {
		const ended = await runHook(hook, root, builder.environment);
		if (ended.code !== 0) throw new Error(`${hook}: ${ended.stdout}${ended.stderr}`);
	}
	const configuration = path.join(root, 'apt.conf');
	await writeFile(
		configuration,
		[
			`Dir "${root}";`,
			`Dir::State::status "${root}/var/lib/dpkg/status";`,
			'APT::Architecture "amd64"; APT::Architectures { "amd64"; };',
			'APT::Sandbox::User "root"; Acquire::Languages "none"; Debug::NoLocking "true";',
		].join('\n'),
	);
	const apt = (...args: string[]): Promise<Ended> =>
		runToEnd(tool('apt-get', 'apt'), args, {
			env: { APT_CONFIG: configuration, http_proxy: '', DEBIAN_FRONTEND: 'noninteractive' },
		});
	return { root, apt };
}

/** Whether apt has the lists of a suite. */
const lists = async (root: string) =>
	(await readdir(path.join(root, 'var/lib/apt/lists'))).filter((name) => name.endsWith('_Packages')).length;

test('every package of the profile is in Debian 8', async (t) => {
	const asked = await shared.builder.packages();
	t.true(asked.length > 30);
	t.deepEqual(
		asked.filter((name) => !known.has(name)),
		[],
	);
	t.true(asked.includes('linux-image-4.9-amd64') && asked.includes('isc-dhcp-client'));
});

test('apt fetches lists and packages in spite of expired keys and lists', async (t) => {
	const { root, apt } = await aptRoot();
	const updated = await apt('update');
	t.is(updated.code, 0, updated.stderr);
	t.notRegex(updated.stderr, /^E:/m);
	t.is(await lists(root), 3);
	const wanted = await shared.builder.packages();
	const installed = await apt('install', '--yes', '--download-only', ...wanted);
	t.is(installed.code, 0, installed.stderr);
	const fetched = (await readdir(path.join(root, 'var/cache/apt/archives'))).filter((name) =>
		name.endsWith('.deb'),
	);
	t.deepEqual(
		fetched.map((name) => name.split('_')[0]),
		wanted,
	);
	t.true(shared.archive.asked.some(({ path: name, found }) => !found && name.endsWith('/jessie/InRelease')));
	t.notRegex(shared.builder.environment.DIB_APT_SOURCES_CONF ?? '', /jessie-updates/);
});

test('without Check-Valid-Until "false", apt rejects the expired lists', async (t) => {
	const { root, apt } = await aptRoot();
	await rm(path.join(root, 'etc/apt/apt.conf.d/80archive'));
	const updated = await apt('update');
	t.not(updated.code, 0);
	t.regex(updated.stderr, /jessie\/Release.*(expired|not valid)/);
	t.not((await apt('install', '--yes', '--download-only', 'jq')).code, 0);
});

test('without [trusted=yes], apt rejects the lists, since the key has expired', async (t) => {
	const { root, apt } = await aptRoot();
	const sources = path.join(root, 'etc/apt/sources.list.d/default.list');
	await writeFile(sources, (await readFile(sources, 'utf8')).replace('[trusted=yes] ', ''));
	const updated = await apt('update');
	t.not(updated.code, 0);
	t.regex(updated.stderr, /EXPKEYSIG|KEYEXPIRED/);
	t.not((await apt('install', '--yes', '--download-only', 'jq')).code, 0);
});

test('without the backports there is no cloud-guest-utils', async (t) => {
	const { root, apt } = await aptRoot();
	await rm(path.join(root, 'etc/apt/sources.list.d/backports.list'));
	t.is((await apt('update')).code, 0);
	t.regex(
		(await apt('install', '--yes', '--download-only', 'cloud-guest-utils')).stderr,
		/has no installation candidate|Unable to locate/,
	);
});

test('jessie-updates, which no longer exists, would break the build', async (t) => {
	const { root, apt } = await aptRoot();
	await appendFile(
		path.join(root, 'etc/apt/sources.list.d/default.list'),
		`deb [trusted=yes] ${shared.archive.main} jessie-updates main\n`,
	);
	const updated = await apt('update');
	t.not(updated.code, 0);
	t.regex(updated.stderr, /jessie-updates.*404/);
});

/** diskimage-builder's own call of debootstrap, which is told to go no further than fetching. */
async function debootstrap(keyring: string) {
	tool('debootstrap', 'debootstrap');
	const root = await temporaryFolder();
	const ended = await runHook(shared.builder.theirHook('debootstrap/root.d/08-debootstrap'), root, {
		...shared.builder.environment,
		...{ DIB_APT_KEYRING: keyring, DIB_DEBOOTSTRAP_EXTRA_ARGS: '--download-only', DIB_DEBUG_TRACE: '0' },
		...{ DIB_OFFLINE: '', DIB_IMAGE_CACHE: root, http_proxy: '', no_proxy: '' },
	});
	return { root, ended };
}

test('debootstrap, called by diskimage-builder, accepts the keys of the archive, and fetches the base system', async (t) => {
	const { root, ended } = await debootstrap(shared.archive.keyring);
	t.is(ended.code, 0, ended.stdout + ended.stderr);
	t.regex(ended.stdout + ended.stderr, /Valid Release signature/);
	const fetched = await readdir(path.join(root, 'var/cache/apt/archives'));
	t.deepEqual(
		packages.base.filter((name) => !fetched.some((file) => file.startsWith(`${name}_`))),
		[],
	);
});

test('debootstrap, called by diskimage-builder, rejects the signature of another key', async (t) => {
	const { ended } = await debootstrap(shared.archive.otherKeyring);
	t.not(ended.code, 0);
	t.regex(ended.stdout + ended.stderr, /Release signed by unknown key/);
});
