import { confirm } from '../../base/confirm.ts';
import { UserError, usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { inventory, isSettled, type MemberState } from '../heat/inventory.ts';
import { requireResources } from '../heat/resource-limit.ts';
import { list, type Stack } from '../heat/stack.ts';
import { type KubernetesNode, listNodes } from '../kubernetes/api.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { type DrainOptions, running } from '../kubernetes/leave.ts';
import { countsOf, unfinished } from '../spec/generations.ts';
import { defaultPools } from '../spec/pools.ts';
import { type DrainFlags, drainOptionsOf } from './drain-options.ts';
import { type MemberChange, memberSteps, type StackContext } from './member-steps.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { clusterStatus, type Status } from './status.ts';
import { parametersOfStep, type UpgradeState, upgradeState } from './upgrade-steps.ts';

/** The next update of a replacement. */
export interface ReplacementStep {
	/** The state of the stack after this update: member counts, and what the parameter `generations` records. */
	readonly state: UpgradeState;
	readonly toRemove: readonly MemberState[];
	readonly title: string;
}

function withReplacing(
	state: UpgradeState,
	pool: string,
	by: number,
	node: string,
	extra: boolean,
): UpgradeState {
	return {
		...state,
		now: { ...state.now, [pool]: (state.now[pool] ?? 0) + by },
		generations: { ...state.generations, replacing: { node, extra } },
	};
}

/**
 * Returns the next update of a replacement. It depends only on the state of the stack. For a live member, a new member
 * is added first and must be Ready before the old one is removed. A dead member is removed, and Heat adds a new one.
 *
 * @param node     the member to be replaced
 * @param members  all members, in any condition
 * @param settled  whether the last update succeeded; if not, it is retried first
 * @param isDead   whether the member's server no longer runs
 * @returns the update; `undefined` when the member has been replaced
 * @throws UserError exit code 2 when there is no such member
 */
export function nextReplacementStep(
	node: string,
	state: UpgradeState,
	members: readonly MemberState[],
	settled: boolean,
	isDead: boolean,
): ReplacementStep | undefined {
	const member = members.find(({ name }) => name === node);
	const failed = members.filter(({ condition }) => condition === 'failed');
	const { replacing } = state.generations;
	const isStarted = replacing?.node === node;
	const withFailed = (one: MemberState) => [one, ...failed.filter(({ name }) => name !== node)];
	if (isStarted && !settled) {
		const toRemove = member === undefined || replacing.extra ? failed : withFailed(member);
		return { state, toRemove, title: 'The last update failed; retrying' };
	}
	if (isStarted && replacing.extra) {
		if (member === undefined) {
			const generations = { ...state.generations, replacing: { node, extra: false } };
			return { state: { ...state, generations }, toRemove: [], title: `${node} has already been removed` };
		}
		const title = `Removing ${node}, which the new ${member.role} replaces`;
		return { state: withReplacing(state, member.pool, -1, node, false), toRemove: [member], title };
	}
	if (member === undefined) {
		if (isStarted) return undefined;
		throw usageError(
			`There is no node ${node}. Nodes: ${members.map(({ name }) => name).join(', ') || 'none'}.`,
		);
	}
	if (isDead || member.condition !== 'ready') {
		const title = `Removing ${node} and adding a new ${member.role}`;
		return { state: withReplacing(state, member.pool, 0, node, false), toRemove: withFailed(member), title };
	}
	if (!settled) return { state, toRemove: failed, title: 'The last update failed; retrying it first' };
	const title = `Adding a new ${member.role} before ${node} is removed`;
	return { state: withReplacing(state, member.pool, 1, node, true), toRemove: [], title };
}

/**
 * Whether a member is treated as dead: its server does not run, or its node does not respond and `force` is set.
 *
 * @throws UserError when the server is ACTIVE, the node does not respond, and `force` is not set
 */
async function isTreatedAsDead(
	member: MemberState,
	node: KubernetesNode | undefined,
	force: boolean,
): Promise<boolean> {
	const servers = await list(['server']);
	const server = servers.find(({ ID }) => ID === member.server);
	if (!running.test(String(server?.Status ?? ''))) return true;
	if (node?.unreachable !== true) return false;
	if (force) return true;
	throw new UserError(`${member.name} is ACTIVE, but the node does not respond, so it cannot be drained.`, {
		hint: 'Nothing was changed. Reboot it (openstack server reboot), or remove it with --force.',
	});
}

/** The next update of a replacement, and the current state of the node. */
interface Progress {
	readonly step: ReplacementStep | undefined;
	readonly members: readonly MemberState[];
	/** The node's member; `undefined` when it no longer exists. */
	readonly member: MemberState | undefined;
	readonly isDead: boolean;
}

async function readProgress(
	{ stack, directory }: StackContext,
	node: string,
	drainOptions: DrainOptions,
): Promise<Progress> {
	const kubeconfig = await readKubeconfig(directory, stack);
	const members = await inventory(stack);
	const member = members.find((one) => one.name === node);
	const nodes = member === undefined || kubeconfig === undefined ? [] : await listNodes(kubeconfig);
	const known = nodes.find((one) => one.name === node);
	const isDead = member !== undefined && (await isTreatedAsDead(member, known, drainOptions.force));
	const step = nextReplacementStep(node, upgradeState(stack.parameters), members, isSettled(stack), isDead);
	if (step !== undefined) {
		const planned = parametersOfStep(step.state, step.state, step.toRemove);
		requireResources(stack.name, { ...stack.parameters, ...planned }, stack.parameters);
	}
	return { step, members, member, isDead };
}

/** The change of the members for a step of the replacement. */
function changeOf(
	stack: Stack,
	{ state, toRemove, title }: ReplacementStep,
	members: readonly MemberState[],
	drainOptions: DrainOptions,
): MemberChange {
	const remaining = members.filter(
		(member) => member.role === 'master' && member.condition === 'ready' && !toRemove.includes(member),
	);
	// The additional member is temporary: counts are written to the files only once it has been removed.
	const counts = countsOf(stack.parameters, '');
	const settings = Object.fromEntries(
		defaultPools
			.filter(({ id }) => (state.now[id] ?? 0) < (counts[id] ?? 0))
			.map(({ id, name }) => [name, state.now[id] ?? 0]),
	);
	return {
		...{ title, members, toRemove, drainOptions },
		change: { settings, parameters: parametersOfStep(state, state, toRemove) },
		newMasters: state.now.master > remaining.length,
	};
}

/** Updates until the node is replaced. Each is derived from the current state of the stack. */
async function* replacementSteps(
	context: StackContext,
	node: string,
	drainOptions: DrainOptions,
): AsyncGenerator<Step<StackContext>> {
	for (;;) {
		const { step, members } = await readProgress(context, node, drainOptions);
		if (step === undefined) return;
		yield* memberSteps(context, changeOf(context.stack, step, members, drainOptions));
	}
}

/** @throws UserError exit code 2 while an upgrade or the replacement of another node is under way */
function requireNoOther(stack: Stack, node: string): void {
	const { generations } = upgradeState(stack.parameters);
	const other = unfinished(stack.name, generations);
	if (other !== undefined && (generations.previous !== null || generations.replacing?.node !== node)) {
		throw usageError(other, 'Nothing was changed.');
	}
}

/**
 * `kstack replace`: replaces a node. After an interruption or a failure, the same command resumes.
 *
 * @returns the state of the cluster afterwards
 */
export async function replaceNode(name: string, node: string, flags: DrainFlags): Promise<Status | DryRun> {
	const directory: StackDirectory = await stackDirectory(name);
	return runOperation({
		...{ name, directory, dryRun: flags.dryRun },
		prepare: async (stack) => {
			const context: StackContext = { stack, directory };
			const drainOptions = drainOptionsOf(stack, flags);
			requireNoOther(stack, node);
			const { step, member, isDead } = await readProgress(context, node, drainOptions);
			if (step !== undefined) {
				const what = member === undefined ? '' : ` (${member.role}, ${isDead ? 'dead' : 'alive'})`;
				say(`Replacing ${node}${what}`);
				await confirm('Proceed?', flags.yes === true || flags.dryRun === true);
			}
			return { context, steps: replacementSteps(context, node, drainOptions) };
		},
		result: ({ stack }) => {
			say(`${node} was replaced`);
			return clusterStatus(stack, directory);
		},
	});
}
