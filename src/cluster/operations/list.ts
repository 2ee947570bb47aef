import { table } from '../../base/table.ts';
import { list } from '../heat/stack.ts';

/** The stacks with the tag of kstack, as a table or as JSON. */
export async function listClusters(output: 'table' | 'json'): Promise<string> {
	const stacks = await list(['stack'], '--tags', 'kstack');
	const clusters = stacks.map((stack) => ({
		name: String(stack['Stack Name']),
		status: String(stack['Stack Status']),
		created: String(stack['Creation Time']),
	}));
	if (output === 'json') return JSON.stringify(clusters, undefined, 2);
	return table(
		['NAME', 'STATUS', 'CREATED'],
		clusters.map(({ name, status, created }) => [name, status, created]),
	);
}
