import { print } from '../../base/say.ts';
import { certificatesText } from '../certificates-table.ts';
import { defineCommand } from '../command.ts';
import { output } from '../flags.ts';
import { clusterName, nameOf } from './flags.ts';

export const command = defineCommand({
	arguments: { name: clusterName },
	flags: { output },
	examples: [
		['certificates demo', 'Show when each certificate expires, and who renews it'],
		['certificates demo -o json', 'Print the same for programs'],
	],
	async run(values) {
		const { clusterCertificates } = await import('../../cluster/operations/certificates.ts');
		const found = await clusterCertificates(await nameOf(values));
		print(values.output === 'json' ? JSON.stringify(found, undefined, 2) : certificatesText(found));
	},
});
