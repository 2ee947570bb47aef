// Runs parts of diskimage-builder for the profile of Debian 8, one by one.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../../src/base/package.ts';
import { writeTree } from '../../../src/base/tree.ts';
import { renderImage } from '../../../src/image/operations/render.ts';
import { temporaryFolder } from '../folders.ts';
import { plans } from '../images.ts';
import { output, runToEnd, systemPath, tool } from '../processes.ts';
import type { Archive } from './archive.ts';

const library = '/usr/lib/python3/dist-packages/diskimage_builder';
const theirs = path.join(library, 'elements');

/** As root, diskimage-builder uses the `sudo` of kimg. */
export const buildPath = `${path.join(packageRoot, 'scripts/image/as-root')}:${systemPath}`;

export interface Builder {
	/** The rendered elements. */
	readonly ours: string;
	/** All elements of the profile, as diskimage-builder resolves them. */
	readonly elements: readonly string[];
	/** The environment of a hook. */
	readonly environment: NodeJS.ProcessEnv;
	/** Our hooks of a phase, by their names, in the order in which they run. */
	hooks(phase: string): Promise<string[]>;
	/** A hook of diskimage-builder. */
	theirHook(name: string): string;
	/** The names of the Debian packages that all elements install. */
	packages(): Promise<string[]>;
}

/** The profile as `kimg render` writes it, for an archive. */
export async function builder(archive: Pick<Archive, 'main' | 'security'>): Promise<Builder> {
	tool('disk-image-create', 'python3-diskimage-builder');
	const plan = plans['debian8-x64-kubernetes'];
	if (plan === undefined) throw new Error('there is no such profile');
	const folder = await temporaryFolder();
	await writeTree(folder, await renderImage(plan));
	const ours = path.join(folder, 'elements');
	const both = `${ours}:${theirs}`;
	const resolved = await output(
		'/usr/bin/python3',
		[path.join(library, 'lib/element-info.py'), ...plan.elements],
		{
			env: { ELEMENTS_PATH: both },
		},
	);
	const elements = resolved.trim().split(/\s+/);
	const pathOf = async (element: string) =>
		path.join((await readdir(ours)).includes(element) ? ours : theirs, element);
	const inPhase = async (phase: string, among: (folder: string) => boolean) => {
		const found: string[] = [];
		for (const element of elements) {
			const hooks = path.join(await pathOf(element), phase);
			if (!among(hooks)) continue;
			for (const name of await readdir(hooks).catch(() => [])) found.push(path.join(hooks, name));
		}
		return found.sort((a, b) => (path.basename(a) < path.basename(b) ? -1 : 1));
	};

	// What `build` tells disk-image-create, and what the elements' environment.d makes of it.
	const bin = path.join(folder, 'bin');
	await mkdir(bin);
	await writeFile(path.join(bin, 'disk-image-create'), '#!/bin/bash\nenv --null\n', { mode: 0o755 });
	const told = variables(
		await output(path.join(folder, 'build'), [], {
			env: {
				...{
					PATH: `${bin}:${systemPath}`,
					DEBIAN_MIRROR: archive.main,
					DEBIAN_SECURITY_MIRROR: archive.security,
				},
				...{
					KUBERNETES_BINARIES: path.join(folder, 'binaries'),
					CONTAINER_ARCHIVES: path.join(folder, 'archives'),
				},
				UPSTREAM_COMPONENTS: path.join(folder, 'components'),
			},
		}),
	);
	const sourced = await inPhase('environment.d', () => true);
	const environment = variables(
		await output(
			'bash',
			['-euc', 'for file; do . "$file" >/dev/null; done; env --null', 'source', ...sourced],
			{
				env: { ...told, ARCH: 'amd64', TMP_HOOKS_PATH: folder, IMAGE_NAME: 'image', PATH: buildPath },
			},
		),
	);

	return {
		ours,
		elements,
		environment,
		hooks: (phase) => inPhase(phase, (hooks) => hooks.startsWith(ours)),
		theirHook: (name) => path.join(theirs, name),
		async packages() {
			const list = path.join(folder, 'packages.json');
			await output(
				'/usr/bin/python3',
				[
					path.join(theirs, 'package-installs/bin/package-installs-squash'),
					...['--elements', elements.join(' '), '--path', both, list],
				],
				{ env: environment },
			);
			const wanted = JSON.parse(await output('cat', [list])) as Record<
				string,
				{ install?: [string, string][] }
			>;
			const byElement = new Map<string, string[]>();
			for (const [name, element] of Object.values(wanted).flatMap(({ install }) => install ?? []))
				byElement.set(element, [...(byElement.get(element) ?? []), name]);
			const names = new Set<string>();
			for (const [element, wishes] of byElement) {
				const map = path.join(await pathOf(element), 'pkg-map');
				const mapped = await output(
					'/usr/bin/python3',
					[path.join(theirs, 'pkg-map/bin/pkg-map'), '--pkg-map', map, '--missing-ok', ...wishes],
					{ env: environment },
				);
				for (const one of mapped.split(/\s+/)) if (one !== '') names.add(one);
			}
			return [...names].sort();
		},
	};
}

const variables = (text: string): NodeJS.ProcessEnv =>
	Object.fromEntries(
		text
			.split('\0')
			.filter((one) => one !== '')
			.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]),
	);

/** Runs one hook of the build host for a root file system. */
export const runHook = (hook: string, root: string, environment: NodeJS.ProcessEnv) =>
	runToEnd(hook, [], { env: { ...environment, PATH: buildPath, TARGET_ROOT: root } });
