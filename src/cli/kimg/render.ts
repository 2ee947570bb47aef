import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { defaultSource, kubernetesSource, out, profile } from './flags.ts';

export const command = defineCommand({
	arguments: { profile },
	flags: { out: out('Folder to write', './PROFILE'), 'kubernetes-source': kubernetesSource },
	examples: [['render debian12-x64-kubernetes', 'Write ./debian12-x64-kubernetes']],
	async run({ profile, kubernetesSource = defaultSource, out }) {
		const { writeImage } = await import('../../image/operations/render.ts');
		print(await writeImage(profile, kubernetesSource, out));
	},
});
