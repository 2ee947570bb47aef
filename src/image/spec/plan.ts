import path from 'node:path';
import {
	type Component,
	type ContainerImage,
	lineFor,
	minorOf,
	pauseImage,
	type ReleaseLine,
} from './components.ts';
import { type ComponentFlags, componentFlags } from './flags.ts';
import { imageNamed, isArchive } from './image-reference.ts';
import type { Profile } from './profiles.ts';

/** The content of an image, determined before anything is fetched or built. */
export interface ImagePlan {
	readonly profile: Profile;
	/** Release of Kubernetes, such as `1.20.2`. */
	readonly kubernetes: string;
	readonly line: ReleaseLine;
	/** All files that are fetched from upstream. */
	readonly fetched: readonly Component[];
	/** All container images that are fetched. */
	readonly images: readonly ContainerImage[];
	/** Archives of container images that the operator adds. */
	readonly archives: readonly string[];
	/** Whether etcd, container runtime and network plugins come from Debian's packages. */
	readonly fromDebian: boolean;
	readonly cgroupDriver: 'systemd' | 'cgroupfs';
	readonly flags: ComponentFlags;
	/** Elements on the command line of disk-image-create; they depend on the others. */
	readonly elements: readonly string[];
	/** Names and versions of the content, for the record in the image. */
	readonly components: Readonly<Record<string, string>>;
}

/** The generated element for the packages that a custom profile adds. */
export const packagesElement = 'own-packages';

/** Whether containerd and etcd of Debian are compatible: those of Debian 12 with kubelets before 1.26; Debian 8 has none. */
function debianSuits(profile: Profile, kubernetes: string): boolean {
	return profile.debian >= 12 && minorOf(kubernetes) < 26;
}

/**
 * Determines the content of an image.
 *
 * @param kubernetes  release of Kubernetes; (default: the profile's)
 * @param ownImages   whether the container images are built with Kubernetes, without a registry
 */
export function planImage(profile: Profile, kubernetes = profile.kubernetes, ownImages = false): ImagePlan {
	const line = lineFor(kubernetes, profile.choices);
	const fromDebian = debianSuits(profile, kubernetes);
	const networks = ownImages ? [] : Object.keys(line.networks);
	const firstOf = (network: string) => line.images[line.networks[network]?.[0] as string] as ContainerImage;
	const companions = fromDebian ? [] : line.companions;
	return {
		profile,
		kubernetes,
		line,
		fetched: [
			...(ownImages ? [] : [line.kubernetes]),
			...companions,
			...networks.flatMap((network) => line.manifests[network] ?? []),
		],
		images: [
			...(ownImages ? [] : Object.values(line.images)),
			...profile.images.filter((word) => !isArchive(word)).map(imageNamed),
		],
		archives: profile.images.filter(isArchive),
		fromDebian,
		// systemd 215 cannot delegate, and 1.20 with Debian's containerd is tested with cgroupfs.
		cgroupDriver: minorOf(kubernetes) < 26 ? 'cgroupfs' : 'systemd',
		flags: componentFlags(kubernetes, pauseImage(line)),
		elements: [
			'debian-minimal',
			'vm',
			'block-device-mbr',
			...(profile.archived ? ['debian-archive'] : []),
			'kubernetes-node',
			fromDebian ? 'components-from-debian' : 'components-from-upstream',
			ownImages ? 'cluster-dns' : 'coredns',
			...networks.map((network) => `network-${network}`),
			...(profile.packages.length > 0 ? [packagesElement] : []),
			...profile.elements.map((element) => path.basename(element)),
		],
		components: {
			kubernetes,
			...Object.fromEntries(companions.map(({ name, version }) => [name, version])),
			...Object.fromEntries(
				networks.map((network) => [network, firstOf(network).reference.split(':').at(-1) as string]),
			),
		},
	};
}
