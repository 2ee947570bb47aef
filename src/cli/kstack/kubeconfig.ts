import { defineCommand } from '../command.ts';
import { clusterName, nameOf, userFlag } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { user: userFlag },
	examples: [
		['kubeconfig demo > ~/.kube/config', 'Replace the default kubeconfig of kubectl with that of demo'],
		['kubeconfig demo --user alice', 'Have a master sign a certificate for another user'],
	],
	async run(values) {
		const { printableKubeconfig } = await import('../../cluster/operations/adopt.ts');
		process.stdout.write(await printableKubeconfig(await nameOf(values), values.user));
	},
});
