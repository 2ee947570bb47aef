// Programs and node image of an earlier release, built from its own commit.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { root, succeed } from './cloud.ts';

/** The commits whose image and programs the tests use, by release: the last ones of a contract. */
export const commits = { '0.2.0': '51657fcd673f2343dcd8a74aa169a6982a807116' } as const;

/** A release as it was: its repository with compiled programs, and its image. */
export interface BuiltRelease {
	readonly kimg: string;
	readonly kstack: string;
	/** The disk image of `debian12-x64-kubernetes`. */
	readonly image: string;
}

const cache = () =>
	process.env.KSTACK_CACHE ??
	path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'kstack');

async function checkOut(commit: string, folder: string): Promise<void> {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	const archive = `${folder}.tar`;
	await succeed('git', ['archive', '--output', archive, commit], root);
	await succeed('tar', ['--extract', '--file', archive, '--directory', folder]);
	await rm(archive);
	await succeed('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
	await succeed('npm', ['run', 'build'], folder);
}

/** Builds a release, or returns what an earlier test has built of the same commit. */
export async function builtRelease(release: keyof typeof commits): Promise<BuiltRelease> {
	const folder = path.join(cache(), 'releases', commits[release]);
	const source = path.join(folder, 'source');
	const image = path.join(folder, 'image.qcow2');
	const program = (name: string) => path.join(source, 'dist', `${name}.js`);
	if (!existsSync(image)) {
		await checkOut(commits[release], source);
		const target = path.join(folder, 'new.qcow2');
		const profile = ['build', 'debian12-x64-kubernetes', '--kubernetes-source', 'debian', '--out', target];
		await succeed('node', [program('kimg'), ...profile], folder);
		await rename(target, image);
	}
	return { kimg: program('kimg'), kstack: program('kstack'), image };
}
