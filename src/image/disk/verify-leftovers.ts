import type { DiskFiles } from './disk-files.ts';
import type { InstalledPackage } from './disk-packages.ts';
import { type Finding, findings } from './verify-finding.ts';

/** Patterns of files that only the build needs. */
const buildLeftovers: Readonly<Record<string, string>> = {
	'/etc/dib-manifests': "the build's whole environment, written by diskimage-builder",
	'/usr/local/bin/dib-*': "diskimage-builder's own program",
	'/usr/local/bin/install-packages': "diskimage-builder's own program",
	'/usr/local/bin/package-*': "diskimage-builder's own program",
	'/usr/local/bin/pkg-map': "diskimage-builder's own program",
	'/usr/local/bin/svc-map': "diskimage-builder's own program",
	'/hold-initramfs': "the build's own program",
	'/usr/sbin/update-initramfs.held': 'renamed by the build and not restored',
	'/usr/sbin/policy-rc.d': 'prevents services from starting; only a build needs it',
	'/etc/apt/apt.conf.d/99mmdebstrap': 'apt settings of the build',
	'/etc/dpkg/dpkg.cfg.d/99mmdebstrap': 'dpkg settings of the build',
	'/etc/resolv.conf.ORIG': 'renamed by the build and not restored',
	'/etc/resolvconf/resolv.conf.d/original': "the build machine's name servers",
	'/var/lib/apt/lists/*': 'a package index of the build',
	'/var/cache/apt/*.bin': "apt's cache",
	'/var/cache/apt/archives/*.deb': 'a downloaded package',
	'/var/log/*.log': 'a log of the build',
	'/var/log/apt/*': 'a log of the build',
	'/tmp/*': 'a temporary file of the build',
	'/var/tmp/*': 'a temporary file of the build',
	'/root/.cache': 'a cache of the build',
	'/root/.wget-hsts': 'a file of wget, with the hosts of the build',
};

/** Folders of the system that must exist and be empty. */
const empty = new Set(['/var/lib/apt/lists/partial', '/var/lib/apt/lists/auxfiles']);

/** Names of packages with compilers. */
const compilers =
	/^(gcc|g\+\+|cpp|clang|llvm|golang|rustc|cargo|tcc|binutils|make|build-essential|dpkg-dev)(-\d[\d.]*)?(-x86-64-linux-gnu|-go|-bin)?$|-dev$|^linux-headers-/;

/** Compilers that are not from a package. */
const compilerFile =
	/^(x86_64-linux-gnu-)?(gcc|g\+\+|cc|c\+\+|cpp|clang|clang\+\+|go|rustc|cargo|tcc|ld|as|make)(-[\d.]+)?$/;

/** Whether a package source is a public one of Debian, and not only available to the build machine. */
function isDebians(address: string): boolean {
	const host = /^https?:\/\/([^/:]+)/.exec(address)?.[1] ?? '';
	return host === 'debian.org' || host.endsWith('.debian.org');
}

const withoutComments = (text: string) => text.replace(/^\s*(#|\/\/).*$/gm, '');

async function packageSources(files: DiskFiles): Promise<Finding[]> {
	const lists = [
		'/etc/apt/sources.list',
		...(await files.matching('/etc/apt/sources.list.d/*.list')),
		...(await files.matching('/etc/apt/sources.list.d/*.sources')),
	];
	const found: Finding[] = [];
	for (const list of lists) {
		const addresses = withoutComments((await files.text(list)) ?? '').match(/\b[a-z][a-z+]*:\/\S*/g) ?? [];
		for (const address of new Set(addresses)) {
			if (!isDebians(address))
				found.push({ about: list, problem: `names ${address}, a mirror of the build` });
		}
	}
	return found;
}

async function aptSettings(files: DiskFiles): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const file of ['/etc/apt/apt.conf', ...(await files.matching('/etc/apt/apt.conf.d/*'))]) {
		const text = withoutComments((await files.text(file)) ?? '');
		if (/\bproxy\b/i.test(text)) found.push({ about: file, problem: 'names a proxy of the build' });
		if (/AllowUnauthenticated\s+"?(true|1|yes)/i.test(text)) {
			found.push({ about: file, problem: 'lets apt install unsigned packages' });
		}
	}
	return found.concat(
		findings(await files.matching('/etc/apt/auth.conf.d/*'), 'a login at a mirror of the build'),
	);
}

/** Variables of the build in files in /etc. */
async function environment(files: DiskFiles): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const file of await files.below('/etc')) {
		const variable = /^\s*(?:export |declare -x )?(DIB_\w+|\w+_proxy)=/im.exec(
			(await files.text(file)) ?? '',
		);
		if (variable !== null) found.push({ about: file, problem: `sets ${variable[1]}, as in the build` });
	}
	return found;
}

async function nameServers(files: DiskFiles): Promise<Finding[]> {
	const named = /^nameserver\s+(\S+)/m.exec((await files.text('/etc/resolv.conf')) ?? '');
	if (named === null) return [];
	return [{ about: '/etc/resolv.conf', problem: `names ${named[1]}, a name server of the build` }];
}

async function compilersOn(files: DiskFiles, packages: readonly InstalledPackage[]): Promise<Finding[]> {
	const installed = packages.filter(({ name }) => compilers.test(name)).map(({ name }) => name);
	const compilerFiles: string[] = [];
	for (const folder of ['/usr/local/bin', '/usr/bin']) {
		for (const name of await files.names(folder))
			if (compilerFile.test(name)) compilerFiles.push(`${folder}/${name}`);
	}
	return [...findings(installed, 'a compiler package'), ...findings(compilerFiles, 'a compiler')];
}

/** Leftovers of the build that no node needs. */
export async function leftoverFindings(
	files: DiskFiles,
	packages: readonly InstalledPackage[],
): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [pattern, problem] of Object.entries(buildLeftovers)) {
		found.push(
			...findings(
				(await files.matching(pattern)).filter((file) => !empty.has(file)),
				problem,
			),
		);
	}
	return [
		...found,
		...(await packageSources(files)),
		...(await aptSettings(files)),
		...(await environment(files)),
		...(await nameServers(files)),
		...(await compilersOn(files, packages)),
	];
}
