import { usageError } from '../../base/errors.ts';
import type { Choices } from './components.ts';

/** The name and the content of an image. */
export interface Profile {
	readonly name: string;
	/** Debian's release, by code name and number. */
	readonly release: string;
	readonly debian: number;
	/** Default release of Kubernetes from upstream. */
	readonly kubernetes: string;
	/** Whether the release is only in Debian's archive and has no security updates. */
	readonly archived: boolean;
	/** Arguments added to the kernel's command line. */
	readonly kernelArguments: string;
	/** Options of mkfs.ext4 for compatibility with the tools of the release. */
	readonly fileSystemOptions: string;
	/** One sentence for `kimg list`. */
	readonly remark: string;
	/** Releases of components, instead of those for its release of Kubernetes. */
	readonly choices: Choices;
	/**
	 * Additional Debian packages, container images (references, or paths of archives) and folders of elements.
	 */
	readonly packages: readonly string[];
	readonly images: readonly string[];
	readonly elements: readonly string[];
}

/** The empty additions of the profiles of kimg. */
const noAdditions = { choices: {}, packages: [], images: [], elements: [] };

/** The default profile of `kimg build`. */
export const defaultProfile = 'debian8-x64-kubernetes';

export const profiles: readonly Profile[] = [
	{
		...noAdditions,
		name: defaultProfile,
		release: 'jessie',
		debian: 8,
		kubernetes: '1.20.4',
		archived: true,
		// The kernels of Debian 8 disable the memory controller by default.
		kernelArguments: 'net.ifnames=0 cgroup_enable=memory swapaccount=1',
		// e2fsprogs 1.42 reports a file system with these features as broken.
		fileSystemOptions: '-O ^metadata_csum,^64bit,^metadata_csum_seed,^orphan_file',
		remark: "no security updates since 2020; needs Debian's archive",
	},
	{
		...noAdditions,
		name: 'debian12-x64-kubernetes',
		release: 'bookworm',
		debian: 12,
		kubernetes: '1.35.4',
		archived: false,
		kernelArguments: 'net.ifnames=0',
		fileSystemOptions: '',
		remark: "for production; with --kubernetes-source debian, from Debian's packages only",
	},
	{
		...noAdditions,
		name: 'debian13-x64-kubernetes',
		release: 'trixie',
		debian: 13,
		kubernetes: '1.35.4',
		archived: false,
		kernelArguments: 'net.ifnames=0',
		fileSystemOptions: '',
		remark: 'for production',
	},
];

/**
 * The profile with this name.
 *
 * @throws UserError exit code 2 when there is none
 */
export function profileNamed(name: string): Profile {
	const found = profiles.find((profile) => profile.name === name);
	if (found === undefined) {
		throw usageError(
			`There is no profile "${name}".`,
			`Available: ${profiles.map((profile) => profile.name).join(', ')}.`,
		);
	}
	return found;
}
