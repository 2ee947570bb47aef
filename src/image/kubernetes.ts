import { constants } from 'node:fs';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { UserError, usageError } from '../errors.ts';
import { packageRoot } from '../package.ts';
import { follow, run } from '../run.ts';
import { say } from '../say.ts';
import type { Component } from './components.ts';
import { packImage } from './container-image.ts';
import { fetchComponent } from './fetch.ts';

/** Where Kubernetes comes from: its release, Debian's source package, or a folder. */
export type KubernetesSource = 'upstream' | 'debian' | { readonly folder: string };

/** The release that Debian's source package holds; the script checks it. */
const debianVersion = '1.20.2';

const programs = [
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
 * What `--kubernetes-source` says.
 *
 * @throws UserError exit code 2 when it is a folder that is not there or does not hold Kubernetes
 */
export async function readSource(word: string): Promise<KubernetesSource> {
	if (word === 'upstream' || word === 'debian') return word;
	const folder = path.resolve(word);
	const missing: string[] = [];
	for (const name of programs)
		if (!(await exists(path.join(folder, 'bin', name), constants.X_OK))) missing.push(name);
	if (missing.length > 0) {
		throw usageError(
			`${word} does not hold Kubernetes: there is no bin/${missing.join(', bin/')}.`,
			'--kubernetes-source takes upstream, debian, or a folder with bin/ and, if wanted, images/.',
		);
	}
	return { folder };
}

/** The release of Kubernetes that a source gives; `undefined` where the profile decides. */
export async function versionOf(source: KubernetesSource): Promise<string | undefined> {
	if (source === 'upstream') return undefined;
	if (source === 'debian') return debianVersion;
	const said = await run(path.join(source.folder, 'bin', 'kubelet'), ['--version']);
	const version = /^Kubernetes v(\d+\.\d+\.\d+)/.exec(said)?.[1];
	if (version === undefined)
		throw usageError(`bin/kubelet of ${source.folder} does not say its version: ${said}`);
	return version;
}

/** Kubernetes as it goes into the image. */
export interface Kubernetes {
	/** Folder with the programs. */
	readonly binaries: string;
	/** Folder with container images, packed or not; `undefined` when there are none. */
	readonly images: string | undefined;
}

/**
 * Gets Kubernetes: fetches, builds, or finds it.
 *
 * @param release  upstream's release, for the source `upstream`
 * @param cache    kimg's cache folder
 */
export async function getKubernetes(
	source: KubernetesSource,
	release: Component,
	cache: string,
): Promise<Kubernetes> {
	if (source === 'upstream') {
		const folder = path.join(cache, 'kubernetes', `${release.version}-upstream`);
		await unpackInto(folder, [release], path.join(cache, 'downloads'));
		return { binaries: path.join(folder, 'usr/local/bin'), images: undefined };
	}
	const folder = source === 'debian' ? await buildFromDebian(cache) : source.folder;
	const images = path.join(folder, 'images');
	return { binaries: path.join(folder, 'bin'), images: (await exists(images)) ? images : undefined };
}

/** Runs scripts/kubernetes/build, whose last line names the folder. */
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
		throw new UserError("Kubernetes could not be built from Debian's source; the reason is above.", {
			cause: error,
		});
	}
	return folder;
}

/**
 * Lays components out below a folder as on the node. What is there already stays.
 *
 * @param downloads  folder of earlier downloads
 */
export async function unpackInto(
	folder: string,
	components: readonly Component[],
	downloads: string,
): Promise<void> {
	if (await exists(folder)) return;
	const unfinished = `${folder}.${process.pid}`;
	await rm(unfinished, { recursive: true, force: true });
	for (const component of components) {
		const file = await fetchComponent(component, downloads);
		for (const [member, target] of Object.entries(component.layout)) {
			const place = path.join(unfinished, target);
			if (!/\.(tar\.gz|tgz)$/.test(file)) {
				await run('install', ['-D', '-m', '0755', file, place]);
				continue;
			}
			await mkdir(place, { recursive: true });
			const leading = member.replace(/\/$/, '').split('/').length - (member.endsWith('/') ? 0 : 1);
			await run('tar', [
				'--extract',
				`--file=${file}`,
				`--directory=${place}`,
				'--no-same-owner',
				...(member === '' ? [] : [`--strip-components=${leading}`, member]),
			]);
		}
	}
	await mkdir(path.dirname(folder), { recursive: true });
	await rename(unfinished, folder);
}

/** Puts every container image of a folder, packed or still to be packed, into another as archives. */
export async function collectImages(images: string | undefined, archives: string): Promise<void> {
	await mkdir(archives, { recursive: true });
	if (images === undefined) return;
	for (const entry of await readdir(images, { withFileTypes: true })) {
		const from = path.join(images, entry.name);
		if (entry.isDirectory()) await packImage(from, path.join(archives, `${entry.name}.tar`));
		else if (entry.name.endsWith('.tar')) await run('cp', [from, archives]);
	}
}
