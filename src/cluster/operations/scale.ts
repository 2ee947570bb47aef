import { invalidFlags, refuse, usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { stackDirectory } from '../heat/directory.ts';
import { isSettled } from '../heat/inventory.ts';
import type { Stack } from '../heat/stack.ts';
import { requireCounts } from '../spec/changes.ts';
import { readCluster } from '../spec/config.ts';
import { type Counts, countsOf, furtherNodes, generationsOf, unfinished } from '../spec/generations.ts';
import { settingsOf } from '../spec/parameters.ts';
import { byPool, defaultPools, type Pool, poolsOf } from '../spec/pools.ts';
import { type DrainFlags, drainTimeoutOf } from './drain-options.ts';
import { changeMembers } from './member-change.ts';
import { memberSteps, type StackContext } from './member-steps.ts';
import { membersToRemove } from './removals.ts';
import { type DryRun, runOperation, type Steps } from './runner.ts';
import type { StackChange } from './stack-change.ts';
import { clusterStatus, type Status } from './status.ts';
import { syncCountSteps } from './sync-files.ts';

/** @throws UserError exit code 2 while an upgrade or a replacement is under way */
export function requireNoUpgrade(stack: Stack): void {
	const sentence = unfinished(stack.name, generationsOf(stack.parameters));
	if (sentence !== undefined) throw usageError(sentence, 'Nothing was changed.');
}

/** The count of a pool as requested on the command line. */
interface CountRequest {
	/** As the user wrote it, such as `--pool gpu`. */
	readonly flag: string;
	readonly text: string;
}

/**
 * The requested counts, by the name of the pool.
 *
 * @throws UserError exit code 2, with every mistake
 */
export function countRequests(flags: ScaleFlags): Map<string, CountRequest> {
	const given = [
		...defaultPools.map(({ name }) => ({ name, flag: `--${name}`, text: flags[name as 'minions'] })),
		...(flags.pool ?? []).map((value) => {
			const [name = '', ...rest] = value.split('=');
			return { name: name.trim(), flag: `--pool ${name.trim()}`, text: rest.join('=') };
		}),
	].filter(({ text }) => text !== undefined);
	const requests = new Map<string, CountRequest>();
	const mistakes: string[] = [];
	for (const { name, flag, text } of given) {
		const count = String(text).trim();
		if (!/^[+-]?\d+$/.test(count))
			mistakes.push(`${flag} is ${JSON.stringify(text)}: it must be a count, or a change such as +1 or -1.`);
		if (requests.has(name)) mistakes.push(`The count of the pool ${name} is given twice.`);
		requests.set(name, { flag, text: count });
	}
	refuse(mistakes, undefined, invalidFlags);
	return requests;
}

/** The desired count of a pool: absolute (`5`) or relative to the present count (`+1`, `-1`). */
function targetCount({ name }: Pool, request: CountRequest | undefined, now: number, named: number): number {
	if (request === undefined) return now - named;
	const { flag, text } = request;
	const number = Number(text);
	const count = /^[+-]/.test(text) ? now + number : number;
	if (count < 0) throw usageError(`${flag} is ${text}, but the cluster has only ${now} ${name}.`);
	if (named > 0 && count !== now - named) {
		throw usageError(
			`${flag} ${text} changes ${now} ${name} to ${count}, but --remove lists ${named} of them.`,
			'Omit the count to remove exactly the nodes of --remove.',
		);
	}
	return count;
}

/** @throws UserError exit code 2 for an invalid number of masters */
function requireValidMasters(name: string, now: number, wanted: number, named: number): void {
	if (wanted === now) return;
	if (named > 0 && wanted > 0 && wanted % 2 === 0) {
		throw usageError(
			`${wanted} masters would remain; they tolerate no more failures than ${wanted - 1}.`,
			`An odd number must remain. To replace the node instead: kstack replace ${name} NODE`,
		);
	}
	readCluster(name, { masters: String(wanted) }, undefined);
}

/** The flags of `kstack scale`. */
export interface ScaleFlags extends DrainFlags {
	/** Names of the nodes to remove. */
	readonly remove?: readonly string[] | undefined;
	readonly masters?: unknown;
	readonly minions?: unknown;
	readonly gateways?: unknown;
	/** Counts of pools, each `POOL=N`, `POOL=+N` or `POOL=-N`. */
	readonly pool?: readonly string[] | undefined;
}

/** @throws UserError exit code 2 for pools that the cluster does not have */
function requirePools(name: string, pools: readonly Pool[], requested: Iterable<string>): void {
	const unknown = [...requested].filter((one) => !pools.some((pool) => pool.name === one));
	if (unknown.length === 0) return;
	throw usageError(
		`${name} has no pool ${unknown.join(', ')}. Its pools: ${pools.map((pool) => pool.name).join(', ')}.`,
		undefined,
		'no-such-pool',
	);
}

/** The change that sets the counts of the pools: those of default pools are settings, the others are parameters. */
function changeOfCounts(pools: readonly Pool[], now: Counts, wanted: Counts): StackChange {
	const settings: Record<string, number> = {};
	const parameters: Record<string, number> = {};
	for (const { id, name, further } of pools) {
		const count = wanted[id] ?? 0;
		if (count === now[id]) continue;
		if (!further) settings[name] = count;
		else parameters[`${id}_count`] = count;
	}
	return { settings, parameters };
}

/** The steps that apply the requested counts. Refuses invalid requests, and confirms removals. */
async function scaleSteps(
	context: StackContext,
	requests: ReadonlyMap<string, CountRequest>,
	named: readonly string[],
	flags: ScaleFlags,
): Promise<Steps<StackContext>> {
	const { stack, directory } = context;
	requireNoUpgrade(stack);
	const pools = poolsOf(stack.parameters);
	requirePools(stack.name, pools, requests.keys());
	const now = countsOf(stack.parameters, '');
	const all = byPool(pools, () => Number.POSITIVE_INFINITY);
	const chosen = await membersToRemove(stack, all, named);
	const namedIn = (id: string) => chosen.filter(({ member }) => member.pool === id).length;
	const wanted = byPool(pools, (pool) =>
		targetCount(pool, requests.get(pool.name), now[pool.id] ?? 0, namedIn(pool.id)),
	);
	requireValidMasters(stack.name, now.master, wanted.master, namedIn('master'));
	const change = changeOfCounts(pools, now, wanted);
	const further = { before: furtherNodes(now), after: furtherNodes(wanted) };
	requireCounts(settingsOf(stack.parameters), change.settings, further);
	if (pools.every(({ id }) => wanted[id] === now[id]) && isSettled(stack)) {
		say(`${stack.name} already has the requested size: nothing to change.`);
		return syncCountSteps(stack, directory, new Set(requests.keys()));
	}
	const removals = await membersToRemove(stack, wanted, named);
	return memberSteps(context, await changeMembers(stack, change, removals, flags));
}

/**
 * `kstack scale`: sets counts or removes named members, and changes nothing else; works without the stack
 * directory too.
 *
 * @returns the state of the cluster afterwards
 */
export async function scaleCluster(name: string, flags: ScaleFlags): Promise<Status | DryRun> {
	const named = [...new Set(flags.remove ?? [])];
	const requests = countRequests(flags);
	if (named.length === 0 && requests.size === 0) {
		throw usageError(
			'Missing flag: --minions N, --gateways N, --masters N, --pool POOL=N, or --remove NODE.',
			undefined,
			invalidFlags,
		);
	}
	drainTimeoutOf(name, flags);
	const directory = await stackDirectory(name);
	return runOperation({
		...{ name, directory, dryRun: flags.dryRun },
		prepare: async (stack) => {
			const context: StackContext = { stack, directory };
			return { context, steps: await scaleSteps(context, requests, named, flags) };
		},
		result: ({ stack }) => clusterStatus(stack, directory),
	});
}
