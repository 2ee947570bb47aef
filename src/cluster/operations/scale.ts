import { refuse, usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { abandonUnready, inventory, withMembers } from '../heat/inventory.ts';
import type { Member } from '../heat/members.ts';
import { requireResources } from '../heat/resource-limit.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { type DrainOptions, deleteRemovedNodes, drainBeforeUpdate } from '../kubernetes/leave.ts';
import { issueMasterToken } from '../kubernetes/master-token.ts';
import { hasNodeMarks, storePools } from '../kubernetes/pools.ts';
import { requireCounts } from '../spec/changes.ts';
import { readCluster } from '../spec/config.ts';
import { countsOf, generationsOf, unfinished } from '../spec/generations.ts';
import { settingsOf } from '../spec/parameters.ts';
import { byPool, defaultPools, type Pool, poolsOf, recordsOf } from '../spec/pools.ts';
import { applyChange, requestedParameters, requireIdle, type StackChange } from './apply.ts';
import { type DrainFlags, drainOptions, drainTimeoutOf } from './drain-options.ts';
import { confirmRemoval, membersToRemove, type Removal, removedParameters } from './removals.ts';
import { clusterStatus, type Status } from './status.ts';

/** @throws UserError exit code 2 while an upgrade or a replacement is under way */
export function requireNoUpgrade(stack: Stack): void {
	const sentence = unfinished(stack.name, generationsOf(stack.parameters));
	if (sentence !== undefined) throw usageError(sentence, 'Nothing was changed.');
}

/** What the command line says about the count of a pool. */
interface CountRequest {
	/** As the user wrote it, such as `--pool gpu`. */
	readonly flag: string;
	readonly text: string;
}

/**
 * The counts asked for, by the pool's name.
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
	refuse(mistakes);
	return requests;
}

/** How many members a pool is to have: `5`, or with `+1` and `-1` that many more or less than there are. */
function target({ name }: Pool, request: CountRequest | undefined, now: number, named: number): number {
	if (request === undefined) return now - named;
	const { flag, text } = request;
	const number = Number(text);
	const count = /^[+-]/.test(text) ? now + number : number;
	if (count < 0) throw usageError(`${flag} is ${text}: there are only ${now} ${name}.`);
	if (named > 0 && count !== now - named) {
		throw usageError(
			`${flag} ${text} makes ${count} of ${now} ${name}, but ${named} ${named === 1 ? 'is' : 'are'} named by --remove.`,
			'Omit the count to remove exactly the named nodes.',
		);
	}
	return count;
}

/** @throws UserError exit code 2 for a number of masters that cannot be */
function requireGoodMasters(name: string, now: number, wanted: number, named: number): void {
	if (wanted === now) return;
	if (named > 0 && wanted > 0 && wanted % 2 === 0) {
		throw usageError(
			`${wanted} masters would stay, which survive no more losses than ${wanted - 1} do.`,
			`To have another in its place: kstack replace ${name} NODE.`,
		);
	}
	readCluster(name, { masters: String(wanted) }, undefined);
}

/**
 * Changes the number of members: asks, has those that go leave, updates the stack, and forgets their nodes.
 *
 * @param change  settings and templates; the counts are among the settings
 * @returns the stack after it
 */
export async function changeMembers(
	stack: Stack,
	directory: StackDirectory,
	change: StackChange,
	going: readonly Removal[],
	flags: DrainFlags,
): Promise<Stack> {
	const asked = { ...stack.parameters, ...requestedParameters(stack, change) };
	requireResources(stack.name, asked, stack.parameters);
	await confirmRemoval(going, flags.yes === true);
	const now = settingsOf(stack.parameters);
	const more = Number(change.settings.masters ?? now.masters) > Number(now.masters);
	const standing = await inventory(stack);
	const goes = going.map(({ member }) => member);
	// Those too that an earlier update could not take away: Heat goes on waiting for them.
	const members = [...goes, ...standing.filter(({ condition }) => condition === 'leaving')];
	const how = drainOptions(stack, flags, change.settings);
	for (const [parameter, value] of Object.entries(change.parameters ?? {})) {
		if (parameter.endsWith('_count')) say(`${parameter}: ${stack.parameters[parameter] ?? 0} -> ${value}`);
	}
	if (
		change.parameters?.pools !== undefined &&
		hasNodeMarks(recordsOf(stack.parameters), recordsOf(change.parameters))
	)
		await storePools(stack.name, directory, recordsOf(change.parameters));
	// Before anybody leaves: it may be refused.
	const secrets = more
		? { ...change.secrets, ...(await issueMasterToken(stack, directory)) }
		: change.secrets;
	const prepared = await prepareNodes(stack, directory, members, how);
	await abandonUnready(goes);
	const undo = await drainBeforeUpdate(withMembers(prepared, standing), directory, members, how);
	const after = await applyChange(
		prepared,
		directory,
		{
			...change,
			settings: {
				...(prepared === stack
					? {}
					: { drainForce: now.drainForce ?? false, drainTimeout: now.drainTimeout ?? 300 }),
				...change.settings,
			},
			parameters: { ...change.parameters, ...removedParameters(poolsOf(stack.parameters), going) },
			...(secrets === undefined ? {} : { secrets }),
		},
		undo,
	);
	await deleteRemovedNodes(directory, withMembers(stack, standing), after);
	return after;
}

/**
 * Without a kubeconfig the nodes that go drain themselves, and as they were told before the update that
 * removes them: what is said for this one alone takes an update of its own.
 */
async function prepareNodes(
	stack: Stack,
	directory: StackDirectory,
	members: readonly Member[],
	{ force, drainTimeout }: DrainOptions,
): Promise<Stack> {
	if (members.length === 0 || (await readKubeconfig(directory, stack)) !== undefined) return stack;
	const now = settingsOf(stack.parameters);
	if ((now.drainForce ?? false) === force && (now.drainTimeout ?? 300) === drainTimeout) return stack;
	say(`Setting the drain options in Heat, because there is no ${directory.kubeconfig}`);
	return applyChange(stack, directory, { settings: { drainForce: force, drainTimeout } });
}

/** What `kstack scale` is told beside counts. */
export interface ScaleFlags extends DrainFlags {
	/** Names of nodes that are to go. */
	readonly remove?: readonly string[] | undefined;
	readonly masters?: unknown;
	readonly minions?: unknown;
	readonly gateways?: unknown;
	/** Counts of pools, each `POOL=N`, `POOL=+N` or `POOL=-N`. */
	readonly pool?: readonly string[] | undefined;
}

/**
 * `kstack scale`: sets counts or removes named members, and changes nothing else; works without the stack
 * directory too.
 *
 * @returns the state of the cluster afterwards
 */
export async function scaleCluster(name: string, flags: ScaleFlags): Promise<Status> {
	const named = [...new Set(flags.remove ?? [])];
	const requests = countRequests(flags);
	if (named.length === 0 && requests.size === 0) {
		throw usageError(
			'Missing what to scale: --minions N, --gateways N, --masters N, --pool POOL=N, or --remove NODE.',
		);
	}
	drainTimeoutOf(name, flags);
	const directory = await stackDirectory(name);
	const stack = await requireStack(name);
	requireIdle(stack);
	requireNoUpgrade(stack);

	const pools = poolsOf(stack.parameters);
	const strange = [...requests.keys()].filter((one) => !pools.some((pool) => pool.name === one));
	if (strange.length > 0) {
		throw usageError(
			`${name} has no pool ${strange.join(', ')}. Its pools: ${pools.map((pool) => pool.name).join(', ')}.`,
			undefined,
			'no-such-pool',
		);
	}
	const now = countsOf(stack.parameters, '');
	const chosen = await membersToRemove(
		stack,
		byPool(pools, () => Number.POSITIVE_INFINITY),
		named,
	);
	const namedIn = (id: string) => chosen.filter(({ member }) => member.pool === id).length;
	const wanted = byPool(pools, (pool) =>
		target(pool, requests.get(pool.name), now[pool.id] ?? 0, namedIn(pool.id)),
	);
	requireGoodMasters(name, now.master, wanted.master, namedIn('master'));
	const going = await membersToRemove(stack, wanted, named);
	const changed = pools.filter(({ id }) => wanted[id] !== now[id]);
	const settings: Record<string, number> = {};
	const parameters: Record<string, number> = {};
	for (const { id, name: pool, further } of changed) {
		if (!further) settings[pool] = wanted[id] ?? 0;
		else parameters[`${id}_count`] = wanted[id] ?? 0;
	}
	requireCounts(settingsOf(stack.parameters), settings);
	if (changed.length === 0 && stack.status.endsWith('_COMPLETE')) {
		say(`${name} already has that size.`);
		return clusterStatus(stack, directory);
	}
	const after = await changeMembers(stack, directory, { settings, parameters }, going, flags);
	return clusterStatus(after, directory);
}
