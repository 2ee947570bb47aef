import { defaultProfile } from '../../image/spec/profiles.ts';

export const imageFile = { describe: 'Image file (qcow2) built by kimg', required: true } as const;

const profileText = 'Name of a profile (see kimg list), or a profile file (YAML)';

export const profile = { describe: profileText, default: defaultProfile } as const;

/** The same where nothing given differs from the default given. */
export const optionalProfile = { describe: profileText, defaultText: defaultProfile } as const;

export const defaultSource = 'upstream';

export const kubernetesSource = {
	value: 'upstream|debian|FOLDER',
	defaultText: defaultSource,
	describe:
		"Source of Kubernetes: upstream's release, version 1.20.2 from Debian's source package, or a folder with bin/",
} as const;

/** Where to write. */
export const out = (describe: string, defaultText: string) =>
	({ value: 'PATH', describe, defaultText }) as const;

/** What replaces upstream's addresses. */
export const supplyFlags = {
	mirror: {
		value: 'URL|FOLDER',
		describe: 'Mirror of upstream downloads',
		defaultText: '$KSTACK_MIRROR',
	},
	components: { value: 'FOLDER', describe: 'Folder with upstream downloads, by file name (default: none)' },
	'registry-mirror': {
		value: 'HOST[:PORT][/PATH]',
		describe: 'Mirror of the container registries',
		defaultText: '$KSTACK_REGISTRY_MIRROR',
	},
} as const;

/** What an image contains besides its profile's contents, and where files come from. */
export const contentFlags = {
	'with-image': {
		value: 'REFERENCE|FILE',
		repeated: true,
		describe: 'Container image to add: a reference to pull, or an archive (.tar); can be repeated',
	},
	...supplyFlags,
} as const;

interface ContentValues {
	readonly out: string | undefined;
	readonly withImage: string[] | undefined;
	readonly mirror: string | undefined;
	readonly components: string | undefined;
	readonly registryMirror: string | undefined;
}

/** The options of build, bundle and lock. */
export async function contentOptions({
	out,
	withImage = [],
	mirror,
	components,
	registryMirror,
}: ContentValues) {
	const { readSupply } = await import('../../image/fetch/fetch.ts');
	return { out, withImages: withImage, supply: readSupply(mirror, components, registryMirror) };
}
