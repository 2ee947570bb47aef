import { readFile } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { proxyVariables, run } from '../../base/run.ts';
import type { Profile } from '../spec/profiles.ts';

/** The mirrors of Debian. */
export interface Mirrors {
	readonly main: string;
	readonly security: string;
}

/** Debian's archive, for releases that are no longer on the mirrors. */
const archive = process.env.KSTACK_DEBIAN_ARCHIVE ?? 'http://archive.debian.org';

/** One package index that apt is configured for, in this machine's own configuration. */
interface Target {
	readonly uri: string;
	readonly suite: string;
}

/** Debian's cloud images have a file with mirrors instead of a mirror. */
async function firstMirror(uri: string): Promise<string> {
	const file = /^mirror\+file:\/*(\/.*?)\/*$/.exec(uri)?.[1];
	const line =
		file === undefined ? uri : (await readFile(file, 'utf8')).split('\n').find((text) => /^[a-z]/.test(text));
	return (line ?? uri).trim().split(/\s/)[0]?.replace(/\/+$/, '') ?? '';
}

/**
 * The mirrors in the apt configuration of this machine, as apt reads it.
 * `KSTACK_DEBIAN_MIRROR` takes precedence over the main one.
 *
 * @throws UserError when there is neither
 */
export async function debianMirrors(): Promise<Mirrors> {
	const listed = await run(
		'apt-get',
		[
			'indextargets',
			'--no-release-info',
			'--format',
			'$(REPO_URI) $(RELEASE) $(COMPONENT)',
			'Identifier: Packages',
		],
		{ package: 'apt' },
	);
	const targets: Target[] = listed
		.split('\n')
		.map((line) => line.split(' '))
		.filter(
			([uri, , component]) =>
				component === 'main' && /^mirror\+file:|\/debian(-security)?\/?$/.test(uri ?? ''),
		)
		.map(([uri, suite]) => ({ uri: uri as string, suite: suite as string }));
	const security = targets.find((target) => target.suite.endsWith('-security'));
	const main = process.env.KSTACK_DEBIAN_MIRROR ?? targets.find((target) => target !== security)?.uri;
	if (main === undefined) {
		throw new UserError('apt on this machine has no Debian mirror configured.', {
			hint: 'Set KSTACK_DEBIAN_MIRROR to one.',
		});
	}
	const mirror = await firstMirror(main);
	return {
		main: mirror,
		security: security === undefined ? `${mirror}-security` : await firstMirror(security.uri),
	};
}

/** The mirrors that hold a profile's release. */
export async function mirrorsFor(profile: Profile): Promise<Mirrors> {
	return profile.archived
		? { main: `${archive}/debian`, security: `${archive}/debian-security` }
		: debianMirrors();
}

/** Package sources of a release, each line of sources.list under a name. */
export function aptSources(profile: Profile, mirrors: Mirrors): Readonly<Record<string, string>> {
	const { release } = profile;
	if (profile.archived) {
		// Its Release files have expired, and apt 1.0 has no narrower option for that.
		return {
			default: `deb [trusted=yes] ${mirrors.main} ${release} main`,
			security: `deb [trusted=yes] ${mirrors.security} ${release}/updates main`,
			// Only for packages that are nowhere else, such as cloud-guest-utils of Debian 8.
			backports: `deb [trusted=yes] ${mirrors.main} ${release}-backports main`,
		};
	}
	return {
		default: `deb ${mirrors.main} ${release} main`,
		updates: `deb ${mirrors.main} ${release}-updates main`,
		security: `deb ${mirrors.security} ${release}-security main`,
	};
}

/** The proxy variables for Debian's mirrors; by default the proxies in the configuration of apt. */
export async function proxyEnvironment(): Promise<NodeJS.ProcessEnv> {
	const asked = ['http', 'https'].filter((scheme) => proxyVariables()[`${scheme}_proxy`] === undefined);
	const shown = await run(
		'apt-config',
		['shell', ...asked.flatMap((scheme) => [`${scheme}_proxy`, `Acquire::${scheme}::Proxy`])],
		{ package: 'apt' },
	);
	const proxies = shown.split('\n').flatMap((line) => {
		const [, name, proxy] = /^(\w+)='(.+)'$/.exec(line) ?? [];
		return name === undefined || proxy === 'DIRECT' ? [] : [[name, proxy] as const];
	});
	return Object.fromEntries(proxies);
}
