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
import { type DrainFlags, drainOptions } from './drain-options.ts';
import { type MemberChange, memberSteps, type StackContext } from './member-steps.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { clusterStatus, type Status } from './status.ts';
import { parametersOfStep, type UpgradeState, upgradeState } from './upgrade-steps.ts';

/** The next update of a replacement. */
export interface Move {
	/** The state of the stack after this update: member counts, and what the parameter `generations` records. */
	readonly place: UpgradeState;
	readonly goes: readonly MemberState[];
	readonly words: string;
}

function more(place: UpgradeState, pool: string, by: number, node: string, extra: boolean): UpgradeState {
	return {
		...place,
		now: { ...place.now, [pool]: (place.now[pool] ?? 0) + by },
		generations: { ...place.generations, replacing: { node, extra } },
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
export function nextMove(
	node: string,
	place: UpgradeState,
	members: readonly MemberState[],
	settled: boolean,
	isDead: boolean,
): Move | undefined {
	const member = members.find(({ name }) => name === node);
	const failed = members.filter(({ condition }) => condition === 'failed');
	const { replacing } = place.generations;
	const mine = replacing?.node === node;
	const going = (one: MemberState) => [one, ...failed.filter(({ name }) => name !== node)];
	if (mine && !settled) {
		const goes = member === undefined || replacing.extra ? failed : going(member);
		return { place, goes, words: 'The last update failed; retrying' };
	}
	if (mine && replacing.extra) {
		if (member === undefined) {
			const generations = { ...place.generations, replacing: { node, extra: false } };
			return { place: { ...place, generations }, goes: [], words: `${node} has already been removed` };
		}
		const words = `Removing ${node}, which the new ${member.role} replaces`;
		return { place: more(place, member.pool, -1, node, false), goes: [member], words };
	}
	if (member === undefined) {
		if (mine) return undefined;
		throw usageError(
			`There is no node ${node}. Nodes: ${members.map(({ name }) => name).join(', ') || 'none'}.`,
		);
	}
	if (isDead || member.condition !== 'well') {
		const words = `Removing ${node} and adding a new ${member.role}`;
		return { place: more(place, member.pool, 0, node, false), goes: going(member), words };
	}
	if (!settled) return { place, goes: failed, words: 'The last update failed; retrying it first' };
	const words = `Adding a new ${member.role} before ${node} is removed`;
	return { place: more(place, member.pool, 1, node, true), goes: [], words };
}

/**
 * Whether a member is treated as dead: its server does not run, or its node does not respond and `force` is set.
 *
 * @throws UserError when the server is ACTIVE, the node does not respond, and `force` is not set
 */
async function isGivenUp(
	member: MemberState,
	node: KubernetesNode | undefined,
	force: boolean,
): Promise<boolean> {
	const servers = await list(['server']);
	const server = servers.find(({ ID }) => ID === member.server);
	if (!running.test(String(server?.Status ?? ''))) return true;
	if (node?.silent !== true) return false;
	if (force) return true;
	throw new UserError(`${member.name} is ACTIVE, but the node does not respond, so it cannot be drained.`, {
		hint: 'Nothing was changed. Reboot it (openstack server reboot), or remove it with --force.',
	});
}

/** The next update of a replacement, and the current state of the node. */
interface Situation {
	readonly move: Move | undefined;
	readonly members: readonly MemberState[];
	/** The node's member; `undefined` when it no longer exists. */
	readonly member: MemberState | undefined;
	readonly isDead: boolean;
}

async function look({ stack, directory }: StackContext, node: string, how: DrainOptions): Promise<Situation> {
	const kubeconfig = await readKubeconfig(directory, stack);
	const members = await inventory(stack);
	const member = members.find((one) => one.name === node);
	const nodes = member === undefined || kubeconfig === undefined ? [] : await listNodes(kubeconfig);
	const known = nodes.find((one) => one.name === node);
	const isDead = member !== undefined && (await isGivenUp(member, known, how.force));
	const move = nextMove(node, upgradeState(stack.parameters), members, isSettled(stack), isDead);
	if (move !== undefined) {
		const planned = parametersOfStep(move.place, move.place, move.goes);
		requireResources(stack.name, { ...stack.parameters, ...planned }, stack.parameters);
	}
	return { move, members, member, isDead };
}

/** The update of a move, as the steps that lead to it need it. */
function changeOf(
	stack: Stack,
	{ place, goes, words }: Move,
	members: readonly MemberState[],
	how: DrainOptions,
): MemberChange {
	const stay = members.filter(
		(member) => member.role === 'master' && member.condition === 'well' && !goes.includes(member),
	);
	// The additional member is temporary: counts are written to the files only once it has been removed.
	const told = countsOf(stack.parameters, '');
	const settings = Object.fromEntries(
		defaultPools
			.filter(({ id }) => (place.now[id] ?? 0) < (told[id] ?? 0))
			.map(({ id, name }) => [name, place.now[id] ?? 0]),
	);
	return {
		...{ title: words, members, goes, how },
		change: { settings, parameters: parametersOfStep(place, place, goes) },
		newMasters: place.now.master > stay.length,
	};
}

/** Updates until the node is replaced. Each is derived from the current state of the stack. */
async function* moves(
	context: StackContext,
	node: string,
	how: DrainOptions,
): AsyncGenerator<Step<StackContext>> {
	for (;;) {
		const { move, members } = await look(context, node, how);
		if (move === undefined) return;
		yield* memberSteps(context, changeOf(context.stack, move, members, how));
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
			const how = drainOptions(stack, flags);
			requireNoOther(stack, node);
			const { move, member, isDead } = await look(context, node, how);
			if (move !== undefined) {
				const what = member === undefined ? '' : ` (${member.role}, ${isDead ? 'dead' : 'alive'})`;
				say(`Replacing ${node}${what}`);
				await confirm('Proceed?', flags.yes === true || flags.dryRun === true);
			}
			return { context, steps: moves(context, node, how) };
		},
		result: ({ stack }) => {
			say(`${node} was replaced`);
			return clusterStatus(stack, directory);
		},
	});
}
