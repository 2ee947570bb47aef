import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../base/folders.ts';
import { follow } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { sh } from '../../base/template.ts';
import { publish } from '../workspace/publish.ts';

/** Packages that diskimage-builder's own elements install: with them in the base, it finds them there. */
const usual = [
	'adduser',
	'busybox',
	'cloud-init',
	'gnupg2',
	'grub-pc',
	'initramfs-tools',
	'linux-image-amd64',
	'locales',
	'lsb-release',
	'netbase',
	'python3',
	'rsync',
	'sudo',
	'systemd-sysv',
];

/** What no node reads. Licences stay. */
const unneeded = [
	'path-exclude=/usr/share/doc/*',
	'path-include=/usr/share/doc/*/copyright',
	'path-exclude=/usr/share/info/*',
	'path-exclude=/usr/share/lintian/*',
	'path-exclude=/usr/share/locale/*',
	'path-include=/usr/share/locale/locale.alias',
	'path-exclude=/usr/share/man/*',
];

/** A base system that no build has used for so long is removed when another one is made. */
const daysToKeep = 7;

/** Debian's own keys, of the releases that are not archived. */
export const archiveKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where the preferences lie below preferences.d until image-cleanup takes them away. */
const pinsFile = 'kimg-lock';

/** All packages to ask for, so that a base system holds the image's. */
export function basePackages(packages: readonly string[]): string[] {
	return [...new Set([...usual, ...packages])].sort();
}

/** What a base system is made of. */
export interface BaseRequest {
	/** Code name of Debian's release. */
	readonly release: string;
	readonly packages: readonly string[];
	/** Preferences of apt that say which versions; diskimage-builder's own steps keep to them as well. */
	readonly preferences: string;
	/** Lines of sources.list. */
	readonly sources: readonly string[];
	/** The hook that keeps the initramfs from being made with every package. */
	readonly holdInitramfs: string;
}

/**
 * A root file system with all packages of the image, from the cache or made by mmdebstrap:
 * the larger part of a build, and the same from one build to the next.
 *
 * @param cache   folder of earlier ones
 * @param work    the build's own folder
 * @param onLine  gets mmdebstrap's output
 * @returns the archive: tar, compressed by zstd
 */
export async function makeBase(
	request: BaseRequest,
	{ cache, work }: { cache: string; work: string },
	onLine: (line: string) => void,
	env: NodeJS.ProcessEnv,
): Promise<string> {
	const { release, packages, preferences, holdInitramfs } = request;
	const options = [
		'--variant=minbase',
		'--components=main',
		`--include=${packages.join(',')}`,
		`--keyring=${archiveKeyring}`,
		'--aptopt=Acquire::Languages "none"',
		`--essential-hook=cp ${sh(holdInitramfs)} "$1/hold-initramfs"`,
		'--essential-hook=chroot "$1" /hold-initramfs',
		'--essential-hook=rm "$1/hold-initramfs"',
		// Nothing is lost when a build is: it begins anew.
		'--dpkgopt=force-unsafe-io',
		...unneeded.map((line) => `--dpkgopt=${line}`),
		// What only this step needs: diskimage-builder writes sources of its own.
		'--customize-hook=rm -f "$1/etc/apt/sources.list" "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
	];
	const content = JSON.stringify([
		options,
		preferences,
		request.sources,
		await readFile(holdInitramfs, 'utf8'),
	]);
	const key = createHash('sha256').update(content).digest('hex').slice(0, 12);
	const archive = path.join(cache, `debian-${release}-${key}.tar.zst`);
	const now = new Date();
	const isThere = await utimes(archive, now, now).then(
		() => true,
		() => false,
	);
	if (isThere) return archive;

	say(`Installing ${packages.length} packages and their dependencies; cached for later builds`);
	await makeFolder(cache);
	const unfinished = path.join(work, 'base.tar.zst');
	const pins = path.join(work, 'base.pref');
	const place = '"$1/etc/apt/preferences.d"';
	const pinHook = `--setup-hook=mkdir -p ${place} && cp ${sh(pins)} ${place}/${pinsFile}`;
	await writeFile(pins, preferences);
	await follow('mmdebstrap', [...options, pinHook, release, unfinished, ...request.sources], onLine, {
		env,
		cwd: work,
		package: 'mmdebstrap',
	});
	await publish({ [archive]: unfinished });
	await removeUnused(cache);
	return archive;
}

async function removeUnused(cache: string): Promise<void> {
	for (const name of await readdir(cache)) {
		if (!/^debian-.*\.tar\.(gz|zst)$/.test(name)) continue;
		const file = path.join(cache, name);
		const used = (await stat(file).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
		if (Date.now() - used > daysToKeep * 24 * 3600 * 1000) await rm(file, { force: true });
	}
}
