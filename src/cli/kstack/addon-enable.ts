import { defineCommand } from '../command.ts';
import { addonTimeout, clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: {
		addon: { describe: 'Name of the addon, or path of its folder (with a /)', required: true },
		name: clusterName,
	},
	flags: {
		set: {
			value: 'KEY=VALUE',
			repeated: true,
			describe: 'Set a value of the addon; can be repeated',
			defaultText: 'unchanged',
		},
		timeout: addonTimeout,
	},
	examples: [
		['addon enable default-limits demo', 'Enable an addon'],
		['addon enable dns demo --set replicas=3', 'Change a value of an addon'],
	],
	async run(values) {
		const { enableAddon } = await import('../../cluster/operations/addon.ts');
		await enableAddon(values.addon, await nameOf(values), { ...values, set: values.set ?? [] });
	},
});
