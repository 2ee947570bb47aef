import { table } from '../base/table.ts';
import type { DryRun } from '../cluster/operations/runner.ts';
import type { Status } from '../cluster/operations/status.ts';

const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);

/** What is wrong with etcd, a line each. */
function etcdProblems({ etcd }: Status): string[] {
	const alarms = new Set(
		etcd.flatMap((one) =>
			one.alarms.map(({ member, alarm }) => `etcd alarm ${alarm} on ${member}: see docs/etcd.md`),
		),
	);
	const large = etcd.filter(({ size, quota }) => size > 0.8 * quota);
	return [
		...alarms,
		...large.map(
			({ name, size, quota }) =>
				`etcd on ${name} has ${gibibytes(size)} of ${gibibytes(quota)} GiB: see docs/etcd.md`,
		),
	];
}

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
		...(/FAILED/.test(status.stack) ? [`  ${status.reason}`] : []),
		table(['NODE', 'ROLE', 'POOL', 'ADDRESS', 'SERVER', 'KUBERNETES', 'VERSION', 'IMAGE'], rows),
		...etcdProblems(status),
		...(status.kubernetesError === undefined
			? []
			: [`Kubernetes API not queried: ${status.kubernetesError}`]),
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
