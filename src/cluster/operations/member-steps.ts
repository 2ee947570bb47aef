import { existsSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { abandonUnready, type MemberState, withMembers } from '../heat/inventory.ts';
import { membersOf } from '../heat/members.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { type DrainOptions, deleteRemovedNodes, drainBeforeUpdate } from '../kubernetes/leave.ts';
import { issueMasterToken, kubeconfigForMasters } from '../kubernetes/master-token.ts';
import { hasNodeMarks, kubeconfigForPools, storePools } from '../kubernetes/pools.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { recordsOf } from '../spec/pools.ts';
import { applyChange } from './apply.ts';
import { foreseenStack } from './foresee.ts';
import type { Step } from './runner.ts';
import type { StackChange } from './stack-change.ts';

/** What the steps of an operation on a stack work on. */
export interface StackContext {
	/** The stack as it is after the last step. */
	stack: Stack;
	readonly directory: StackDirectory;
}

/** One update of a stack, by which members come and go. */
export interface MemberChange {
	/** The title of the update itself. */
	readonly title: string;
	readonly change: StackChange;
	/** All members before it. */
	readonly members: readonly MemberState[];
	readonly goes: readonly MemberState[];
	/** Whether masters come, which need a token to join. */
	readonly newMasters: boolean;
	readonly how: DrainOptions;
}

type StackStep = Step<StackContext>;

const names = (members: readonly MemberState[]) => members.map(({ name }) => name).join(', ');

/** Stores what masters are to set on the nodes of pools. If the update is not made, the former marks are stored again. */
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

/** @throws UserError that tells how the operator sets the drain options in Heat back, where this cannot be done here */
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
 * Without a kubeconfig the nodes that go drain themselves, and as they were told before the update that removes them:
 * what is said for this one alone takes an update of its own. The update that removes them sets the options back; if
 * it is not made, so does the undoing of this step.
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

/** Drains those that go, and has the masters remove the dead. */
function drain(
	members: readonly MemberState[],
	leaving: readonly MemberState[],
	how: DrainOptions,
): StackStep {
	let cancel = async () => {};
	return {
		title: `Draining ${names(leaving)}`,
		skip: () => leaving.length === 0,
		run: async ({ stack, directory }) => {
			cancel = await drainBeforeUpdate(withMembers(stack, members), directory, leaving, how);
		},
		undo: () => cancel(),
	};
}

/** Kubernetes keeps the Node objects of members that are gone. */
function deleteNodes(before: Stack, leaving: readonly MemberState[]): StackStep {
	const left = (after: Stack) => new Set(membersOf(after).map(({ name }) => name));
	return {
		title: `Deleting the Node objects of ${names(leaving) || 'removed nodes'}`,
		skip: ({ stack }) => membersOf(before).every(({ name }) => left(stack).has(name)),
		run: ({ stack, directory }) => deleteRemovedNodes(directory, before, stack),
	};
}

/**
 * The steps of an update of a stack by which members come and go: those that may be refused first, then what those
 * that go need before they are gone, then the update, and what is left to clean up.
 *
 * @param context  with the stack before the first of these steps
 */
export function memberSteps(
	{ stack: before, directory }: StackContext,
	{ title, change, members, goes, newMasters, how }: MemberChange,
): StackStep[] {
	let secrets = change.secrets;
	const failed = goes.filter(({ condition }) => condition === 'failed');
	// Those too that an earlier update could not remove: Heat still waits for them.
	const leaving = [
		...goes,
		...members.filter((member) => member.condition === 'leaving' && !goes.includes(member)),
	];
	/** Drain options that were set for this update alone end with it. */
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
		setDrainOptions(directory, leaving, how),
		storeMarks(change),
		{
			title: `Deleting the servers of ${names(failed)}, which never became Ready`,
			skip: () => failed.length === 0,
			run: () => abandonUnready(failed),
		},
		drain(members, leaving, how),
		{
			title,
			run: async (context, keep) => {
				context.stack = await applyChange(context.stack, directory, complete(context.stack), keep);
			},
			foresee: (context) => {
				context.stack = foreseenStack(context.stack, members, complete(context.stack));
			},
		},
		deleteNodes(withMembers(before, members), leaving),
	];
}
