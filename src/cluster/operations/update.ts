import { existsSync } from 'node:fs';
import { say } from '../../base/say.ts';
import { obtainKubeconfig } from '../kubernetes/kubeconfig.ts';
import { hasNodeMarks, lacksPools, storePools } from '../kubernetes/pools.ts';
import { networkPolicyNotice } from '../spec/network-policy.ts';
import { settingsOf } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';
import { type DesiredChange, type DesiredSource, desiredChange, desiredSource } from './desired-change.ts';
import { type DrainFlags, drainTimeoutOf } from './drain-options.ts';
import { changeMembers } from './member-change.ts';
import { recordMembers } from './member-records.ts';
import { type MemberChange, memberSteps, type StackContext } from './member-steps.ts';
import { planOf, planText, requireSafe } from './plan.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { clusterStatus, type Status } from './status.ts';
import { syncAllSteps } from './sync-files.ts';

/** The flags of `kstack update` other than settings. */
export type UpdateFlags = DrainFlags & {
	/** Allow replacing servers, volumes and addresses. */
	readonly allowReplace?: boolean | undefined;
} & Readonly<Record<string, unknown>>;

type StackStep = Step<StackContext>;

/** Removes pools without members from the templates and the parameters, in an update of its own. */
async function* removeEmptyPools(
	context: StackContext,
	source: DesiredSource,
	emptied: readonly string[],
	flags: UpdateFlags,
): AsyncGenerator<StackStep> {
	const title = `Removing the empty pools ${emptied.join(', ')} from the templates`;
	if (flags.dryRun === true) return yield { title, run: async () => {} };
	const { change, removals } = await desiredChange(context.stack, source);
	yield* memberSteps(context, await changeMembers(context.stack, change, removals, flags, title));
}

async function* inSequence(
	first: Iterable<StackStep>,
	then: AsyncIterable<StackStep>,
): AsyncGenerator<StackStep> {
	yield* first;
	yield* then;
}

/** Writes the kubeconfig that an interrupted `create` has not written. */
const completeKubeconfig = ({ directory }: StackContext): StackStep => ({
	title: `Writing ${directory.kubeconfig}`,
	skip: () => existsSync(directory.kubeconfig) || !existsSync(directory.operatorKey),
	run: async ({ stack }) => void (await obtainKubeconfig(directory, stack)),
});

/**
 * Stores the labels and taints that an interrupted `create` has not stored. Only the cluster shows whether they are
 * stored: the update that finishes the creation may be interrupted too.
 */
async function* completeMarks(context: StackContext, isNew: boolean): AsyncGenerator<StackStep> {
	const { stack, directory } = context;
	const records = recordsOf(stack.parameters);
	if (!hasNodeMarks(records)) return;
	const areMissing = await lacksPools(stack, directory).catch((error: Error) => {
		say(`Could not check that the labels and taints of pools are stored in the cluster: ${error.message}`);
		return undefined;
	});
	if (!(areMissing ?? isNew)) return;
	yield {
		title: 'Storing the labels and taints of pools in the cluster',
		run: () => storePools(stack.name, directory, records),
	};
}

/** The steps that an interrupted `create` has not run, and what an earlier kstack has not stored. */
async function* completeSteps(context: StackContext, isNew: boolean): AsyncGenerator<StackStep> {
	yield completeKubeconfig(context);
	yield* completeMarks(context, isNew);
	yield* recordMembers(context);
}

async function* updateSteps(
	context: StackContext,
	source: DesiredSource,
	{ emptied }: DesiredChange,
	change: MemberChange,
	flags: UpdateFlags,
): AsyncGenerator<StackStep> {
	const isNew = context.stack.parameters.cluster_state !== 'existing';
	yield* memberSteps(context, change);
	if (emptied.length > 0) yield* removeEmptyPools(context, source, emptied, flags);
	yield* completeSteps(context, isNew);
}

/**
 * `kstack update`: applies cluster.yaml, parameters.yaml and flags to the cluster, with the
 * templates of this release.
 *
 * @returns the state of the cluster afterwards
 * @throws UserError exit code 4 when the update would replace or delete resources, without --allow-replace
 */
export async function updateCluster(name: string, flags: UpdateFlags): Promise<Status | DryRun> {
	const source = await desiredSource(name, flags);
	drainTimeoutOf(name, flags);
	const { directory } = source;
	let upToDate = false;
	return runOperation({
		...{ name, directory, dryRun: flags.dryRun },
		prepare: async (stack) => {
			const context: StackContext = { stack, directory };
			const desired = await desiredChange(stack, source);
			for (const line of networkPolicyNotice(settingsOf(stack.parameters).networkDriver)) say(line);
			if (desired.upToDate) {
				upToDate = true;
				// The stack may already have the value of a flag while the files have an older one.
				const sync = Object.keys(source.flags).length > 0 ? await syncAllSteps(stack, directory) : [];
				return { context, steps: inSequence(sync, completeSteps(context, false)) };
			}
			const plan = await planOf(desired);
			if (plan.changes.length > 0) say(planText(plan));
			requireSafe(plan, flags.allowReplace === true);
			const change = await changeMembers(stack, desired.change, desired.removals, flags);
			return { context, steps: updateSteps(context, source, desired, change, flags) };
		},
		result: ({ stack }) => {
			if (upToDate) say(`${name} is up to date: nothing to change.`);
			return clusterStatus(stack, directory);
		},
	});
}
