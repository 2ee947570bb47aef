import type { CommandModule } from 'yargs';
import { print } from '../../base/say.ts';

const cluster = { describe: 'Name of the cluster', type: 'string' } as const;
const timeout = {
	type: 'string',
	requiresArg: true,
	default: '300',
	describe: 'Seconds to wait for the cluster',
} as const;

async function clusterOf(name: string | undefined): Promise<string> {
	const { defaultName } = await import('../../cluster/heat/directory.ts');
	return name ?? (await defaultName());
}

const operations = () => import('../../cluster/operations/addon.ts');

/** `kstack addon`: what runs in a cluster beside its nodes, such as DNS. */
export const addonCommand: CommandModule = {
	command: 'addon',
	describe: 'List, enable and disable addons',
	handler: () => {},
	builder: (addon) =>
		addon
			.command(
				'list [cluster]',
				'List addons and their state',
				(command) =>
					command.positional('cluster', cluster).option('output', {
						alias: 'o',
						choices: ['table', 'json'] as const,
						default: 'table' as const,
						describe: 'Output format',
					}),
				async (args) =>
					print(await (await operations()).listAddons(await clusterOf(args.cluster), args.output)),
			)
			.command(
				'enable <addon> [cluster]',
				'Enable an addon, or change its values',
				(command) =>
					command
						// Every --set counts, not the last alone.
						.parserConfiguration({ 'boolean-negation': false, 'duplicate-arguments-array': true })
						.positional('addon', {
							describe: 'Name of the addon, or path of its folder (with a /)',
							type: 'string',
							demandOption: true,
						})
						.positional('cluster', cluster)
						.option('set', {
							type: 'string',
							array: true,
							nargs: 1,
							default: [] as string[],
							describe: 'A value as KEY=VALUE; values not given keep what they are',
						})
						.option('timeout', timeout)
						.example('$0 addon enable dns demo --set replicas=3', 'three DNS pods'),
				async (args) => (await operations()).enableAddon(args.addon, await clusterOf(args.cluster), args),
			)
			.command(
				'disable <addon> [cluster]',
				'Disable an addon and delete its objects',
				(command) =>
					command
						.positional('addon', { describe: 'Name of the addon', type: 'string', demandOption: true })
						.positional('cluster', cluster)
						.option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Do not ask' })
						.option('timeout', timeout),
				async (args) => (await operations()).disableAddon(args.addon, await clusterOf(args.cluster), args),
			)
			.demandCommand(1, 'Missing command: list, enable or disable.'),
};
