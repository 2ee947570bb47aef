import { say } from '../../base/say.ts';
import type { Stack } from '../heat/stack.ts';
import { type DesiredChange, desiredChange } from './desired-change.ts';
import { planOf, planText, requireSafe } from './plan.ts';
import { changeMembers, type DrainFlags } from './scale.ts';
import { clusterStatus, statusText } from './status.ts';

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

/**
 * `kstack update`: brings the cluster to what cluster.yaml, parameters.yaml and flags say, with the
 * templates of this release.
 *
 * @returns the node table
 * @throws UserError exit code 4 when that would replace or delete what is not meant to go
 */
export async function updateCluster(name: string, flags: UpdateFlags): Promise<string> {
	const wish = await desiredChange(name, flags);
	const { stack, directory } = wish;
	if (wish.nothing) {
		say(`${name} is as asked: nothing to change.`);
		return statusText(await clusterStatus(stack, directory));
	}
	const plan = await planOf(wish);
	if (plan.changes.length > 0) say(planText(plan));
	requireSafe(plan, flags.allowReplace === true);
	const changed = await changeMembers(stack, directory, wish.change, wish.going, flags);
	const after = wish.emptied.length === 0 ? changed : await dropEmptied(wish, flags);
	return statusText(await clusterStatus(after, directory));
}
