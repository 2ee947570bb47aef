import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { CommandError, run } from '../../base/run.ts';
import type { LockedPackage } from '../spec/lock.ts';
import { archiveKeyring } from './base.ts';

/** The packages that apt would install from a Debian release. */
export interface Resolution {
	/** The date of the Release file of the main archive. */
	readonly date: string;
	readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** The packages to resolve. */
export interface ResolutionRequest {
	/** Code name of Debian's release. */
	readonly release: string;
	/** Lines of sources.list, the main archive's first. */
	readonly sources: readonly string[];
	readonly packages: readonly string[];
	/** Preferred versions, as preferences of apt. */
	readonly preferences: string;
}

/** Pins versions with the highest priority in apt, including downgrades. */
export function preferencesFor(packages: Readonly<Record<string, { readonly version: string }>>): string {
	return Object.entries(packages)
		.map(([name, { version }]) => `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n`)
		.join('\n');
}

/** The keyring of the archive, if the source line has no options for it. */
const signed = (source: string) =>
	source.includes('[') ? source : source.replace(/^deb /, `deb [signed-by=${archiveKeyring}] `);

/** One line of `apt-get --print-uris`: address, file name, size, checksum. */
function readPackage(line: string): [string, LockedPackage] | undefined {
	const [, file, checksum] = /^'[^']*' (\S+) \d+ SHA256:([0-9a-f]{64})$/.exec(line) ?? [];
	if (file === undefined) return undefined;
	// In file names, the colon after an epoch is escaped.
	const [name, version, architecture] = decodeURIComponent(file.replace(/\.deb$/, '')).split('_');
	return [
		name as string,
		{ version: version as string, architecture: architecture as string, checksum: `sha256:${checksum}` },
	];
}

/** The `Date` of the Release file of the first source. */
async function dateOf(lists: string, release: string): Promise<string> {
	const ending = new RegExp(`_dists_${release}_(In)?Release$`);
	const file = (await readdir(lists)).find((name) => ending.test(name));
	if (file === undefined) throw new Error(`apt has left no Release file of ${release} in ${lists}`);
	const said = /^Date: (.+)$/m.exec(await readFile(path.join(lists, file), 'utf8'))?.[1];
	return new Date(said as string).toISOString().replace('.000Z', 'Z');
}

/**
 * Resolves packages with apt for an empty disk: the base system, the packages, and their dependencies. apt runs with its
 * own folder: it does not need root, and uses only the proxy settings of this machine.
 *
 * @param folder  is created, and deleted afterwards
 * @throws UserError when the mirror does not answer, or lacks a package
 */
export async function resolvePackages(request: ResolutionRequest, folder: string): Promise<Resolution> {
	const at = (...names: string[]) => path.join(folder, ...names);
	for (const name of ['lists/partial', 'archives/partial']) await makeFolder(at(name));
	await writeFile(at('status'), '');
	await writeFile(at('sources.list'), `${request.sources.map(signed).join('\n')}\n`);
	await writeFile(at('preferences'), request.preferences);
	const settings = {
		'APT::Architecture': 'amd64',
		'APT::Architectures': 'amd64',
		'APT::Install-Recommends': 'false',
		'APT::Sandbox::User': '',
		'Acquire::Check-Valid-Until': request.sources.some((line) => line.includes('trusted=yes'))
			? 'false'
			: 'true',
		'Acquire::ForceHash': 'SHA256',
		'Acquire::Languages': 'none',
		'Acquire::Retries': '3',
		'Dir::Cache': folder,
		'Dir::Cache::Archives': at('archives'),
		'Dir::Etc::Preferences': at('preferences'),
		'Dir::Etc::PreferencesParts': '/dev/null',
		'Dir::Etc::SourceList': at('sources.list'),
		'Dir::Etc::SourceParts': '/dev/null',
		'Dir::State': folder,
		'Dir::State::Lists': at('lists'),
		'Dir::State::Status': at('status'),
	};
	const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
	const apt = (...args: string[]) => run('apt-get', ['--quiet=2', ...options, ...args], { package: 'apt' });
	try {
		await apt('update', '--error-on=any');
		// As in the variant minbase of mmdebstrap.
		const base = ['?essential', '?priority(required)', 'apt'];
		const listed = await apt('--print-uris', 'install', ...base, ...request.packages);
		const packages = listed.split('\n').flatMap((line) => {
			const found = readPackage(line);
			return found === undefined ? [] : [found];
		});
		return {
			date: await dateOf(at('lists'), request.release),
			packages: Object.fromEntries(packages.sort(([one], [other]) => (one < other ? -1 : 1))),
		};
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new UserError(`The packages of ${request.release} cannot be resolved:\n${error.stderr}`, {
			cause: error,
		});
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
