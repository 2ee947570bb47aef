import { outerLock } from '../disk/inspect-lock.ts';
import { type ImageRecord, recordOf } from '../disk/inspect-record.ts';
import type { Lock } from '../spec/lock.ts';
import { profiles } from '../spec/profiles.ts';
import { requireRecord } from './check.ts';

/** The properties of an image in Glance, except its name and digest. */
export interface ImageFacts {
	/** The profile in the image's record; `undefined` without one. */
	readonly profile: string | undefined;
	/** Minimum disk size in whole gigabytes. */
	readonly minDisk: number;
	readonly properties: Readonly<Record<string, string>>;
}

/** Components that may come from Debian's packages, by their upstream names. */
const fromDebian = {
	etcd: 'etcd-server',
	containerd: 'containerd',
	runc: 'runc',
	'cni-plugins': 'containernetworking-plugins',
};

/** The network drivers that the image supports, as values of kstack's --network-driver. */
function networkDrivers(record: ImageRecord): string {
	return [...['calico', 'flannel'].filter((name) => record.components?.[name] !== undefined), 'routed'].join(
		',',
	);
}

/** Versions of the content of an image, by name. */
function versionsOf(record: ImageRecord, lock: Lock | undefined): Record<string, string> {
	const versions: Record<string, string> = {};
	for (const [name, debianPackage] of Object.entries(fromDebian)) {
		const version = lock?.packages[debianPackage]?.version;
		if (version !== undefined) versions[name] = version;
	}
	for (const [name, { version }] of Object.entries(lock?.components ?? {})) versions[name] = version;
	Object.assign(versions, record.components);
	if (record.kubernetes !== undefined) versions.kubernetes = record.kubernetes;
	return versions;
}

/** The number of Debian's release, also for custom profiles. */
function debianOf(record: ImageRecord, lock: Lock | undefined): number | undefined {
	const known = profiles.find(
		({ name, release }) => name === record.profile || release === lock?.debian.release,
	);
	return known?.debian;
}

/**
 * The properties of an image, from its record and its lock.
 *
 * @param disk  the size of its disk in bytes
 * @throws UserError exit code 2 when it has no record, or the lock beside it cannot be read
 */
export async function factsOf(file: string, disk: number): Promise<ImageFacts> {
	const [record, found] = await Promise.all([recordOf(file), outerLock(file)]);
	requireRecord(file, record);
	const debian = debianOf(record, found?.lock);
	const agent = found?.lock.packages['qemu-guest-agent'] !== undefined;
	const versions = Object.entries(versionsOf(record, found?.lock));
	return {
		profile: record.profile,
		minDisk: Math.ceil(disk / 2 ** 30),
		properties: {
			architecture: 'x86_64',
			os_type: 'linux',
			os_distro: 'debian',
			...(debian === undefined ? {} : { os_version: String(debian) }),
			os_admin_user: 'debian',
			hw_disk_bus: 'virtio',
			hw_vif_model: 'virtio',
			hw_rng_model: 'virtio',
			...(agent ? { hw_qemu_guest_agent: 'yes' } : {}),
			...(record.profile === undefined ? {} : { kstack_profile: record.profile }),
			...(record.contract === undefined ? {} : { kstack_contract: String(record.contract) }),
			kstack_network_drivers: networkDrivers(record),
			...Object.fromEntries(
				versions.map(([name, version]) => [`kstack_${name.replaceAll('-', '_')}`, version]),
			),
		},
	};
}
