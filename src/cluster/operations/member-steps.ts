import { existsSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { deleteFailedServers, type MemberState, withMembers } from '../heat/inventory.ts';
import { membersOf } from '../heat/members.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { type DrainOptions, deleteRemovedNodes, drainBeforeUpdate } from '../kubernetes/leave.ts';
import { issueMasterToken, kubeconfigForMasters } from '../kubernetes/master-token.ts';
import { hasNodeMarks, kubeconfigForPools, storePools } from '../kubernetes/pools.ts';
import { removeFromEtcd, requireEtcdAccess } from '../kubernetes/remove-from-etcd.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { applyChange } from './apply.ts';
import { predictedStack } from './predicted-stack.ts';
import type { Step } from './runner.ts';
import type { StackChange } from './stack-change.ts';

/** What the steps of an operation on a stack work on. */
export interface StackContext {
	/** The stack after the last completed step. */
	stack: Stack;
	readonly directory: StackDirectory;
}

/** One update of a stack that adds or removes members. */
export interface MemberChange {
	/** The title of the update step. */
	readonly title: string;
	readonly change: StackChange;
	/** All members before it. */
	readonly members: readonly MemberState[];
	readonly toRemove: readonly MemberState[];
	/** Whether masters are added, which need a token to join. */
	readonly newMasters: boolean;
	readonly drainOptions: DrainOptions;
}

type StackStep = Step<StackContext>;

const names = (members: readonly MemberState[]) => members.map(({ name }) => name).join(', ');

/** Stores the labels and taints that masters set on the nodes of pools. Undo stores the previous ones again. */
function storeMarks(change: StackChange): StackStep {
	const then = () => recordsOf(change.parameters ?? {});
	let before: Parameters = {};
	return {
		title: 'Storing the labels and taints of pools in the cluster',
		skip: ({ stack }) =>
			change.parameters?.pools === undefined || !hasNodeMarks(recordsOf(stack.parameters), then()),
		check: async ({ stack, directory }) => void (await kubeconfigForPools(stack.name, directory)),
		run: async ({ stack, directory }) => {
			before = stack.parameters;
			await storePools(stack.name, directory, then());
		},
		undo: ({ stack, directory }) => storePools(stack.name, directory, recordsOf(before)),
	};
}

const drainSettings = ({ parameters }: Stack) => {
	const { drainForce = false, drainTimeout = 300 } = settingsOf(parameters);
	return { drainForce, drainTimeout };
};

/** @throws UserError with the command that restores the drain options in Heat, if they cannot be restored here */
async function restoreDrainOptions(
	name: string,
	directory: StackDirectory,
	settings: ReturnType<typeof drainSettings>,
): Promise<Stack> {
	try {
		interrupted.signal.throwIfAborted();
		return await applyChange(await requireStack(name), directory, { settings }, () => {});
	} catch (error) {
		const { drainForce, drainTimeout } = settings;
		const command = existsSync(directory.cluster)
			? `set drainForce: ${drainForce} and drainTimeout: ${drainTimeout} in ${directory.cluster}, then: kstack update ${name}`
			: `openstack stack update --existing --parameter drain_force=${drainForce} --parameter drain_timeout=${drainTimeout} ${name}`;
		throw new UserError(
			`${(error as Error).message} Heat keeps the drain options of this command. To set them back, ${command}`,
		);
	}
}

/**
 * Without a kubeconfig, nodes that are removed request their own drain, with the options that the stack had before the
 * update. So options that differ for this command need a separate update first. The update that removes the nodes
 * restores the previous options; if it is not made, the undo of this step does.
 */
function setDrainOptions(
	directory: StackDirectory,
	leaving: readonly MemberState[],
	{ force, drainTimeout }: DrainOptions,
): StackStep {
	const { kubeconfig } = directory;
	let before: ReturnType<typeof drainSettings> | undefined;
	const restore = async (context: StackContext) => {
		if (before !== undefined)
			context.stack = await restoreDrainOptions(context.stack.name, directory, before);
	};
	return {
		title: `Setting the drain options in Heat, because there is no ${kubeconfig}`,
		skip: ({ stack }) => {
			const now = drainSettings(stack);
			const same = now.drainForce === force && now.drainTimeout === drainTimeout;
			return leaving.length === 0 || same || existsSync(kubeconfig);
		},
		run: async (context) => {
			const now = drainSettings(context.stack);
			const remember = () => {
				before = now;
			};
			const change = { settings: { drainForce: force, drainTimeout } };
			try {
				context.stack = await applyChange(context.stack, directory, change, remember);
			} catch (error) {
				await restore(context).catch((failure: Error) => say(failure.message));
				throw error;
			}
		},
		undo: restore,
	};
}

/** Drains the members to remove; the masters remove dead nodes from the cluster. */
function drain(
	members: readonly MemberState[],
	leaving: readonly MemberState[],
	drainOptions: DrainOptions,
): StackStep {
	let cancel = async () => {};
	return {
		title: `Draining ${names(leaving)}`,
		skip: () => leaving.length === 0,
		run: async ({ stack, directory }) => {
			cancel = await drainBeforeUpdate(withMembers(stack, members), directory, leaving, drainOptions);
		},
		undo: () => cancel(),
	};
}

/** Deletes the Node objects of removed members, which Kubernetes does not delete itself. */
function deleteNodes(before: Stack, leaving: readonly MemberState[]): StackStep {
	const left = (after: Stack) => new Set(membersOf(after).map(({ name }) => name));
	return {
		title: `Deleting the Node objects of ${names(leaving) || 'removed nodes'}`,
		skip: ({ stack }) => membersOf(before).every(({ name }) => left(stack).has(name)),
		run: ({ stack, directory }) => deleteRemovedNodes(directory, before, stack),
	};
}

/**
 * The steps of a stack update that adds or removes members: first those that can fail without any change, then the
 * drains, the update, and the cleanup.
 *
 * @param context  contains the stack before the first of these steps
 */
export function memberSteps(
	{ stack: before, directory }: StackContext,
	{ title, change, members, toRemove, newMasters, drainOptions }: MemberChange,
): StackStep[] {
	let secrets = change.secrets;
	const failed = toRemove.filter(({ condition }) => condition === 'failed');
	const failedMasters = failed.filter(runsControlPlane);
	// Including members that an earlier update failed to remove: Heat still waits for them.
	const leaving = [
		...toRemove,
		...members.filter((member) => member.condition === 'leaving' && !toRemove.includes(member)),
	];
	/** Restores the drain options that were set for this update only. */
	const complete = (stack: Stack): StackChange => ({
		...change,
		settings: { ...(stack === before ? {} : drainSettings(before)), ...change.settings },
		...(secrets === undefined ? {} : { secrets }),
	});
	return [
		{
			title: 'Issuing a token for new masters',
			skip: () => !newMasters,
			check: async ({ stack }) => void (await kubeconfigForMasters(stack, directory)),
			run: async ({ stack }) => {
				secrets = { ...secrets, ...(await issueMasterToken(stack, directory)) };
			},
		},
		{
			title: `Removing ${names(failedMasters)}, which never became Ready, from etcd`,
			skip: () => failedMasters.length === 0,
			check: ({ stack, directory }) =>
				requireEtcdAccess(stack, directory, members, failedMasters, drainOptions.forceFlag),
			run: ({ stack, directory }) => removeFromEtcd(stack, directory, failedMasters),
		},
		// Those that never became Ready are not drained: their servers are deleted.
		setDrainOptions(
			directory,
			leaving.filter((member) => !failed.includes(member)),
			drainOptions,
		),
		storeMarks(change),
		{
			title: `Deleting the servers of ${names(failed)}, which never became Ready`,
			skip: () => failed.length === 0,
			run: () => deleteFailedServers(failed),
		},
		drain(members, leaving, drainOptions),
		{
			title,
			run: async (context, keep) => {
				context.stack = await applyChange(context.stack, directory, complete(context.stack), keep);
			},
			predict: (context) => {
				context.stack = predictedStack(context.stack, members, complete(context.stack));
			},
		},
		deleteNodes(withMembers(before, members), leaving),
	];
}
