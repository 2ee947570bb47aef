import { refuse } from '../../base/errors.ts';
import { print } from '../../base/say.ts';
import { defaultProfile } from '../../image/spec/profiles.ts';
import { defineCommand } from '../command.ts';
import { camelCase } from '../parse.ts';
import {
	contentFlags,
	contentOptions,
	defaultSource,
	kubernetesSource,
	optionalProfile,
	out,
	supplyFlags,
} from './flags.ts';

/** What a bundle decides, and what therefore cannot be given with it. */
function conflicts(values: Readonly<Record<string, unknown>>): string[] {
	return ['profile', 'kubernetes-source', 'locked', 'with-image', ...Object.keys(supplyFlags)]
		.filter((name) => values[camelCase(name)] !== undefined)
		.map(
			(name) =>
				`--bundle defines all that the image contains: remove ${name === 'profile' ? values.profile : `--${name}`}.`,
		);
}

export const command = defineCommand({
	arguments: { profile: optionalProfile },
	flags: {
		out: out('File to write', './PROFILE.qcow2'),
		'kubernetes-source': kubernetesSource,
		locked: {
			value: 'FILE',
			optionalValue: true,
			describe: 'Build exactly what a lock records, or fail',
			defaultText: './PROFILE.lock.json',
		},
		bundle: {
			value: 'FILE',
			describe: 'Build from a bundle; requires access to a Debian mirror only',
		},
		...contentFlags,
	},
	examples: [
		['build debian12-x64-kubernetes', "Kubernetes' current release on Debian 12"],
		['build debian12-x64-kubernetes --kubernetes-source debian', "Debian's packages only"],
		['build --bundle debian12-x64-kubernetes.bundle.tar', 'Build without access to the Internet'],
	],
	async run(values) {
		const { buildBundle, buildImage } = await import('../../image/operations/build.ts');
		if (values.bundle !== undefined) {
			refuse(conflicts(values));
			print(await buildBundle(values.bundle, { out: values.out, supply: {} }));
			return;
		}
		const { profile = defaultProfile, kubernetesSource = defaultSource, locked } = values;
		print(await buildImage(profile, kubernetesSource, { ...(await contentOptions(values)), locked }));
	},
});
