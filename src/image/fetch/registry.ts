import { run } from '../../base/run.ts';

/** Number of retries of skopeo after temporary errors. */
const retries = '2';

/** The platform of nodes, independently of this machine. */
const platform = ['--override-os', 'linux', '--override-arch', 'amd64'];

/** The reference of an image for skopeo, and whether the registry uses plain HTTP. */
export interface RegistryImage {
	/** Such as `docker://quay.io/calico/node:v3.31.7`. */
	readonly address: string;
	readonly plain: boolean;
}

/** The digest of an image in a registry, or of its list of manifests. */
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
 * Copies an image's manifest and blobs to a folder unchanged, with blobs named by the digits of their digest.
 *
 * @param what  `list`: only the list of manifests of a multi-platform image
 * @throws CommandError when skopeo fails, or a digest is wrong
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
