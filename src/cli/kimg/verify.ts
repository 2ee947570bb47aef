import { Answer, exitCodes } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { imageFile } from './flags.ts';

export const command = defineCommand({
	arguments: { file: imageFile },
	flags: {
		lock: {
			value: 'FILE',
			describe: 'Lock to check against',
			defaultText: 'the lock next to the image, or in the image',
		},
		output,
	},
	examples: [['verify debian12-x64-kubernetes.qcow2', 'Print the findings; exit code 0: none, 1: some']],
	async run(values) {
		const { verifyImage } = await import('../../image/disk/verify.ts');
		const { text, good } = await verifyImage(values.file, values.lock, values.output);
		print(text);
		if (!good) throw new Answer(exitCodes.failed);
	},
});
