import { Answer } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { imageFile } from './flags.ts';

export const command = defineCommand({
	arguments: { a: imageFile, b: { ...imageFile, describe: 'Image file (qcow2) to compare with A' } },
	flags: { output },
	examples: [['diff old.qcow2 new.qcow2', 'Print the differences; exit code 0: none, 3: some']],
	async run(values) {
		const { diffImages } = await import('../../image/disk/diff.ts');
		const { text, code } = await diffImages(values.a, values.b, values.output);
		print(text);
		if (code !== 0) throw new Answer(code);
	},
});
