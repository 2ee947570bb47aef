#!/usr/bin/env node
import type { Argv } from 'yargs';
import { Answer } from './base/errors.ts';
import { print } from './base/say.ts';
import { addonCommand } from './cli/kstack/addon.ts';
import { main } from './cli/main.ts';
import { schemaCommand } from './cli/schema.ts';
import type { Status } from './cluster/operations/status.ts';
import { flagOf, type Setting, settings } from './cluster/spec/settings.ts';

const which = { describe: 'Name of the cluster', type: 'string' } as const;
const output = {
	alias: 'o',
	choices: ['table', 'json'] as const,
	default: 'table' as const,
	describe: 'How to print',
};

/** Flags stay text, and undefined when not given: one place checks flags and files alike. */
function settingFlags(cli: Argv, wanted: (setting: Setting) => boolean): Argv {
	for (const setting of settings.filter(wanted)) {
		const standard = setting.default === undefined || setting.default === '' ? '' : ` [${setting.default}]`;
		cli.option(flagOf(setting), { type: 'string', describe: setting.describe + standard, requiresArg: true });
	}
	return cli;
}

/** Settings that a flag of `update` changes. `--drain-timeout` is for one command; the setting is in cluster.yaml. */
const isChangeable = ({ fixed, key }: Setting) => !fixed && key !== 'drainTimeout';

const configFlag = {
	alias: 'f',
	type: 'string',
	requiresArg: true,
	describe: 'Read settings from this file instead of NAME/cluster.yaml',
} as const;

const operatorFlag = {
	type: 'string',
	requiresArg: true,
	describe: 'User name in the new certificate (default: your login name)',
} as const;

const count = { type: 'string', requiresArg: true } as const;

/** How members that go are treated. */
const drainFlags = <Flags>(cli: Argv<Flags>) =>
	cli
		.option('drain-timeout', {
			type: 'string',
			requiresArg: true,
			describe: 'Drain timeout of this command, in seconds [the setting drainTimeout]',
		})
		.option('force', {
			type: 'boolean',
			describe: 'After the drain timeout, delete the remaining pods and abandon nodes that do not respond',
		})
		.option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' });

async function nameOf(args: Readonly<Record<string, unknown>>): Promise<string> {
	const { defaultName } = await import('./cluster/heat/directory.ts');
	return typeof args.name === 'string' ? args.name : defaultName();
}

async function printStatus(status: Status): Promise<void> {
	const { statusText } = await import('./cli/kstack/status-table.ts');
	print(statusText(status));
}

