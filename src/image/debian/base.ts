import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../base/folders.ts';
import { follow } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { sh } from '../../base/template.ts';
import { publish } from '../workspace/publish.ts';

/** Packages that the elements of diskimage-builder install; they are included in the base system. */
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

/** Files that no node needs. Licences are kept. */
const unneeded = [
	'path-exclude=/usr/share/doc/*',
	'path-include=/usr/share/doc/*/copyright',
	'path-exclude=/usr/share/info/*',
	'path-exclude=/usr/share/lintian/*',
	'path-exclude=/usr/share/locale/*',
	'path-include=/usr/share/locale/locale.alias',
	'path-exclude=/usr/share/man/*',
];

/** An unused base system is removed after so many days, when another one is created. */
const daysToKeep = 7;

/** The keyring of Debian, for releases that are not archived. */
export const archiveKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The file in preferences.d, which image-cleanup removes. */
const pinsFile = 'kimg-lock';

/** All packages of the image, for the base system. */
export function basePackages(packages: readonly string[]): string[] {
	return [...new Set([...usual, ...packages])].sort();
}

/** The specification of a base system. */
export interface BaseRequest {
	/** Code name of Debian's release. */
	readonly release: string;
	readonly packages: readonly string[];
	/** Preferences of apt that pin versions, also for later steps of diskimage-builder. */
	readonly preferences: string;
	/** Lines of sources.list. */
	readonly sources: readonly string[];
	/** The hook that prevents generating the initramfs for every package. */
	readonly holdInitramfs: string;
}

/**
 * A root file system with all packages of the image, from the cache or created by mmdebstrap. It takes most of the time
 * of a build, and is the same for several builds.
 *
 * @param cache   folder with existing base systems
 * @param work    the work folder of the build
 * @param onLine  receives the output of mmdebstrap
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
		// No fsync is needed: an interrupted build starts again.
		'--dpkgopt=force-unsafe-io',
		...unneeded.map((line) => `--dpkgopt=${line}`),
		// Only needed for this step: diskimage-builder writes its own sources.
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
