import { minorOf } from './components.ts';

/** The flags of components that depend on the version of Kubernetes. */
export interface ComponentFlags {
	readonly apiserver: readonly string[];
	readonly controllerManager: readonly string[];
	readonly scheduler: readonly string[];
	readonly kubelet: readonly string[];
}

type Row = {
	readonly component: keyof ComponentFlags;
	/** Flag, with `PAUSE` for the reference of the pause image. */
	readonly flag: string;
	/** First minor version of Kubernetes 1 with the flag; without it, all have it. */
	readonly since?: number;
	/** First minor version without the flag; without it, there is none. */
	readonly until?: number;
};

const runtime = 'unix:///run/containerd/containerd.sock';

/** From the changelogs of Kubernetes: 1.24 removed dockershim and insecure ports. */
const table: readonly Row[] = [
	{ component: 'apiserver', flag: '--insecure-port=0', until: 24 },
	{ component: 'controllerManager', flag: '--port=0', until: 24 },
	{ component: 'scheduler', flag: '--port=0', until: 24 },
	{ component: 'kubelet', flag: '--container-runtime=remote', until: 27 },
	{ component: 'kubelet', flag: '--pod-infra-container-image=PAUSE', until: 35 },
	{ component: 'kubelet', flag: `--container-runtime-endpoint=${runtime}` },
	{ component: 'apiserver', flag: '--enable-admission-plugins=DenyServiceExternalIPs', since: 21 },
];

/**
 * The version-dependent flags of a release.
 *
 * @param version     of Kubernetes, such as `1.20.2`
 * @param pauseImage  reference of the image that holds a pod's namespaces
 */
export function componentFlags(version: string, pauseImage: string): ComponentFlags {
	const minor = minorOf(version);
	const flags = (component: keyof ComponentFlags) =>
		table
			.filter(
				({ component: of, since = 0, until = Number.POSITIVE_INFINITY }) =>
					of === component && minor >= since && minor < until,
			)
			.map((row) => row.flag.replace('PAUSE', pauseImage));
	return {
		apiserver: flags('apiserver'),
		controllerManager: flags('controllerManager'),
		scheduler: flags('scheduler'),
		kubelet: flags('kubelet'),
	};
}

/**
 * The version of the API in which PodSecurity, which enforces the Pod Security Standards, is configured; empty if the
 * release has none. From https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/.
 *
 * @param version  of Kubernetes, such as `1.20.2`
 */
export function podSecurityApi(version: string): 'v1' | 'v1beta1' | '' {
	const minor = minorOf(version);
	if (minor >= 25) return 'v1';
	return minor >= 23 ? 'v1beta1' : '';
}
