import type { Argv } from 'yargs';
import { Answer, exitCodes } from '../../base/errors.ts';
import { print } from '../../base/say.ts';

const imageFile = { type: 'string', demandOption: true, describe: 'An image that kimg has built' } as const;

const output = {
	alias: 'o',
	choices: ['table', 'json'] as const,
	default: 'table' as const,
	describe: 'How to print',
};

/** The commands that look at profiles and at images that are there. */
export const lookCommands = (cli: Argv) =>
	cli
		.command(
			'list',
			'List the profiles: what images there are',
			(command) => command.option('output', output),
			async (args) => {
				const { listProfiles } = await import('../../image/operations/list.ts');
				print(listProfiles(args.output));
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
				const { inspectImage } = await import('../../image/disk/inspect.ts');
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
				const { verifyImage } = await import('../../image/disk/verify.ts');
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
				const { diffImages } = await import('../../image/disk/diff.ts');
				const { text, code } = await diffImages(args.a, args.b, args.output);
				print(text);
				if (code !== 0) throw new Answer(code);
			},
		);
