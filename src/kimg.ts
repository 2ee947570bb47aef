#!/usr/bin/env node
import type { Argv } from 'yargs';
import { Answer, exitCodes } from './errors.ts';
import { defaultProfile } from './image/profiles.ts';
import { main } from './main.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

const profile = (cli: Argv) =>
	cli.positional('profile', {
		type: 'string',
		default: defaultProfile,
		describe: 'Name of the profile, see kimg list, or the YAML file of an own one',
	});

const imageFile = { type: 'string', demandOption: true, describe: 'An image that kimg has built' } as const;

const output = {
	alias: 'o',
	choices: ['table', 'json'] as const,
	default: 'table' as const,
	describe: 'How to print',
};

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

/** `--with-image`, as often as one likes; of any other flag the last one counts, as everywhere. */
const withImages = <Args>(cli: Argv<Args>) =>
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
		});

await main('kimg', (cli) =>
	cli
		.usage('$0 <command>\n\nDisk images for the nodes of a Kubernetes cluster on OpenStack.')
		.option('verbose', { type: 'boolean', describe: 'Show the commands that are run' })
		.middleware(async (args) => {
			if (args.verbose === true) (await import('./run.ts')).showCommands(true);
		})
		.command(
			'list',
			'List the profiles: what images there are',
			(command) => command.option('output', output),
			async (args) => {
				const { listProfiles } = await import('./image/list.ts');
				print(listProfiles(args.output));
			},
		)
		.command(
			'render [profile]',
			'Write the elements of an image and the script that builds it, and build nothing',
			(command) =>
				profile(command)
					.option('out', { type: 'string', requiresArg: true, describe: 'Folder to write [./PROFILE]' })
					.option('kubernetes-source', kubernetesSource)
					.example('$0 render debian12-x64-kubernetes', 'write ./debian12-x64-kubernetes'),
			async (args) => {
				const { writeImage } = await import('./image/render.ts');
				print(await writeImage(args.profile as string, args.kubernetesSource, args.out));
			},
		)
		.command(
			'build [profile]',
			'Build an image with diskimage-builder',
			(command) =>
				withImages(profile(command))
					.option('out', { type: 'string', requiresArg: true, describe: 'File to write [./PROFILE.qcow2]' })
					.option('kubernetes-source', kubernetesSource)
					.option('locked', {
						type: 'string',
						describe: 'Build what this lock says, or fail [./PROFILE.lock.json]',
					})
					.options(supplyFlags)
					.example('$0 build debian12-x64-kubernetes', "Kubernetes' current line on Debian 12")
					.example(
						'$0 build debian12-x64-kubernetes --kubernetes-source debian',
						"from Debian's packages alone",
					),
			async (args) => {
				const { buildImage } = await import('./image/build.ts');
				const { readSupply } = await import('./image/fetch.ts');
				const { out, locked, withImage } = args;
				const supply = readSupply(args.mirror, args.components, args.registryMirror);
				const options = { out, locked, withImages: withImage ?? [], supply };
				print(await buildImage(args.profile as string, args.kubernetesSource, options));
			},
		)
		.command(
			'upload <file>',
			'Upload an image to the cloud',
			(command) =>
				command
					.positional('file', {
						type: 'string',
						demandOption: true,
						describe: 'The qcow2 that kimg has built',
					})
					.option('name', {
						type: 'string',
						requiresArg: true,
						describe: "Its name in the cloud [the profile's]",
					})
					.option('os-cloud', {
						type: 'string',
						requiresArg: true,
						describe: 'Entry of clouds.yaml [OS_CLOUD]',
					})
					.example('$0 upload debian12-x64-kubernetes.qcow2', 'print the ID of the image in the cloud'),
			async (args) => {
				const { uploadImage } = await import('./image/upload.ts');
				print(await uploadImage(args.file, args.name, args.osCloud));
			},
		)
		.command(
			'lock [profile]',
			'Write down every version and checksum of what an image is made from, and build nothing',
			(command) =>
				withImages(profile(command))
					.option('out', {
						type: 'string',
						requiresArg: true,
						describe: 'File to write [./PROFILE.lock.json]',
					})
					.option('kubernetes-source', kubernetesSource)
					.options(supplyFlags)
					.example('$0 lock debian12-x64-kubernetes', 'for kimg build debian12-x64-kubernetes --locked'),
			async (args) => {
				const { lockImage } = await import('./image/lock-image.ts');
				const { readSupply } = await import('./image/fetch.ts');
				const { out, withImage } = args;
				const supply = readSupply(args.mirror, args.components, args.registryMirror);
				const options = { out, withImages: withImage ?? [], supply };
				print(await lockImage(args.profile as string, args.kubernetesSource, options));
			},
		)
		.command(
			'inspect <file>',
			'Show what is in an image: versions, sizes, packages',
			(command) =>
				command
					.positional('file', imageFile)
					.option('output', {
						...output,
						choices: ['table', 'json', 'sbom'] as const,
						describe: 'How to print; sbom: a bill of materials, CycloneDX as JSON',
					})
					.example('$0 inspect debian12-x64-kubernetes.qcow2 -o sbom', 'for those who look for known flaws'),
			async (args) => {
				const { inspectImage } = await import('./image/disk/inspect.ts');
				print(await inspectImage(args.file, args.output));
			},
		)
		.command(
			'verify <file>',
			'Check an image against its lock, and that nothing is in it that should not be (exit code 0 or 1)',
			(command) =>
				command
					.positional('file', imageFile)
					.option('lock', {
						type: 'string',
						requiresArg: true,
						describe: 'Lock to check against [the one beside the image, or in it]',
					})
					.option('output', output)
					.example(
						'$0 verify debian12-x64-kubernetes.qcow2',
						'exit code 1: what is wrong with it is printed',
					),
			async (args) => {
				const { verifyImage } = await import('./image/disk/verify.ts');
				const { text, good } = await verifyImage(args.file, args.lock, args.output);
				print(text);
				if (!good) throw new Answer(exitCodes.failed);
			},
		)
		.command(
			'diff <a> <b>',
			'Show what is not the same in two images (exit code 0 or 3)',
			(command) =>
				command
					.positional('a', imageFile)
					.positional('b', { ...imageFile, describe: 'Another one' })
					.option('output', output)
					.example('$0 diff old.qcow2 new.qcow2', 'exit code 0: nothing; 3: they differ'),
			async (args) => {
				const { diffImages } = await import('./image/disk/diff.ts');
				const { text, code } = await diffImages(args.a, args.b, args.output);
				print(text);
				if (code !== 0) throw new Answer(code);
			},
		)
		.example('$0 build debian12-x64-kubernetes', 'an image for production, from upstream')
		.example('$0 upload debian12-x64-kubernetes.qcow2', 'to the cloud that OS_CLOUD names'),
);
