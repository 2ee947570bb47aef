import { dump } from 'js-yaml';
import { sh } from '../../base/template.ts';
import type { Tree } from '../../base/tree.ts';
import { pauseImage } from '../spec/components.ts';
import { digestOfText } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';

/** A run of disk-image-create: its own variables and its arguments. */
export interface BuildCommand {
	readonly environment: Readonly<Record<string, string>>;
	readonly args: readonly string[];
}

/** Folders and files of one build. */
export interface BuildPlaces {
	readonly elements: string;
	/** Kubernetes' programs. */
	readonly binaries: string;
	/** Container images as archives. */
	readonly archives: string;
	/** Upstream's programs: a folder for each component, laid out as on the node. */
	readonly components: string;
	/** The lock, which the build completes. */
	readonly lock: string;
	/** The image, without `.qcow2`. */
	readonly output: string;
}

/**
 * The disk: one partition, as diskimage-builder's block-device-mbr has it, with an ID of the file system that is
 * the same in every build of the same parts. The boot loader's settings hold it.
 */
function diskLayout({ profile, components }: ImagePlan): string {
	const digits = digestOfText(JSON.stringify([profile.name, components])).split(':')[1] as string;
	// Of RFC 9562's version 8, whose other bits are the maker's own.
	const uuid = digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5');
	const mount = { mount_point: '/', fstab: { options: 'defaults', 'fsck-passno': 1 } };
	const root = { name: 'root', flags: ['boot', 'primary'], size: '100%', mkfs: { uuid, mount } };
	return dump([
		{ local_loop: { name: 'image0' } },
		{ partitioning: { base: 'image0', label: 'mbr', partitions: [root] } },
	]);
}

const expiredKeys = '/usr/share/keyrings/debian-archive-removed-keys.gpg';

/**
 * How diskimage-builder is called for an image.
 *
 * @param sources  package sources by name, each a line of sources.list
 * @param mirror   where the base system comes from
 */
export function buildCommand(
	plan: ImagePlan,
	places: BuildPlaces,
	mirror: string,
	sources: Readonly<Record<string, string>>,
): BuildCommand {
	const { profile } = plan;
	const named = Object.entries(sources).map(([name, line]) => `${name}:${line}`);
	const environment: Record<string, string> = {
		ELEMENTS_PATH: places.elements,
		DIB_RELEASE: profile.release,
		DIB_PYTHON_VERSION: '3',
		DIB_DISTRIBUTION_MIRROR: mirror,
		// What diskimage-builder makes of a release's name differs from version to version.
		DIB_APT_SOURCES_CONF: named.join('\n'),
		DIB_BLOCK_DEVICE_CONFIG: diskLayout(plan),
		DIB_BOOTLOADER_DEFAULT_CMDLINE: profile.kernelArguments,
		DIB_GRUB_TIMEOUT: '0',
		DIB_KUBERNETES_BINARIES: places.binaries,
		DIB_CONTAINER_ARCHIVES: places.archives,
		DIB_CONTAINER_SANDBOX_IMAGE: pauseImage(plan.line),
		DIB_CONTAINER_CGROUP_DRIVER: plan.cgroupDriver,
		DIB_IMAGE_LOCK: places.lock,
		OVERWRITE_OLD_IMAGE: '1',
	};
	if (!plan.fromDebian) environment.DIB_UPSTREAM_COMPONENTS = places.components;
	if (profile.archived) {
		environment.DIB_APT_KEYRING = expiredKeys;
		environment.DIB_DEBIAN_ARCHIVE_SOURCES = Object.values(sources).join('\n');
		// cloud-init 0.7.6 leaves the network to the image.
		environment.DIB_APT_MINIMAL_CREATE_INTERFACES = '1';
	}
	return {
		environment,
		args: [
			'-n',
			'-a',
			'amd64',
			'-o',
			places.output,
			'--qemu-img-options',
			'compression_type=zstd',
			...(profile.fileSystemOptions === '' ? [] : ['--mkfs-options', profile.fileSystemOptions]),
			...plan.elements,
		],
	};
}

/** The same run as a script that a person can read, change and start: the `build` of `kimg render`. */
export function buildScript(command: BuildCommand): string {
	const assignments = Object.entries(command.environment).map(
		([name, value]) => `export ${name}=${reference(value)}`,
	);
	return `#!/bin/bash
# Builds the image with diskimage-builder, as \`kimg build\` does after it has fetched what goes in.
# Say where things are before you start it:
#   DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR   package mirrors
#   KUBERNETES_BINARIES                     folder with kube-apiserver, kubelet and so on
#   CONTAINER_ARCHIVES                      folder with container images as *.tar
#   UPSTREAM_COMPONENTS                     folder with a folder for each component, laid out as on the node,
#                                           where the elements want one
# and, for an image that knows what is in it:
#   IMAGE_LOCK                              file that \`kimg lock\` has written, which the build completes
set -euo pipefail
here=$(cd "$(dirname "\${BASH_SOURCE[0]}")" && pwd)

${assignments.join('\n')}

exec disk-image-create ${command.args.map(reference).join(' ')}
`;
}

/** A shell word in which `$NAME` and `$here` stay references. */
function reference(value: string): string {
	return value.includes('$') ? `"${value}"` : sh(value);
}

/** Places and mirrors as the variables that the script above asks for. */
export const asked = {
	places: {
		elements: '$here/elements',
		binaries: '$KUBERNETES_BINARIES',
		archives: '$CONTAINER_ARCHIVES',
		components: '$UPSTREAM_COMPONENTS',
		lock: '${IMAGE_LOCK:-}',
	},
	mirrors: { main: '$DEBIAN_MIRROR', security: '$DEBIAN_SECURITY_MIRROR' },
} as const;

/** What `kimg render` writes: the elements, and the script that builds from them. */
export function renderedTree(elements: Tree, command: BuildCommand): Tree {
	return [
		{ path: 'build', mode: 0o755, text: buildScript(command) },
		...elements.map((file) => ({ ...file, path: `elements/${file.path}` })),
	];
}
