import { defineCommand } from '../command.ts';
import { clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	examples: [['kubeconfig demo > ~/.kube/config', 'Make demo the default cluster of kubectl']],
	async run(values) {
		const { stackDirectory } = await import('../../cluster/heat/directory.ts');
		const { obtainKubeconfig } = await import('../../cluster/kubernetes/kubeconfig.ts');
		const { requireStack } = await import('../../cluster/heat/stack.ts');
		const name = await nameOf(values);
		process.stdout.write(await obtainKubeconfig(await stackDirectory(name), await requireStack(name)));
	},
});
