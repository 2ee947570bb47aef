import { table } from '../base/table.ts';
import type { Status } from '../cluster/operations/status.ts';

/** The status as an operator reads it. */
export function statusText(status: Status): string {
	const rows = status.nodes.map((node) => [
		node.name,
		node.role,
		node.pool,
		node.address,
		node.server,
		node.node,
		node.version,
		node.image,
	]);
	return [
		`${status.name}   ${status.stack}   ${status.api}`,
		...(/FAILED/.test(status.stack) ? [`  ${status.reason}`] : []),
		table(['NODE', 'ROLE', 'POOL', 'ADDRESS', 'SERVER', 'KUBERNETES', 'VERSION', 'IMAGE'], rows),
		...(status.kubernetesError === undefined
			? []
			: [`Kubernetes API not queried: ${status.kubernetesError}`]),
	].join('\n');
}
