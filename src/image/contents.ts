import type { ImagePlan } from './plan.ts';

/** Components that a build from Debian's packages takes from there, in their versions. */
const packaged = ['etcd', 'containerd', 'runc', 'cni-plugins'];

/** The tag of a container image. */
const tagOf = (reference: string) => reference.split(':').at(-1) as string;

/**
 * What is in an image, by name: versions of components, where kimg chooses them, and else whose they are.
 *
 * @param ownImages  whether the container images come with Kubernetes, made without any registry
 */
export function contentsOf(plan: ImagePlan, ownImages = false): Readonly<Record<string, string>> {
	const { profile, line, components } = plan;
	return {
		debian: `${profile.debian} (${profile.release})`,
		...components,
		...(plan.fromDebian ? Object.fromEntries(packaged.map((name) => [name, "Debian's"])) : {}),
		pause: tagOf(line.pauseImage),
		...(ownImages ? { 'cluster-dns': "kimg's" } : { coredns: tagOf(line.dnsImage) }),
		routed: "kimg's",
	};
}
