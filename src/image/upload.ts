import { access } from 'node:fs/promises';
import path from 'node:path';
import { usageError } from '../errors.ts';
import { run } from '../run.ts';
import { say } from '../say.ts';
import { type ImageRecord, recordOf } from './disk/inspect-record.ts';
import { checksumOf } from './fetch.ts';
import { profiles } from './profiles.ts';

const clientPackage = 'python3-openstackclient';

/** Whole gigabytes that a disk must have to hold the image. */
async function diskFor(file: string): Promise<number> {
	const info = await run('qemu-img', ['info', '--output=json', file], { package: 'qemu-utils' });
	return Math.ceil((JSON.parse(info) as { 'virtual-size': number })['virtual-size'] / 2 ** 30);
}

/** The pod networks that nodes of the image can have, by the words of kstack's --network-driver. */
function networkDrivers(record: ImageRecord): string {
	return [...['calico', 'flannel'].filter((name) => record.components?.[name] !== undefined), 'routed'].join(
		',',
	);
}

/** Properties of the image in Glance: the usual ones that OpenStack itself reads, and ours. */
function propertiesOf(record: ImageRecord, digest: string): Record<string, string> {
	const profile = profiles.find(({ name }) => name === record.profile);
	return {
		os_type: 'linux',
		os_distro: 'debian',
		...(profile === undefined ? {} : { os_version: String(profile.debian) }),
		hw_rng_model: 'virtio',
		kstack_sha256: digest,
		kstack_network_drivers: networkDrivers(record),
		...(record.profile === undefined ? {} : { kstack_profile: record.profile }),
		...(record.kubernetes === undefined ? {} : { kstack_kubernetes: record.kubernetes }),
	};
}

/** The ID of an image of that name that holds the same bytes; `undefined` when there is none. */
async function sameImage(client: (args: string[]) => Promise<string>, name: string, digest: string) {
	const listed = await client([
		'image',
		'list',
		'--name',
		name,
		'--property',
		`kstack_sha256=${digest}`,
		'--status',
		'active',
		'-f',
		'json',
	]);
	return (JSON.parse(listed) as { ID: string }[])[0]?.ID;
}

/**
 * Uploads an image to Glance, unless the same is there already.
 *
 * @param name   its name there; the profile's when left out
 * @param cloud  entry of clouds.yaml; the client's own choice when left out
 * @returns the image's ID
 * @throws UserError exit code 2 when there is no such file
 */
export async function uploadImage(file: string, name?: string, cloud?: string): Promise<string> {
	const there = await access(file).then(
		() => true,
		() => false,
	);
	if (!there) throw usageError(`There is no file ${file}.`, 'kimg build makes one.');
	const client = (args: string[]) =>
		run('openstack', args, {
			package: clientPackage,
			env: { PYTHONWARNINGS: 'ignore', ...(cloud === undefined ? {} : { OS_CLOUD: cloud }) },
		});
	const record = await recordOf(file);
	const imageName = name ?? record.profile ?? path.basename(file, '.qcow2');
	const [checksum, disk] = await Promise.all([checksumOf(file), diskFor(file)]);
	const digest = checksum.replace('sha256:', '');

	const present = await sameImage(client, imageName, digest);
	if (present !== undefined) {
		say(`${imageName} is there already, with the same content`);
		return present;
	}
	const began = Date.now();
	const properties = Object.entries(propertiesOf(record, digest)).flatMap(([key, value]) => [
		'--property',
		`${key}=${value}`,
	]);
	const id = await client([
		'image',
		'create',
		imageName,
		'--file',
		file,
		'--disk-format',
		'qcow2',
		'--container-format',
		'bare',
		'--min-disk',
		String(disk),
		'--tag',
		'kimg',
		...properties,
		'-f',
		'value',
		'-c',
		'id',
	]);
	say(`${imageName} uploaded in ${Math.round((Date.now() - began) / 1000)} s`);
	return id.trim();
}
