import { defineCommand } from '../command.ts';
import { yes } from '../flags.ts';
import { addonTimeout, clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { addon: { describe: 'Name of the addon', required: true }, name: clusterName },
	flags: { yes, timeout: addonTimeout },
	examples: [['addon disable default-limits demo', 'Disable an addon and delete its objects']],
	async run(values) {
		const { disableAddon } = await import('../../cluster/operations/addon.ts');
		await disableAddon(values.addon, await nameOf(values), { ...values, yes: values.yes === true });
	},
});
