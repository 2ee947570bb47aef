import { existsSync } from 'node:fs';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import { obtainKubeconfig } from '../kubernetes/kubeconfig.ts';
import { syncFiles } from './apply.ts';
import { type DesiredChange, desiredChange } from './desired-change.ts';
import { type DrainFlags, drainTimeoutOf } from './drain-options.ts';
import { planOf, planText, requireSafe } from './plan.ts';
import { changeMembers } from './scale.ts';
import { clusterStatus, type Status } from './status.ts';

/** What `kstack update` is told beside settings. */
export type UpdateFlags = DrainFlags & {
	/** Machines, volumes and addresses may be replaced. */
	readonly allowReplace?: boolean | undefined;
} & Readonly<Record<string, unknown>>;

/** Takes pools without members out of the templates and the parameters, in an update of its own. */
async function dropEmptied({ stack: { name }, emptied }: DesiredChange, flags: UpdateFlags): Promise<Stack> {
	say(`Removing the empty pools ${emptied.join(', ')} from the templates`);
	const { stack, directory, change, going } = await desiredChange(name, flags);
	return changeMembers(stack, directory, change, going, flags);
}

/** An interrupted `create` leaves the operator's key and no kubeconfig. */
async function completeKubeconfig(directory: StackDirectory, stack: Stack): Promise<void> {
	if (existsSync(directory.kubeconfig) || !existsSync(directory.operatorKey)) return;
	await obtainKubeconfig(directory, stack);
	say(`Wrote ${directory.kubeconfig}`);
}

/**
 * `kstack update`: brings the cluster to what cluster.yaml, parameters.yaml and flags say, with the
 * templates of this release.
 *
 * @returns the state of the cluster afterwards
 * @throws UserError exit code 4 when that would replace or delete what is not meant to go
 */
export async function updateCluster(name: string, flags: UpdateFlags): Promise<Status> {
	const wish = await desiredChange(name, flags);
	const { stack, directory } = wish;
	drainTimeoutOf(name, flags);
	if (wish.nothing) {
		// Where the stack has what a flag says, the files may still be behind it.
		if (Object.keys(wish.flags).length > 0) await syncFiles(stack, directory);
		await completeKubeconfig(directory, stack);
		say(`${name} is up to date: nothing to change.`);
		return clusterStatus(stack, directory);
	}
	const plan = await planOf(wish);
	if (plan.changes.length > 0) say(planText(plan));
	requireSafe(plan, flags.allowReplace === true);
	const changed = await changeMembers(stack, directory, wish.change, wish.going, flags);
	const after = wish.emptied.length === 0 ? changed : await dropEmptied(wish, flags);
	await completeKubeconfig(directory, after);
	return clusterStatus(after, directory);
}
