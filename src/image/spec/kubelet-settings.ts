/** Settings of the kubelet, as lines of its configuration, and the first minor version of Kubernetes 1 that knows each. */
const table: readonly { readonly setting: string; readonly from: number }[] = [
	// Before, a feature gate that is off. Together less than the 60 seconds that Nova gives a server to shut down.
	{ setting: 'shutdownGracePeriod: 45s', from: 21 },
	{ setting: 'shutdownGracePeriodCriticalPods: 15s', from: 21 },
	{ setting: 'seccompDefault: true', from: 25 },
	// Before, the number of images that are pulled at a time could be one or any.
	{ setting: 'serializeImagePulls: false', from: 27 },
	{ setting: 'maxParallelImagePulls: 3', from: 27 },
];

/**
 * The settings of the kubelet that depend on the version of Kubernetes: an older kubelet does not start with one that it
 * does not know.
 *
 * @param minor  of the version: 20 for 1.20.2
 * @returns lines of the kubelet's configuration file
 */
export const kubeletSettings = (minor: number): readonly string[] =>
	table.filter(({ from }) => minor >= from).map(({ setting }) => setting);