await main('kstack', (cli) =>
	cli
		.usage('$0 <command>\n\nKubernetes clusters on OpenStack, by Heat and nothing else.')
		.option('os-cloud', { type: 'string', requiresArg: true, describe: 'Entry of clouds.yaml [OS_CLOUD]' })
		.option('verbose', { type: 'boolean', describe: 'Show the commands that are run' })
		.middleware(async (args) => {
			if (args.osCloud !== undefined) process.env.OS_CLOUD = args.osCloud;
			if (args.verbose === true) (await import('./base/run.ts')).showCommands(true);
		})
		.command(
			'create [name]',
			'Create a cluster',
			(command) =>
				settingFlags(command.positional('name', which), () => true)
					.option('config', configFlag)
					.example('$0 create demo --masters 1 --minions 3', 'a cluster of four nodes'),
			async (args) => {
				const { createCluster } = await import('./cluster/operations/create.ts');
				await printStatus(await createCluster(await nameOf(args), args, args.config));
			},
		)
		.command(
			'render [name]',
			'Write the stack directory and touch no cloud',
			(command) =>
				settingFlags(command.positional('name', which), () => true)
					.option('config', configFlag)
					.example('$0 render demo --minions 3', 'write ./demo, to be used with the openstack client'),
			async (args) => {
				const { renderCluster } = await import('./cluster/operations/create.ts');
				print(await renderCluster(await nameOf(args), args, args.config));
			},
		)
		.command(
			'update [name]',
			'Bring a cluster to what its cluster.yaml, parameters.yaml and these flags say',
			(command) =>
				drainFlags(settingFlags(command.positional('name', which), isChangeable))
					.option('allow-replace', {
						type: 'boolean',
						describe: 'Go on where machines, volumes or addresses would be replaced or deleted',
					})
					.example('$0 update demo', 'after an edit of demo/parameters.yaml'),
			async (args) => {
				const { updateCluster } = await import('./cluster/operations/update.ts');
				await printStatus(await updateCluster(await nameOf(args), args));
			},
		)
		.command(
			'plan [name]',
			'Show what `update` with these flags would add, change, replace and delete (exit code 0, 3 or 4)',
			(command) =>
				settingFlags(command.positional('name', which), isChangeable)
					.option('output', output)
					.example('$0 plan demo -o json', 'exit code 0: nothing; 3: changes; 4: something would be lost'),
			async (args) => {
				const { planCluster } = await import('./cluster/operations/plan.ts');
				const { text, code } = await planCluster(await nameOf(args), args, args.output);
				print(text);
				if (code !== 0) throw new Answer(code);
			},
		)
		.command(
			'scale [name]',
			'Set the numbers of machines, or remove chosen ones',
			(command) =>
				drainFlags(command.positional('name', which))
					.option('minions', {
						...count,
						describe: 'How many minions there are to be, or how many more (+1) or less (-1)',
					})
					.option('gateways', { ...count, describe: 'The same for gateways' })
					.option('masters', { ...count, describe: 'The same for masters: 1, 3, 5 or 7 in the end' })
					.option('pool', {
						type: 'string',
						array: true,
						requiresArg: true,
						describe: 'Count of a pool of cluster.yaml: POOL=N, or a change such as POOL=+1',
					})
					.option('remove', {
						type: 'string',
						array: true,
						requiresArg: true,
						describe: 'Nodes that are to go; left out: those with the highest index',
					})
					.example('$0 scale demo --minions 5', 'five minions, however many there are now')
					.example('$0 scale demo --minions -1', 'one less')
					.example('$0 scale demo --pool gpu=+1', 'one more in the pool gpu of cluster.yaml')
					.example('$0 scale demo --remove demo-minion-1', 'that one goes'),
			async (args) => {
				const { scaleCluster } = await import('./cluster/operations/scale.ts');
				await printStatus(await scaleCluster(await nameOf(args), args));
			},
		)
		.command(
			'replace <name> <node>',
			'Put a new machine in the place of one, which may be dead',
			(command) =>
				drainFlags(
					command
						.positional('name', { ...which, demandOption: true })
						.positional('node', { describe: 'Name of the node', type: 'string', demandOption: true })
						.example('$0 replace demo demo-minion-1', 'another minion comes, then this one goes'),
				),
			async (args) => {
				const { replaceNode } = await import('./cluster/operations/replace.ts');
				await printStatus(await replaceNode(args.name, args.node, args));
			},
		)
		.command(
			'upgrade [name]',
			'Put machines of another image in the place of all, one after the other',
			(command) =>
				drainFlags(
					command
						.positional('name', which)
						.option('image', {
							type: 'string',
							requiresArg: true,
							describe: 'Image to go to, by name or ID; left out: go on with what was startUpgrade',
						})
						.option('batch', {
							type: 'string',
							requiresArg: true,
							describe: 'How many minions, or gateways, come at a time [1]',
						})
						.option('rollback', { type: 'boolean', describe: 'Walk back to the image that was before' })
						.example('$0 upgrade demo --image debian12-x64-kubernetes', 'masters first, then the others'),
				),
			async (args) => {
				const { upgradeCluster } = await import('./cluster/operations/upgrade.ts');
				await printStatus(await upgradeCluster(await nameOf(args), args));
			},
		)
		.command(
			'status [name]',
			'Show what Heat, Nova and Kubernetes say of a cluster',
			(command) => command.positional('name', which).option('output', output),
			async (args) => {
				const { stackDirectory } = await import('./cluster/heat/directory.ts');
				const { requireStack } = await import('./cluster/heat/stack.ts');
				const { clusterStatus } = await import('./cluster/operations/status.ts');
				const name = await nameOf(args);
				const status = await clusterStatus(await requireStack(name), await stackDirectory(name));
				if (args.output === 'json') print(JSON.stringify(status, undefined, 2));
				else await printStatus(status);
			},
		)
		.command(
			'list',
			'List the clusters of this project',
			(command) => command.option('output', output),
			async (args) => {
				const { listClusters } = await import('./cluster/operations/list.ts');
				print(await listClusters(args.output));
			},
		)
		.command(
			'kubeconfig [name]',
			'Print the kubeconfig of a cluster; without a stack directory, a master signs a new certificate',
			(command) =>
				command
					.positional('name', which)
					.option('user', operatorFlag)
					.example('$0 kubeconfig demo > ~/.kube/config', 'the same as demo/kubeconfig')
					.example('$0 kubeconfig demo --user alice', 'a kubeconfig with a new key, for alice'),
			async (args) => {
				const { printableKubeconfig } = await import('./cluster/operations/adopt.ts');
				process.stdout.write(await printableKubeconfig(await nameOf(args), args.user));
			},
		)
		.command(
			'adopt <name>',
			'Write the stack directory of a cluster that was created elsewhere',
			(command) =>
				command
					.positional('name', { ...which, demandOption: true })
					.option('user', operatorFlag)
					.example('$0 adopt demo', 'write ./demo from the stack, with a kubeconfig of your own'),
			async (args) => {
				const { adoptCluster } = await import('./cluster/operations/adopt.ts');
				print(await adoptCluster(args.name, args.user));
			},
		)
		.command(addonCommand)
		.command(
			'delete <name>',
			'Delete a cluster and all that was made for it',
			(command) =>
				command
					.positional('name', { ...which, demandOption: true })
					.option('yes', { alias: 'y', type: 'boolean', describe: 'Do not ask' }),
			async (args) => {
				const { deleteCluster } = await import('./cluster/operations/delete.ts');
				await deleteCluster(args.name, args.yes === true);
			},
		)
		.command(
			schemaCommand('cluster.yaml', '$0 schema > cluster.schema.json', async () =>
				(await import('./cluster/spec/cluster-fields.ts')).clusterSchema(),
			),
		)
		.example('$0 create demo --masters 1 --minions 3', 'a cluster of four nodes')
		.example('$0 scale demo --minions 5', 'five minions, however many there are now')
		.example('$0 delete demo', 'and all that was made for it')
		.epilogue('Which cloud: OS_CLOUD and clouds.yaml, or OS_ variables, as for the openstack client.'),
);
