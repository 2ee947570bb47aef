import type { Settings } from './config.ts';

/** What `kstack render` writes for settings that `kstack create` reads from the cloud: examples to edit. */
export const renderDefaults: Settings = {
	image: 'debian12-x64-kubernetes',
	masterFlavor: 'm1.medium',
	minionFlavor: 'm1.medium',
	gatewayFlavor: 'm1.small',
	externalNetwork: 'none',
	gatewayFloatingIp: false,
	networkDriver: 'calico',
};
