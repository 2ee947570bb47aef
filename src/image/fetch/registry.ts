import { run } from '../../base/run.ts';

/** Times that skopeo tries again what a moment's failure has ended. */
const retries = '2';

/** The machines that nodes are, whichever this one is. */
const platform = ['--override-os', 'linux', '--override-arch', 'amd64'];

/** An image in a registry, as skopeo calls it, and whether the registry speaks plain HTTP. */
export interface RegistryImage {
	/** Such as `docker://quay.io/calico/node:v3.31.7`. */
	readonly address: string;
	readonly plain: boolean;
}

/** The digest of what a registry has under a name: of a list of platforms where it is one. */
export function digestIn({ address, plain }: RegistryImage): Promise<string> {
	return run(
		'skopeo',
		[
			...platform,
			...['inspect', '--retry-times', retries, '--no-tags', '--format', '{{.Digest}}'],
			...(plain ? ['--tls-verify=false'] : []),
			address,
		],
		{ package: 'skopeo' },
	);
}

/**
 * Copies an image's manifest and blobs into a folder, byte for byte, each blob under its digest's digits.
 *
 * @param what  `list`: of an image for several platforms the list of their manifests alone
 * @throws CommandError skopeo's; also when a digest is not what was asked for
 */
export async function copyImage(
	{ address, plain }: RegistryImage,
	folder: string,
	what: 'list' | 'platform',
): Promise<void> {
	await run(
		'skopeo',
		[
			...platform,
			...['copy', '--quiet', '--preserve-digests', '--retry-times', retries],
			...(what === 'list' ? ['--multi-arch', 'index-only'] : []),
			...(plain ? ['--src-tls-verify=false'] : []),
			...[address, `dir:${folder}`],
		],
		{ package: 'skopeo' },
	);
}
