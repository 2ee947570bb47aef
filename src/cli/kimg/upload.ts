import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { osCloud } from '../flags.ts';
import { imageFile } from './flags.ts';

export const command = defineCommand({
	arguments: { file: imageFile },
	flags: {
		name: {
			value: 'NAME',
			describe: 'Name in Glance; a digest of the content is appended',
			defaultText: "the profile's name",
		},
		'os-cloud': osCloud,
	},
	examples: [['upload debian12-x64-kubernetes.qcow2', 'Upload an image and print its ID']],
	async run(values) {
		const { uploadImage } = await import('../../image/glance/upload.ts');
		print(await uploadImage(values.file, values.name));
	},
});
