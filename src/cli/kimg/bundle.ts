import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { contentFlags, contentOptions, defaultSource, kubernetesSource, out, profile } from './flags.ts';

export const command = defineCommand({
	arguments: { profile },
	flags: {
		out: out('File to write', './PROFILE.bundle.tar'),
		'kubernetes-source': kubernetesSource,
		...contentFlags,
	},
	examples: [['bundle debian12-x64-kubernetes', 'For `kimg build --bundle` on another machine']],
	async run(values) {
		const { bundleImage } = await import('../../image/operations/bundle.ts');
		const { profile, kubernetesSource = defaultSource } = values;
		print(await bundleImage(profile, kubernetesSource, await contentOptions(values)));
	},
});
