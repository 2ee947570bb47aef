import { pauseImage } from './components.ts';
import type { ImagePlan } from './plan.ts';

/** Components that a build from Debian's packages takes from Debian, in any version. */
const packaged = ['etcd', 'containerd', 'runc', 'cni-plugins'];

/** The tag of a container image. */
const tagOf = (reference: string) => reference.split(':').at(-1) as string;

/** The content of an image, by name: versions if kimg selects them, otherwise the origin. */
export function contentsOf({
	profile,
	line,
	components,
	fromDebian,
	elements,
}: ImagePlan): Readonly<Record<string, string>> {
	const all = Object.entries(components);
	const isNetwork = (name: string) => elements.includes(`network-${name}`);
	return {
		debian: `${profile.debian} (${profile.release})`,
		...Object.fromEntries(all.filter(([name]) => !isNetwork(name))),
		...(fromDebian ? Object.fromEntries(packaged.map((name) => [name, "Debian's"])) : {}),
		pause: tagOf(pauseImage(line)),
		dns: elements.includes('coredns')
			? `CoreDNS ${tagOf(line.images.coredns?.reference ?? '')}`
			: "kimg's own",
		networks: ['routed', ...all.filter(([name]) => isNetwork(name)).map((pair) => pair.join(' '))].join(', '),
	};
}
