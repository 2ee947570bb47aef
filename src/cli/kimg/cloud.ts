import type { CommandModule } from 'yargs';
import { print } from '../../base/say.ts';

const cloud = {
	alias: 'cloud',
	type: 'string',
	requiresArg: true,
	describe: 'Entry of clouds.yaml [OS_CLOUD]',
} as const;

/** What the client goes by from now on. */
function enter(osCloud: string | undefined): void {
	if (osCloud !== undefined) process.env.OS_CLOUD = osCloud;
}

interface UploadFlags {
	file: string;
	name: string | undefined;
	'os-cloud': string | undefined;
}

export const uploadCommand: CommandModule<object, UploadFlags> = {
	command: 'upload <file>',
	describe: 'Upload an image to the cloud',
	builder: (command) =>
		command
			.positional('file', {
				type: 'string',
				demandOption: true,
				describe: 'The qcow2 that kimg has built',
			})
			.option('name', {
				type: 'string',
				requiresArg: true,
				describe: "Name in the cloud, to which a digest of the content is added [the profile's]",
			})
			.option('os-cloud', cloud)
			.example('$0 upload debian12-x64-kubernetes.qcow2', 'print the ID of the image in the cloud'),
	handler: async (args) => {
		enter(args.osCloud);
		const { uploadImage } = await import('../../image/glance/upload.ts');
		print(await uploadImage(args.file, args.name));
	},
};

interface PruneFlags {
	name: string | undefined;
	keep: string;
	'dry-run': boolean | undefined;
	yes: boolean | undefined;
	output: 'table' | 'json';
	'os-cloud': string | undefined;
}

export const pruneCommand: CommandModule<object, PruneFlags> = {
	command: 'prune [name]',
	describe: 'List the images that kimg uploaded, and delete old ones that nothing uses',
	builder: (command) =>
		command
			.positional('name', { type: 'string', describe: 'Name given at the upload; left out: all' })
			.option('keep', {
				type: 'string',
				requiresArg: true,
				default: '2',
				describe: 'How many of each name stay, the newest',
			})
			.option('dry-run', { type: 'boolean', describe: 'List them and delete nothing' })
			.option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' })
			.option('output', {
				alias: 'o',
				choices: ['table', 'json'] as const,
				default: 'table' as const,
				describe: 'How to print',
			})
			.option('os-cloud', cloud)
			.example('$0 prune --dry-run', 'what there is, and what would go')
			.example('$0 prune debian12-x64-kubernetes --keep 1', 'the newest, and what is in use'),
	handler: async (args) => {
		enter(args.osCloud);
		const { judgedText, judgeImages, prune, readKeep } = await import('../../image/glance/prune.ts');
		const images = await judgeImages(args.name, readKeep(args.keep));
		print(judgedText(images, args.output));
		if (args.dryRun !== true) await prune(images, args.yes === true);
	},
};
