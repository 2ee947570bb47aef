import path from 'node:path';
import { basePackages } from '../../src/image/debian/base.ts';
import { packagesOf, renderElements } from '../../src/image/spec/elements.ts';
import { planImage } from '../../src/image/spec/plan.ts';
import { profileNamed } from '../../src/image/spec/profiles.ts';
import { debianArchive } from './debian-archive.ts';
import { packages } from './debian8/packages.ts';
import { temporaryFolder } from './folders.ts';
import { type HowToRun, runSource } from './processes.ts';

/** The default profile of `kimg build`. */
export const plan = planImage(profileNamed('debian8-x64-kubernetes'));

/** An archive of Debian 8 with index entries for all packages of its image. */
export async function archive(): Promise<string> {
	const root = await temporaryFolder();
	const asked = basePackages(packagesOf(await renderElements(plan), 'jessie'));
	const backports: readonly string[] = packages.backports;
	const names = asked.filter((name) => !backports.includes(name));
	const entries = [
		{ name: 'dash', version: '1:0.5', more: 'Essential: yes' },
		{ name: 'tzdata', version: '2016a', more: 'Priority: required' },
		...['apt', ...names].map((name) => ({ name, version: '8.0-1' })),
	];
	await debianArchive(path.join(root, 'debian'), 'jessie', entries);
	const backported = backports.map((name) => ({ name, version: '9.0-1' }));
	await debianArchive(path.join(root, 'debian'), 'jessie-backports', backported);
	await debianArchive(path.join(root, 'debian-security'), 'jessie/updates', [
		{ name: 'jq', version: '8.0-1+deb8u1' },
	]);
	return root;
}

/** A cache and a working directory, and kimg in them. */
export async function machine(root: string) {
	const [cwd, cache] = [await temporaryFolder(), await temporaryFolder()];
	const env = { KSTACK_CACHE: cache, KSTACK_DEBIAN_ARCHIVE: `file://${root}` };
	const kimg = (args: readonly string[], how: HowToRun = {}) =>
		runSource('src/kimg.ts', args, { cwd, env, ...how });
	return { cwd, cache, kimg };
}
