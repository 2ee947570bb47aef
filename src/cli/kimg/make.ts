import type { Argv } from 'yargs';
import { refuse } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defaultProfile } from '../../image/spec/profiles.ts';

const profileWords = 'Name of the profile, see kimg list, or the YAML file of an own one';

const profile = (cli: Argv) =>
	cli.positional('profile', { type: 'string', default: defaultProfile, describe: profileWords });

const out = (what: string) => ({ type: 'string', requiresArg: true, describe: what }) as const;

const kubernetesSource = {
	type: 'string',
	requiresArg: true,
	default: 'upstream',
	describe:
		"Where Kubernetes comes from: upstream (its release), debian (1.20.2 from Debian's source package), or a folder with bin/",
} as const;

/** What stands in for upstream's addresses. */
const supplyFlags = {
	mirror: {
		type: 'string',
		requiresArg: true,
		describe: "Address or folder that stands in for upstream's [KSTACK_MIRROR]",
	},
	components: { type: 'string', requiresArg: true, describe: "Folder that holds upstream's files by name" },
	'registry-mirror': {
		type: 'string',
		requiresArg: true,
		describe: 'HOST[:PORT][/PATH] that stands in for the registries [KSTACK_REGISTRY_MIRROR]',
	},
} as const;

/** What goes in beside the profile's own, and where it comes from. Of a flag that is repeated the last one counts. */
const contents = <Args>(cli: Argv<Args>) =>
	cli
		.parserConfiguration({ 'duplicate-arguments-array': true, 'greedy-arrays': false })
		.middleware((args: Record<string, unknown>) => {
			for (const [name, value] of Object.entries(args))
				if (Array.isArray(value) && !['_', 'with-image', 'withImage'].includes(name))
					args[name] = value.at(-1);
		}, true)
		.option('with-image', {
			type: 'string',
			array: true,
			requiresArg: true,
			describe: 'Container image to add, from its registry or as an archive (.tar); may be repeated',
		})
		.options(supplyFlags);

interface ContentFlags {
	readonly out?: string | undefined;
	readonly withImage?: string[] | undefined;
	readonly mirror?: string | undefined;
	readonly components?: string | undefined;
	readonly registryMirror?: string | undefined;
}

async function optionsOf({ out, withImage = [], mirror, components, registryMirror }: ContentFlags) {
	const { readSupply } = await import('../../image/fetch/fetch.ts');
	return { out, withImages: withImage, supply: readSupply(mirror, components, registryMirror) };
}

/** What a bundle brings with it, and what therefore cannot be said beside it. */
function contradictions(args: Readonly<Record<string, unknown>>): string[] {
	return ['profile', 'kubernetes-source', 'locked', 'with-image', ...Object.keys(supplyFlags)]
		.filter((name) => args[name] !== undefined)
		.map(
			(name) =>
				`--bundle says all that goes into the image: leave out ${name === 'profile' ? args.profile : `--${name}`}.`,
		);
}

/** The commands that make images, or what images are made from. */
export const makeCommands = (cli: Argv) =>
	cli
		.command(
			'render [profile]',
			'Write the elements of an image and the script that builds it, and build nothing',
			(command) =>
				profile(command)
					.option('out', out('Folder to write [./PROFILE]'))
					.option('kubernetes-source', kubernetesSource)
					.example('$0 render debian12-x64-kubernetes', 'write ./debian12-x64-kubernetes'),
			async (args) => {
				const { writeImage } = await import('../../image/operations/render.ts');
				print(await writeImage(args.profile as string, args.kubernetesSource, args.out));
			},
		)
		.command(
			'build [profile]',
			'Build an image with diskimage-builder',
			(command) =>
				contents(command)
					.positional('profile', { type: 'string', describe: `${profileWords} [${defaultProfile}]` })
					.option('out', out('File to write [./PROFILE.qcow2]'))
					.option('kubernetes-source', { ...kubernetesSource, default: undefined })
					.option('locked', {
						type: 'string',
						describe: 'Build what this lock says, or fail [./PROFILE.lock.json]',
					})
					.option('bundle', {
						type: 'string',
						requiresArg: true,
						describe: 'Build what kimg bundle has packed, with no network but a Debian mirror',
					})
					.example('$0 build debian12-x64-kubernetes', "Kubernetes' current line on Debian 12")
					.example(
						'$0 build debian12-x64-kubernetes --kubernetes-source debian',
						"from Debian's packages alone",
					),
			async (args) => {
				const { buildBundle, buildImage } = await import('../../image/operations/build.ts');
				if (args.bundle !== undefined) {
					refuse(contradictions(args));
					print(await buildBundle(args.bundle, { out: args.out, supply: {} }));
					return;
				}
				const { profile: word = defaultProfile, kubernetesSource: source = kubernetesSource.default } = args;
				print(await buildImage(word, source, { ...(await optionsOf(args)), locked: args.locked }));
			},
		)
		.command(
			'bundle [profile]',
			"Pack all that an image is made from, but for Debian's packages, into one file",
			(command) =>
				contents(profile(command))
					.option('out', out('File to write [./PROFILE.bundle.tar]'))
					.option('kubernetes-source', kubernetesSource)
					.example('$0 bundle debian12-x64-kubernetes', 'for kimg build --bundle on another machine'),
			async (args) => {
				const { bundleImage } = await import('../../image/operations/bundle.ts');
				print(await bundleImage(args.profile as string, args.kubernetesSource, await optionsOf(args)));
			},
		)
		.command(
			'lock [profile]',
			'Write down every version and checksum of what an image is made from, and build nothing',
			(command) =>
				contents(profile(command))
					.option('out', out('File to write [./PROFILE.lock.json]'))
					.option('kubernetes-source', kubernetesSource)
					.example('$0 lock debian12-x64-kubernetes', 'for kimg build debian12-x64-kubernetes --locked'),
			async (args) => {
				const { lockImage } = await import('../../image/operations/lock.ts');
				print(await lockImage(args.profile as string, args.kubernetesSource, await optionsOf(args)));
			},
		);
