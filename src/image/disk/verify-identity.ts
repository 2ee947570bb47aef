import type { DiskFiles } from './disk-files.ts';
import { type Finding, findings } from './verify-finding.ts';

/** Patterns of files that belong to a single machine, and the problem with them in an image. */
const machineSpecificFiles: Readonly<Record<string, string>> = {
	'/etc/ssh/ssh_host_*': 'an SSH host key, which all nodes would share',
	'/etc/ssl/private/*': 'a private key, which all nodes would share',
	'/var/lib/systemd/random-seed': 'a random seed, which all nodes would share',
	'/var/lib/dhcp/*.leases': 'a DHCP lease: the image has been booted',
	'/var/lib/cloud/instances/*':
		'the state of cloud-init: the image has been booted, and cloud-init would not run on new nodes',
	'/root/.bash_history': 'a shell history',
};

/** Account files, with the field that holds the password; `-` for backup copies. */
const accountFiles = [
	'/etc/passwd',
	'/etc/passwd-',
	'/etc/shadow',
	'/etc/shadow-',
	'/etc/gshadow',
	'/etc/gshadow-',
];

/** A locked password; `x` refers from passwd to shadow. */
const noPassword = (field: string, file: string) =>
	/^[!*]+$/.test(field) || (field === 'x' && file.startsWith('/etc/passwd'));

/** Accounts that allow login with a password, or without one. */
async function passwords(files: DiskFiles): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const file of accountFiles) {
		for (const line of ((await files.text(file)) ?? '').split('\n').filter((text) => text !== '')) {
			const [name, field = ''] = line.split(':') as [string, string | undefined];
			if (noPassword(field, file)) continue;
			// In gshadow an empty field allows no access.
			if (field === '' && file.startsWith('/etc/gshadow')) continue;
			found.push({
				about: file,
				problem: field === '' ? `${name} can log in without a password` : `${name} has a password`,
			});
		}
	}
	return found;
}

/** Authorized SSH keys. */
async function authorizedKeys(files: DiskFiles): Promise<Finding[]> {
	const homes = ['/root', ...(await files.matching('/home/*'))];
	const found: Finding[] = [];
	for (const home of homes) {
		const file = `${home}/.ssh/authorized_keys`;
		if (((await files.text(file)) ?? '').trim() === '') continue;
		found.push({ about: file, problem: 'lets the owner of an SSH key log in to all nodes' });
	}
	return found;
}

/** The IDs by which systemd and D-Bus tell machines apart. */
async function machineIds(files: DiskFiles): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
		const id = ((await files.text(file)) ?? '').trim();
		if (id !== '' && id !== 'uninitialized') {
			found.push({ about: file, problem: 'a machine ID, which all nodes would share' });
		}
	}
	return found;
}

/** Identities of a machine, which must not be in an image. */
export async function identityFindings(files: DiskFiles): Promise<Finding[]> {
	const found: Finding[] = [];
	for (const [pattern, problem] of Object.entries(machineSpecificFiles)) {
		found.push(...findings(await files.matching(pattern), problem));
	}
	return [
		...found,
		...(await machineIds(files)),
		...(await passwords(files)),
		...(await authorizedKeys(files)),
	];
}
