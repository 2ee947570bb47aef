import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { dryRunText } from '../status-table.ts';
import { addonTimeout, clusterName, dryRunFlag } from './flags.ts';

export const command = defineCommand({
	arguments: {
		name: clusterName,
		addon: { describe: 'Name of the addon, or path of its folder (with a /)', required: true },
	},
	flags: {
		set: {
			value: 'KEY=VALUE',
			repeated: true,
			describe: 'Set a value of the addon; can be repeated',
			defaultText: 'unchanged',
		},
		timeout: addonTimeout,
		'dry-run': dryRunFlag,
	},
	examples: [
		['addon enable demo default-limits', 'Enable an addon'],
		['addon enable demo dns --set replicas=3', 'Change a value of an addon'],
	],
	async run(values) {
		const { enableAddon } = await import('../../cluster/operations/addon.ts');
		const { addonArguments } = await import('../../cluster/operations/addon-arguments.ts');
		const { addon, cluster } = await addonArguments(values.name, values.addon);
		const outcome = await enableAddon(addon, cluster, { ...values, set: values.set ?? [] });
		if (outcome !== undefined) print(dryRunText(outcome));
	},
});
