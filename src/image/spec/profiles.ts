import { usageError } from '../../base/errors.ts';
import type { Choices } from './components.ts';

/** An image's name and what is in it. */
export interface Profile {
	readonly name: string;
	/** Debian's release, by code name and number. */
	readonly release: string;
	readonly debian: number;
	/** Upstream's release of Kubernetes that the image gets unless told otherwise. */
	readonly kubernetes: string;
	/** Whether the release has left the mirrors for Debian's archive: no security updates any more. */
	readonly archived: boolean;
	/** Words added to the kernel's command line. */
	readonly kernelArguments: string;
	/** Options of mkfs.ext4 that the release's own tools need; none when they take the defaults. */
	readonly fileSystemOptions: string;
	/** One sentence for `kimg list`. */
	readonly remark: string;
	/** Releases of components in place of those that go with its Kubernetes. */
	readonly choices: Choices;
	/**
	 * Debian packages, container images (references, or paths of archives) and folders of elements that it has
	 * beside what all have.
	 */
	readonly packages: readonly string[];
	readonly images: readonly string[];
	readonly elements: readonly string[];
}

/** What an own profile adds, and ours do not. */
const nothingMore = { choices: {}, packages: [], images: [], elements: [] };

/** What `kimg build` builds when it is not told. */
export const defaultProfile = 'debian8-x64-kubernetes';

export const profiles: readonly Profile[] = [
	{
		...nothingMore,
		name: defaultProfile,
		release: 'jessie',
		debian: 8,
		kubernetes: '1.20.4',
		archived: true,
		// Debian's kernels of that time leave the memory controller off.
		kernelArguments: 'net.ifnames=0 cgroup_enable=memory swapaccount=1',
		// e2fsprogs 1.42 takes a file system with these features for a broken one.
		fileSystemOptions: '-O ^metadata_csum,^64bit,^metadata_csum_seed,^orphan_file',
		remark: "no security updates since 2020; needs Debian's archive",
	},
	{
		...nothingMore,
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
		...nothingMore,
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
 * The profile of that name.
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
