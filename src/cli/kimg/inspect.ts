import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { imageFile } from './flags.ts';

export const command = defineCommand({
	arguments: { file: imageFile },
	flags: {
		output: {
			...output,
			choices: ['table', 'json', 'sbom'],
			describe: 'Output format; sbom is a CycloneDX bill of materials in JSON',
		},
	},
	examples: [['inspect debian12-x64-kubernetes.qcow2 -o sbom', 'Print input for a vulnerability scanner']],
	async run(values) {
		const { inspectImage } = await import('../../image/disk/inspect.ts');
		print(await inspectImage(values.file, values.output));
	},
});
