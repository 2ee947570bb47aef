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
	/** First minor version of Kubernetes 1 without the flag; needed in all earlier ones. */
	readonly until: number;
};

const runtime = 'unix:///run/containerd/containerd.sock';

/** From the changelogs of Kubernetes: 1.24 removed dockershim and insecure ports. */
const table: readonly Row[] = [
	{ component: 'apiserver', flag: '--insecure-port=0', until: 24 },
	{ component: 'controllerManager', flag: '--port=0', until: 24 },
	{ component: 'scheduler', flag: '--port=0', until: 24 },
	{ component: 'kubelet', flag: '--container-runtime=remote', until: 27 },
	{ component: 'kubelet', flag: '--pod-infra-container-image=PAUSE', until: 35 },
	{ component: 'kubelet', flag: `--container-runtime-endpoint=${runtime}`, until: Number.POSITIVE_INFINITY },
];

/**
 * The version-dependent flags of a release.
 *
 * @param version     of Kubernetes, such as `1.20.2`
 * @param pauseImage  reference of the image that holds a pod's namespaces
 */
export function componentFlags(version: string, pauseImage: string): ComponentFlags {
	const minor = Number(version.split('.')[1]);
	const flags = (component: keyof ComponentFlags) =>
		table
			.filter((row) => row.component === component && minor < row.until)
			.map((row) => row.flag.replace('PAUSE', pauseImage));
	return {
		apiserver: flags('apiserver'),
		controllerManager: flags('controllerManager'),
		scheduler: flags('scheduler'),
		kubelet: flags('kubelet'),
	};
}
