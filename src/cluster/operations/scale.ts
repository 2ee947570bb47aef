import { usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { abandonUnready, inventory, withMembers } from '../heat/inventory.ts';
import type { Member } from '../heat/members.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { type DrainOptions, deleteRemovedNodes, drainBeforeUpdate } from '../kubernetes/leave.ts';
import { issueMasterToken } from '../kubernetes/master-token.ts';
import { readCluster } from '../spec/config.ts';
import { byRole, type Counts, countsOf, generationsOf, unfinished } from '../spec/generations.ts';
import { settingsOf } from '../spec/parameters.ts';
import { type Role, roles } from '../spec/roles.ts';
import { applyChange, requireIdle, type StackChange } from './apply.ts';
import { type DrainFlags, drainOptions, drainTimeoutOf } from './drain-options.ts';
import { confirmRemoval, membersToRemove, type Removal, removedParameters } from './removals.ts';
import { clusterStatus, type Status } from './status.ts';

/** @throws UserError exit code 2 while an upgrade or a replacement is under way */
export function requireNoUpgrade(stack: Stack): void {
	const sentence = unfinished(stack.name, generationsOf(stack.parameters));
	if (sentence !== undefined) throw usageError(sentence, 'Nothing was changed.');
}

const flagOf = (role: Role) => `${role}s`;

/** How many members a role is to have: `5`, or with `+1` and `-1` that many more or less than there are. */
function target(role: Role, said: unknown, now: number, named: number): number {
	if (said === undefined) return now - named;
	const text = String(said).trim();
	const number = /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
	if (number === undefined) {
		throw usageError(
			`--${flagOf(role)} is ${JSON.stringify(said)}: say how many there are to be, or how many more (+1) or less (-1).`,
		);
	}
	const count = /^[+-]/.test(text) ? now + number : number;
	if (count < 0) throw usageError(`There are ${now} ${role}s, so ${-number} fewer cannot be.`);
	if (named > 0 && count !== now - named) {
		throw usageError(
			`--${flagOf(role)} ${text} makes ${count} of ${now} ${role}s, but ${named} ${named === 1 ? 'is' : 'are'} named by --remove.`,
			'Leave the count out: those that are named go, and no other.',
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
	await confirmRemoval(going, flags.yes === true);
	const now = settingsOf(stack.parameters);
	const more = Number(change.settings.masters ?? now.masters) > Number(now.masters);
	const standing = await inventory(stack);
	const goes = going.map(({ member }) => member);
	// Those too that an earlier update could not take away: Heat goes on waiting for them.
	const members = [...goes, ...standing.filter(({ condition }) => condition === 'leaving')];
	const how = drainOptions(stack, flags, change.settings);
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
			parameters: { ...change.parameters, ...removedParameters(going) },
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
}

/**
 * `kstack scale`: sets counts or removes named members, and changes nothing else; works without the stack
 * directory too.
 *
 * @returns the state of the cluster afterwards
 */
export async function scaleCluster(name: string, flags: ScaleFlags): Promise<Status> {
	const named = [...new Set(flags.remove ?? [])];
	const said = byRole((role) => flags[`${role}s`]);
	if (named.length === 0 && roles.every((role) => said[role] === undefined)) {
		throw usageError('Say what to scale: --minions N, --gateways N, --masters N, or --remove NODE.');
	}
	for (const role of roles) target(role, said[role], Number.MAX_SAFE_INTEGER, 0);
	drainTimeoutOf(name, flags);
	const directory = await stackDirectory(name);
	const stack = await requireStack(name);
	requireIdle(stack);
	requireNoUpgrade(stack);

	const now = countsOf(stack.parameters, '');
	const chosen = await membersToRemove(
		stack,
		byRole(() => Number.POSITIVE_INFINITY),
		named,
	);
	const wanted: Counts = byRole((role) =>
		target(role, said[role], now[role], chosen.filter(({ member }) => member.role === role).length),
	);
	requireGoodMasters(
		name,
		now.master,
		wanted.master,
		chosen.filter(({ member }) => member.role === 'master').length,
	);
	const going = await membersToRemove(stack, wanted, named);
	const counts = Object.fromEntries(
		roles.filter((role) => wanted[role] !== now[role]).map((role) => [`${role}s`, wanted[role]]),
	);
	if (Object.keys(counts).length === 0 && stack.status.endsWith('_COMPLETE')) {
		say(`${name} has that size already.`);
		return clusterStatus(stack, directory);
	}
	const after = await changeMembers(stack, directory, { settings: counts }, going, flags);
	return clusterStatus(after, directory);
}
