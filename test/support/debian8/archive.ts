// A small package archive that behaves like Debian 8's today: no InRelease, a Release signed with an expired key, expired
// lists, no jessie-updates. Served on 127.0.0.1.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../folders.ts';
import { output, tool } from '../processes.ts';
import { packages } from './packages.ts';

/** The existing suites, each with its folder and the special fields of its Release. */
const suites = [
	{ name: 'jessie', folder: 'debian', packages: [...packages.base, ...packages.main], more: [] },
	{
		name: 'jessie-backports',
		folder: 'debian',
		packages: packages.backports,
		more: ['NotAutomatic: yes', 'ButAutomaticUpgrades: yes'],
	},
	{ name: 'jessie/updates', folder: 'debian-security', packages: packages.security, more: [] },
] as const;

const signedAt = '20150425T120000';

/** A key that was valid in April 2015, and expired a year later. */
async function makeKey(folder: string, name: string): Promise<{ home: string; keyring: string }> {
	const home = path.join(folder, `${name}.gnupg`);
	const keyring = path.join(folder, `${name}.gpg`);
	await mkdir(home, { mode: 0o700 });
	await gpg(home, ['--passphrase', '', '--quick-generate-key', name, 'rsa2048', 'sign', '1y']);
	await gpg(home, ['--output', keyring, '--export']);
	return { home, keyring };
}

const gpg = (home: string, args: readonly string[]) =>
	output(tool('gpg', 'gnupg'), [
		...['--homedir', home, '--batch', '--no-tty', '--quiet', '--faked-system-time', `${signedAt}!`],
		...args,
	]);

/** An empty package; those of the base system are "required". */
async function makePackage(root: string, folder: string, name: string): Promise<void> {
	const tree = path.join(root, 'trees', name);
	const required = packages.base.some((one) => one === name) && name !== 'apt';
	await mkdir(path.join(tree, 'DEBIAN'), { recursive: true });
	const control = `Package: ${name}
Version: 8.11
Architecture: amd64
Priority: ${required ? 'required' : 'optional'}
Section: misc
Maintainer: Nobody <nobody@example.org>
Description: stands for Debian 8's ${name}
`;
	await writeFile(path.join(tree, 'DEBIAN/control'), control);
	const file = path.join(root, folder, 'pool', `${name}_8.11_amd64.deb`);
	await output(tool('dpkg-deb', 'dpkg'), ['--build', '--root-owner-group', '-Zgzip', tree, file]);
}

/** Lists and signed Release of a suite. */
async function makeSuite(root: string, home: string, suite: (typeof suites)[number]): Promise<void> {
	const base = path.join(root, suite.folder);
	const dists = path.join(base, 'dists', suite.name);
	await mkdir(path.join(dists, 'main/binary-amd64'), { recursive: true });
	const listed = await output(tool('dpkg-scanpackages', 'dpkg-dev'), ['--multiversion', 'pool'], {
		cwd: base,
	});
	const own = listed
		.split('\n\n')
		.filter((stanza) => suite.packages.some((name) => stanza.trimStart().startsWith(`Package: ${name}\n`)))
		.map((stanza) => `${stanza.trim()}\n\n`)
		.join('');
	const files = [
		['main/binary-amd64/Packages', Buffer.from(own)],
		['main/binary-amd64/Packages.gz', gzipSync(own)],
	] as const;
	for (const [name, content] of files) await writeFile(path.join(dists, name), content);
	const sums = files.map(
		([name, content]) => ` ${createHash('sha256').update(content).digest('hex')} ${content.length} ${name}`,
	);
	const release = [
		'Origin: Debian',
		`Suite: ${suite.name}`,
		`Codename: ${suite.name.split('/')[0]}`,
		'Date: Sat, 25 Apr 2015 12:00:00 UTC',
		'Valid-Until: Sat, 02 May 2015 12:00:00 UTC',
		'Architectures: amd64',
		'Components: main',
		...suite.more,
		'SHA256:',
		...sums,
	];
	const file = path.join(dists, 'Release');
	await writeFile(file, `${release.join('\n')}\n`);
	await gpg(home, ['--armor', '--detach-sign', '--output', `${file}.gpg`, file]);
}

export interface Archive {
	readonly main: string;
	readonly security: string;
	/** The signing key and another key; both have expired. */
	readonly keyring: string;
	readonly otherKeyring: string;
	/** The requested paths, and whether they exist. */
	readonly asked: readonly { readonly path: string; readonly found: boolean }[];
}

/** Creates the archive and serves it until the callback of `atEnd` is called. */
export async function serveArchive(atEnd: (close: () => void) => void): Promise<Archive> {
	const root = await temporaryFolder();
	const { home, keyring } = await makeKey(root, 'archive');
	const other = await makeKey(root, 'other');
	for (const { folder } of suites) await mkdir(path.join(root, folder, 'pool'), { recursive: true });
	for (const suite of suites) for (const name of suite.packages) await makePackage(root, suite.folder, name);
	for (const suite of suites) await makeSuite(root, home, suite);
	for (const one of [home, other.home]) await output('gpgconf', ['--homedir', one, '--kill', 'all']);

	const asked: { path: string; found: boolean }[] = [];
	const server = createServer(async (request, response) => {
		const name = decodeURIComponent(request.url ?? '/');
		const content = /^\/debian(-security)?\//.test(name)
			? await readFile(path.join(root, path.normalize(name))).catch(() => undefined)
			: undefined;
		asked.push({ path: name, found: content !== undefined });
		response.statusCode = content === undefined ? 404 : 200;
		response.end(content ?? '');
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	atEnd(() => server.close());
	const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return {
		main: `${address}/debian`,
		security: `${address}/debian-security`,
		keyring,
		otherKeyring: other.keyring,
		asked,
	};
}
