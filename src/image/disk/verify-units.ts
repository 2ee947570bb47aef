import type { DiskFiles } from './disk-files.ts';
import type { Finding } from './verify-finding.ts';

/** Units that every image must enable: those of kstack, the clock, and those needed to access a node. */
const commonUnits = [
	'chrony.service',
	'cloud-config.service',
	'cloud-final.service',
	'cloud-init-local.service',
	'containerd.service',
	'kstack-agent.path',
	'kstack-assemble.service',
	'kstack-images.service',
	'kstack-metadata-guard.service',
	'kstack-pods.service',
	'ssh.service',
];

const since12 = [
	'cloud-init-hotplugd.socket',
	'fstrim.timer',
	'getty@tty1.service',
	'networking.service',
	'remote-fs.target',
	'resolvconf-pull-resolved.path',
	'resolvconf-pull-resolved.service',
	'resolvconf.service',
	'systemd-pstore.service',
];

/** All other units that a release may enable. */
const byRelease: Readonly<Record<string, readonly string[]>> = {
	'12': [...since12, 'cloud-init.service'],
	'13': [
		...since12,
		'cloud-init-main.service',
		'cloud-init-network.service',
		'grub-common.service',
		'sshd-keygen.service',
	],
};

/** Units that must not be enabled: user-data starts them on the nodes of a role. */
const forbiddenUnits =
	/^(etcd|haproxy|keepalived|kube.*|systemd-timesyncd|apt-daily(-upgrade)?|kstack-(gateway|leavers|nodes|pki|renew|routes|services))\.(service|timer)$/;

const etc = '/etc/systemd/system';
const folders = [etc, '/usr/lib/systemd/system', '/lib/systemd/system'];

const isLinkToDevNull = async (files: DiskFiles, file: string) =>
	(await files.resolvePath(file)) === (await files.resolvePath('/dev/null'));

/** The unit file, `undefined` when there is none. */
async function unitFile(files: DiskFiles, unit: string): Promise<string | undefined> {
	for (const folder of folders) {
		if ((await files.names(folder)).includes(unit)) return `${folder}/${unit}`;
	}
	return undefined;
}

/** Units that are wanted or required in /etc and not masked. */
async function wanted(files: DiskFiles): Promise<string[]> {
	const holders = (await files.names(etc)).filter((name) => /\.(wants|requires)$/.test(name));
	const names = new Set((await Promise.all(holders.map((name) => files.names(`${etc}/${name}`)))).flat());
	const masked = await Promise.all([...names].map((name) => isLinkToDevNull(files, `${etc}/${name}`)));
	return [...names].filter((_, index) => masked[index] !== true);
}

/** System V init scripts that start at boot and have no unit: systemd runs them too. */
async function scripts(files: DiskFiles): Promise<string[]> {
	const levels = ['S', '2', '3', '4', '5'].map((level) => `/etc/rc${level}.d`);
	const links = (await Promise.all(levels.map((folder) => files.names(folder)))).flat();
	const names = links
		.map((link) => /^S\d\d(.+?)(\.sh)?$/.exec(link)?.[1])
		.filter((name) => name !== undefined);
	const units = [...new Set(names)].map((name) => `${name}.service`);
	const known = await Promise.all(units.map((unit) => unitFile(files, unit)));
	return units.filter((_, index) => known[index] === undefined);
}

/** The enabled units of a disk, sorted. */
export async function enabledUnits(files: DiskFiles): Promise<string[]> {
	return [...new Set([...(await wanted(files)), ...(await scripts(files))])].sort();
}

/**
 * Units that are enabled and should not be, or the reverse. For a release that is not in the list, only the units of
 * kstack and of the roles are checked.
 */
export async function unitFindings(files: DiskFiles): Promise<Finding[]> {
	const release = /^VERSION_ID="?(\d+)/m.exec((await files.text('/etc/os-release')) ?? '')?.[1] ?? '';
	const others = byRelease[release];
	const expected = [...commonUnits, ...(others ?? [])];
	const enabled = await enabledUnits(files);
	const unexpected = enabled.filter((unit) =>
		others === undefined ? forbiddenUnits.test(unit) : !expected.includes(unit),
	);
	return [
		...expected
			.filter((unit) => !enabled.includes(unit))
			.map((unit) => ({ about: unit, problem: 'is not enabled, but must be' })),
		...unexpected.map((unit) => ({ about: unit, problem: 'is enabled, but must not be' })),
	];
}
