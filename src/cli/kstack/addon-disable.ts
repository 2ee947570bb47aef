import { print } from '../../base/say.ts';
import { defineCommand } from '../command.ts';
import { yes } from '../flags.ts';
import { dryRunText } from '../status-table.ts';
import { addonTimeout, clusterName, dryRunFlag } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName, addon: { describe: 'Name of the addon', required: true } },
	flags: { yes, timeout: addonTimeout, 'dry-run': dryRunFlag },
	examples: [['addon disable demo default-limits', 'Disable an addon and delete its objects']],
	async run(values) {
		const { disableAddon } = await import('../../cluster/operations/addon.ts');
		const { addonArguments } = await import('../../cluster/operations/addon-arguments.ts');
		const { addon, cluster } = await addonArguments(values.name, values.addon);
		const outcome = await disableAddon(addon, cluster, { ...values, yes: values.yes === true });
		if (outcome !== undefined) print(dryRunText(outcome));
	},
});
