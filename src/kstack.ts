#!/usr/bin/env node
import { osCloud, verbose } from './cli/flags.ts';
import { main } from './cli/main.ts';

await main({
	name: 'kstack',
	summary: 'kstack creates, scales and upgrades Kubernetes clusters on OpenStack, with Heat.',
	flags: { 'os-cloud': osCloud, verbose },
	notes: 'Credentials are read from clouds.yaml (OS_CLOUD) or OS_* variables, as by the openstack client.',
	commands: [
		{
			name: 'create',
			describe: 'Create a cluster',
			load: () => import('./cli/kstack/create.ts'),
		},
		{
			name: 'render',
			describe: 'Write the stack directory without using a cloud',
			load: () => import('./cli/kstack/render.ts'),
		},
		{
			name: 'update',
			describe: 'Apply cluster.yaml, parameters.yaml and flags to a cluster',
			load: () => import('./cli/kstack/update.ts'),
		},
		{
			name: 'plan',
			describe: 'Show what `update` would add, change, replace and delete, and what needs an upgrade',
			load: () => import('./cli/kstack/plan.ts'),
		},
		{
			name: 'scale',
			describe: 'Change node counts, or remove specific nodes',
			load: () => import('./cli/kstack/scale.ts'),
		},
		{
			name: 'replace',
			describe: 'Replace a node, whether or not it responds',
			load: () => import('./cli/kstack/replace.ts'),
		},
		{
			name: 'upgrade',
			describe: 'Upgrade a cluster to another image, step by step',
			load: () => import('./cli/kstack/upgrade.ts'),
		},
		{
			name: 'status',
			describe: 'Show the state of a cluster in Heat, Nova and Kubernetes, and what needs attention',
			load: () => import('./cli/kstack/status.ts'),
		},
		{
			name: 'certificates',
			describe: 'Show when the certificates of a cluster expire, and who renews them',
			load: () => import('./cli/kstack/certificates.ts'),
		},
		{
			name: 'list',
			describe: 'List the clusters of the project',
			load: () => import('./cli/kstack/list.ts'),
		},
		{
			name: 'kubeconfig',
			describe: 'Print the kubeconfig of a cluster',
			load: () => import('./cli/kstack/kubeconfig.ts'),
		},
		{
			name: 'adopt',
			describe: 'Create a stack directory for an existing cluster',
			load: () => import('./cli/kstack/adopt.ts'),
		},
		{
			name: 'addon list',
			describe: 'List the addons of a cluster and their state',
			load: () => import('./cli/kstack/addon-list.ts'),
		},
		{
			name: 'addon enable',
			describe: 'Enable an addon, or change its values',
			load: () => import('./cli/kstack/addon-enable.ts'),
		},
		{
			name: 'addon disable',
			describe: 'Disable an addon and delete its objects',
			load: () => import('./cli/kstack/addon-disable.ts'),
		},
		{
			name: 'rotate join-token',
			describe: 'Revoke all join tokens; nodes that have joined are not affected',
			load: () => import('./cli/kstack/rotate-join-token.ts'),
		},
		{
			name: 'delete',
			describe: 'Delete a cluster and everything that was created for it',
			load: () => import('./cli/kstack/delete.ts'),
		},
		{
			name: 'schema',
			describe: 'Print the JSON Schema of cluster.yaml, role.yaml or addon.yaml, for editors',
			load: () => import('./cli/kstack/schema.ts'),
		},
	],
});
