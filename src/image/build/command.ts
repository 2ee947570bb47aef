import { dump } from 'js-yaml';
import { sh } from '../../base/template.ts';
import type { Tree } from '../../base/tree.ts';
import { pauseImage } from '../spec/components.ts';
import { digestOfText } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';

/** The environment and the arguments of disk-image-create. */
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
	/** Programs of upstream: a folder for each component, with the paths on the node. */
	readonly components: string;
	/** The lock, which the build completes. */
	readonly lock: string;
	/** The image, without `.qcow2`. */
	readonly output: string;
}

/**
 * The disk: one partition, as in block-device-mbr of diskimage-builder, with a file system ID that is the same in every
 * build of the same content. The boot loader uses this ID.
 */
function diskLayout({ profile, components }: ImagePlan): string {
	const digits = digestOfText(JSON.stringify([profile.name, components])).split(':')[1] as string;
	// A UUID of version 8 of RFC 9562, with custom bits.
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
 * The command that builds an image with diskimage-builder.
 *
 * @param sources  package sources by name, each a line of sources.list
 * @param mirror   mirror of the base system
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
		// The handling of release names differs between versions of diskimage-builder.
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
		// cloud-init 0.7.6 does not configure the network.
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

/** The same command as a script that can be read and edited: `build` of `kimg render`. */
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

/** Quotes an argument, except references to `$NAME` and `$here`. */
function reference(value: string): string {
	return value.includes('$') ? `"${value}"` : sh(value);
}

/** Paths and mirrors as variables of the script above. */
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

/** The output of `kimg render`: the elements, and the build script. */
export function renderedTree(elements: Tree, command: BuildCommand): Tree {
	return [
		{ path: 'build', mode: 0o755, text: buildScript(command) },
		...elements.map((file) => ({ ...file, path: `elements/${file.path}` })),
	];
}
