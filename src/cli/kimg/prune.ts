import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { osCloud, output, yes } from '../flags.ts';

export const command = defineCommand({
	arguments: { name: { describe: 'Name given at the upload', defaultText: 'every name' } },
	flags: {
		keep: { value: 'N', default: '2', describe: 'Newest images to keep per name' },
		'dry-run': { boolean: true, describe: 'List the images and delete nothing' },
		yes,
		output,
		'os-cloud': osCloud,
	},
	examples: [
		['prune --dry-run', 'Show which images would be deleted'],
		['prune debian12-x64-kubernetes --keep 1', 'Keep the newest image and those in use'],
	],
	async run(values) {
		const { decisionsText, selectImages, prune, readKeep } = await import('../../image/glance/prune.ts');
		const images = await selectImages(values.name, readKeep(values.keep));
		print(decisionsText(images, values.output));
		if (values.dryRun !== true) await prune(images, values.yes === true);
	},
});
