import { oneLine } from '../base/sanitize.ts';
import { table } from '../base/table.ts';
import type { DryRun } from '../cluster/operations/runner.ts';
import type { Status } from '../cluster/operations/status.ts';

/** The status as text. */
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
		...(/FAILED/.test(status.stack) ? [`  ${oneLine(status.reason, 2000)}`] : []),
		table(['NODE', 'ROLE', 'POOL', 'ADDRESS', 'SERVER', 'KUBERNETES', 'VERSION', 'IMAGE'], rows),
		...(status.kubernetesError === undefined
			? []
			: [`Kubernetes API not queried: ${status.kubernetesError}`]),
		...(status.oldImages === undefined
			? []
			: [
					`Newer images have more features than those of ${status.oldImages.join(', ')}: kstack plan ${status.name}`,
				]),
		...status.warnings.map((warning) => `Warning: ${warning}`),
	].join('\n');
}

/** The steps of a dry run as text. */
export function dryRunText({ dryRun }: DryRun): string {
	if (dryRun.length === 0) return 'There is nothing to do.';
	const steps = dryRun.map((title, index) => `${String(index + 1).padStart(3)}. ${title}`);
	return ['Steps (dry run: nothing was changed):', ...steps].join('\n');
}

/** The result of an operation as text: the cluster's status, or the steps of a dry run. */
export const outcomeText = (outcome: Status | DryRun) =>
	'dryRun' in outcome ? dryRunText(outcome) : statusText(outcome);
