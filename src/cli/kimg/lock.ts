import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { contentFlags, contentOptions, defaultSource, kubernetesSource, out, profile } from './flags.ts';

export const command = defineCommand({
	arguments: { profile },
	flags: {
		out: out('File to write', './PROFILE.lock.json'),
		'kubernetes-source': kubernetesSource,
		...contentFlags,
	},
	examples: [['lock debian12-x64-kubernetes', 'For `kimg build debian12-x64-kubernetes --locked`']],
	async run(values) {
		const { lockImage } = await import('../../image/operations/lock.ts');
		const { profile, kubernetesSource = defaultSource } = values;
		print(await lockImage(profile, kubernetesSource, await contentOptions(values)));
	},
});
