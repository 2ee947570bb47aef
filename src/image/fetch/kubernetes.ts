import { constants } from 'node:fs';
import { access, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError, usageError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { packageRoot } from '../../base/package.ts';
import { follow, run } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import type { Component } from '../spec/components.ts';
import { digestOfText, type LockedComponent } from '../spec/lock.ts';
import { removeAbandoned } from '../workspace/publish.ts';
import { ownName } from '../workspace/work-folder.ts';
import { checksumOf, type Fetched } from './fetch.ts';

/** The source of Kubernetes: upstream, Debian's source package, or a folder. */
export type KubernetesSource = 'upstream' | 'debian' | { readonly folder: string };

/** The release in Debian's source package; the script checks it. */
const debianVersion = '1.20.2';

export const programs = [
	'kube-apiserver',
	'kube-controller-manager',
	'kube-proxy',
	'kube-scheduler',
	'kubectl',
	'kubelet',
];

const exists = (file: string, mode = constants.F_OK) =>
	access(file, mode).then(
		() => true,
		() => false,
	);

/**
 * Parses `--kubernetes-source`.
 *
 * @throws UserError exit code 2 when the folder does not exist or does not contain Kubernetes
 */
export async function readSource(word: string): Promise<KubernetesSource> {
	if (word === 'upstream' || word === 'debian') return word;
	const folder = path.resolve(word);
	const missing: string[] = [];
	for (const name of programs)
		if (!(await exists(path.join(folder, 'bin', name), constants.X_OK))) missing.push(name);
	if (missing.length > 0) {
		throw usageError(
			`${word} does not contain Kubernetes: missing bin/${missing.join(', bin/')}.`,
			'--kubernetes-source must be upstream, debian, or a folder with bin/ and, optionally, images/.',
		);
	}
	return { folder };
}

/** The release of Kubernetes of a source; `undefined` if the profile determines it. */
export async function versionOf(source: KubernetesSource): Promise<string | undefined> {
	if (source === 'upstream') return undefined;
	if (source === 'debian') return debianVersion;
	const said = await run(path.join(source.folder, 'bin', 'kubelet'), ['--version']);
	const version = /^Kubernetes v(\d+\.\d+\.\d+)/.exec(said)?.[1];
	if (version === undefined)
		throw usageError(`bin/kubelet of ${source.folder} does not print its version: ${said}`);
	return version;
}

/** Kubernetes for the image. */
export interface Kubernetes {
	/** Folder with the programs. */
	readonly binaries: string;
	/** Folder with container images, archives or unpacked; `undefined` when there are none. */
	readonly images: string | undefined;
}

/**
 * Provides Kubernetes: unpacks, builds, or finds it.
 *
 * @param release  upstream's release, for the source `upstream`
 * @param fetched  the downloaded components, including that release
 * @param cache    kimg's cache folder
 */
export async function getKubernetes(
	source: KubernetesSource,
	release: Component,
	fetched: Fetched,
	cache: string,
): Promise<Kubernetes> {
	if (source === 'upstream') {
		const key = release.checksum.split(':')[1]?.slice(0, 12);
		const folder = path.join(cache, 'kubernetes', `${release.version}-upstream-${key}`);
		await unpackInto(folder, [release], fetched);
		return { binaries: path.join(folder, 'usr/local/bin'), images: undefined };
	}
	const folder = source === 'debian' ? await buildFromDebian(cache) : source.folder;
	const images = path.join(folder, 'images');
	return { binaries: path.join(folder, 'bin'), images: (await exists(images)) ? images : undefined };
}

/** Runs scripts/kubernetes/build, which prints the folder in its last line. */
async function buildFromDebian(cache: string): Promise<string> {
	let folder = '';
	const lines: string[] = [];
	try {
		await follow(
			path.join(packageRoot, 'scripts', 'kubernetes', 'build'),
			[],
			(line) => {
				lines.push(line);
				if (line.startsWith('/')) folder = line;
				else say(line);
			},
			{ env: { KSTACK_CACHE: cache } },
		);
	} catch (error) {
		throw new UserError("Kubernetes could not be built from Debian's source; see the messages above.", {
			cause: error,
		});
	}
	return folder;
}

/** Unpacks components below a folder as on the node. Existing ones are kept. */
export async function unpackInto(
	folder: string,
	components: readonly Component[],
	fetched: Fetched,
): Promise<void> {
	if (await exists(folder)) return;
	await makeFolder(path.dirname(folder));
	await removeAbandoned(folder);
	const unfinished = `${folder}.${await ownName()}`;
	try {
		for (const component of components) {
			const file = fetched.get(component.name) as string;
			for (const [member, target] of Object.entries(component.layout)) {
				const place = path.join(unfinished, target);
				if (/\.(tar\.gz|tgz)$/.test(component.url)) await unpack(file, member, place);
				else await run('install', ['-D', '-m', '0755', file, place]);
			}
		}
		await rename(unfinished, folder);
	} catch (error) {
		// A concurrent build may have created it.
		if (!(await exists(folder))) throw error;
	} finally {
		await rm(unfinished, { recursive: true, force: true });
	}
}

/** Unpacks a member of an archive, all of it as `''`, into a folder. */
async function unpack(archive: string, member: string, folder: string): Promise<void> {
	await makeFolder(folder);
	const leading = member.replace(/\/$/, '').split('/').length - (member.endsWith('/') ? 0 : 1);
	await run('tar', [
		'--extract',
		'--gzip',
		`--file=${archive}`,
		`--directory=${folder}`,
		'--no-same-owner',
		...(member === '' ? [] : [`--strip-components=${leading}`, member]),
	]);
}

/**
 * Kubernetes in a lock, if it is not from upstream: the checksum is that of the list of its files with their checksums,
 * because there is no archive.
 */
export async function lockedKubernetes(
	source: Exclude<KubernetesSource, 'upstream'>,
	version: string,
	{ binaries, images }: Kubernetes,
): Promise<LockedComponent> {
	const files: string[] = [];
	for (const name of programs) files.push(`${await checksumOf(path.join(binaries, name))} ${name}`);
	for (const file of await filesBelow(images)) {
		files.push(`${await checksumOf(path.join(images as string, file))} images/${file}`);
	}
	return {
		version,
		url: source === 'debian' ? 'debian:bookworm/kubernetes' : 'folder',
		checksum: digestOfText(files.join('\n')),
		licence: 'Apache-2.0',
	};
}

/** Regular files below a folder, by relative path; empty without a folder. */
export async function filesBelow(folder: string | undefined): Promise<string[]> {
	if (folder === undefined) return [];
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
		.sort();
}
