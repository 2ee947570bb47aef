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
			defaultText: 'the lock beside the image, or inside it',
		},
		output,
	},
	examples: [
		['verify debian12-x64-kubernetes.qcow2', 'Print what is wrong; exit code 0: nothing, 1: findings'],
	],
	async run(values) {
		const { verifyImage } = await import('../../image/disk/verify.ts');
		const { text, good } = await verifyImage(values.file, values.lock, values.output);
		print(text);
		if (!good) throw new Answer(exitCodes.failed);
	},
});
