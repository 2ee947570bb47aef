import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { readdir, rename, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { refuse, UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { CommandError } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import type { Component } from '../spec/components.ts';
import { ownName, stillRuns } from '../workspace/work-folder.ts';
import { download, isNotFoundError, sizeOf } from './download.ts';
import { forEach } from './several.ts';

/** Mirrors that replace upstream. */
export interface Supply {
	/** URL of a mirror with the files below their host names, as `wget --mirror` writes them, or by file name. */
	readonly mirror?: string;
	/** URL of a folder with the files, by file name. */
	readonly components?: string;
	/** A registry, with an optional path, that replaces those of container images. */
	readonly registry?: string;
}

/** Files of components, by the names of the components. */
export type Fetched = ReadonlyMap<string, string>;

/** Concurrent downloads. */
const concurrency = 4;

/** Seconds between two progress messages. */
const progressInterval = 10;

const nameOf = ({ url }: Component) => path.posix.basename(url);
const nameAndVersion = ({ name, version }: Component) => `${name} ${version}`;
/** Formats a size in bytes. */
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function isFolder(folder: string): boolean {
	return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Reads `--mirror`, `--components` and `--registry-mirror`; the defaults of the first and the last are `KSTACK_MIRROR` and
 * `KSTACK_REGISTRY_MIRROR`.
 *
 * @throws UserError exit code 2, with all mistakes
 */
export function readSupply(
	mirror = process.env.KSTACK_MIRROR,
	components?: string,
	registry = process.env.KSTACK_REGISTRY_MIRROR,
): Supply {
	const mistakes: string[] = [];
	const folderAddress = (folder: string) => {
		if (!isFolder(folder)) mistakes.push(`There is no folder ${folder}.`);
		return pathToFileURL(folder).href;
	};
	const mirrorAddress = (address: string) => {
		if (!/^https?:\/\//.test(address)) return folderAddress(address);
		if (/^https?:\/\/[^/]*@/.test(address))
			mistakes.push("Do not pass a mirror's password on the command line: put it into ~/.netrc.");
		return address.replace(/\/+$/, '');
	};
	const registryAddress = (address: string) => {
		if (address.includes('@'))
			mistakes.push("Do not pass a registry's password on the command line: use `skopeo login`.");
		else if (!/^(https?:\/\/)?[\w.-]+(:\d+)?(\/[\w.-]+)*\/*$/.test(address))
			mistakes.push(`--registry-mirror is ${address}: it must be HOST, HOST:PORT or HOST:PORT/PATH.`);
		return address.replace(/\/+$/, '');
	};
	const supply = {
		...(mirror === undefined ? {} : { mirror: mirrorAddress(mirror) }),
		...(components === undefined ? {} : { components: folderAddress(components) }),
		...(registry === undefined ? {} : { registry: registryAddress(registry) }),
	};
	refuse(mistakes);
	return supply;
}

/** The URLs of a component, in the order in which they are tried. */
function addressesOf(component: Component, { mirror, components }: Supply): string[] {
	const alternatives = [
		...(components === undefined ? [] : [`${components}/${nameOf(component)}`]),
		...(mirror === undefined
			? []
			: [`${mirror}/${component.url.replace(/^\w+:\/\//, '')}`, `${mirror}/${nameOf(component)}`]),
	];
	return alternatives.length === 0 ? [component.url] : alternatives;
}

/** Digest of a file, as `sha256:9f86…`. */
export async function checksumOf(file: string, algorithm = 'sha256'): Promise<string> {
	const hash = createHash(algorithm);
	await pipeline(createReadStream(file), hash);
	return `${algorithm}:${hash.digest('hex')}`;
}

async function isIntact(file: string, { checksum }: Component): Promise<boolean> {
	if ((await sizeOf(file)) === 0) return false;
	return (await checksumOf(file, checksum.split(':')[0])) === checksum;
}

/** Starts the download of a file; resumes a partial download of a process that no longer runs. */
async function partOf(file: string): Promise<string> {
	const own = `${file}.${await ownName()}`;
	for (const name of await readdir(path.dirname(file))) {
		const part = path.join(path.dirname(file), name);
		if (!part.startsWith(`${file}.`) || part === own || (await stillRuns(part.slice(file.length + 1))))
			continue;
		// A concurrent process may have moved it.
		await rename(part, own).catch(() => {});
	}
	return own;
}

/** Prints progress at intervals, until the returned function is called. */
function reportProgress(component: Component, part: string): () => void {
	const timer = setInterval(async () => {
		say(`${nameAndVersion(component)}: ${megabytes(await sizeOf(part))}`);
	}, progressInterval * 1000);
	return () => clearInterval(timer);
}

async function downloadError(
	error: CommandError,
	component: Component,
	part: string,
	address: string,
): Promise<UserError> {
	if (error.status !== 23) {
		return new UserError(`${nameAndVersion(component)} cannot be fetched from ${address}: ${error.stderr}`, {
			hint: 'Set another source of the file with --mirror or --components, or use --kubernetes-source debian.',
		});
	}
	const folder = path.dirname(part);
	const { bavail, bsize } = await statfs(folder);
	const received = await sizeOf(part);
	await rm(part, { force: true });
	return new UserError(
		`${nameAndVersion(component)} could not be written: after ${megabytes(received)}, ${folder} has ${megabytes(bavail * bsize)} free.`,
		{ hint: 'Free space there, or set KSTACK_CACHE to a folder of another file system.' },
	);
}

/** Downloads a component from the first of the addresses that has it, and verifies it. */
async function downloadVerified(
	component: Component,
	part: string,
	addresses: readonly string[],
): Promise<void> {
	const [address, ...others] = addresses as [string, ...string[]];
	const resumed = (await sizeOf(part)) > 0;
	try {
		await download(address, part);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		if (others.length > 0 && isNotFoundError(error)) return downloadVerified(component, part, others);
		throw await downloadError(error, component, part, address);
	}
	const got = await checksumOf(part, component.checksum.split(':')[0]);
	if (got === component.checksum) return;
	await rm(part, { force: true });
	// The partial download may have been of another file.
	if (resumed) return downloadVerified(component, part, addresses);
	throw new UserError(
		[
			`${nameOf(component)} is not ${nameAndVersion(component)}:`,
			`expected ${component.checksum}`,
			`got      ${got}`,
			`source   ${address}`,
		].join('\n    '),
		{ hint: `The checksum is published in ${component.published}.` },
	);
}

/** The path of a component's file in the cache. */
export function cachedFile({ checksum }: Component, cache: string): string {
	return path.join(cache, checksum.replace(':', '-'));
}

/**
 * The component's file, from the cache or downloaded, with a verified checksum.
 *
 * @param cache  folder with earlier downloads, by checksum
 * @throws UserError when it cannot be fetched, or its checksum is wrong
 */
export async function fetchComponent(component: Component, cache: string, supply: Supply): Promise<string> {
	const file = cachedFile(component, cache);
	if (await isIntact(file, component)) return file;
	await makeFolder(cache);
	const part = await partOf(file);
	const there = await sizeOf(part);
	const began = Date.now();
	say(`Fetching ${nameAndVersion(component)}${there === 0 ? '' : `, resuming after ${megabytes(there)}`}`);
	const quiet = reportProgress(component, part);
	try {
		await downloadVerified(component, part, addressesOf(component, supply));
	} finally {
		quiet();
	}
	await rename(part, file);
	say(
		`${nameAndVersion(component)}: ${megabytes(await sizeOf(file))} in ${Math.round((Date.now() - began) / 1000)} s`,
	);
	return file;
}

/**
 * Fetches components, several at a time; continues with the others if one fails.
 *
 * @returns their files, by the components' names
 * @throws UserError with the reason of each failure
 */
export async function fetchAll(
	components: readonly Component[],
	cache: string,
	supply: Supply,
): Promise<Fetched> {
	const files = await forEach(components, concurrency, (component) =>
		fetchComponent(component, cache, supply),
	);
	return new Map(components.map(({ name }, index) => [name, files[index] as string]));
}
