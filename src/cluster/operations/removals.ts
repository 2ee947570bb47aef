import { confirm } from '../../base/confirm.ts';
import { usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { inventory, type MemberState } from '../heat/inventory.ts';
import type { Stack } from '../heat/stack.ts';
import { type Counts, generationsOf } from '../spec/generations.ts';
import { type Pool, poolsOf } from '../spec/pools.ts';

/** A member to remove, and why it was selected. */
export interface Removal {
	readonly member: MemberState;
	readonly why: string;
}

/**
 * The members to remove to reach the desired counts: the named ones, otherwise those with the highest index, which Heat
 * removes first.
 *
 * @param wanted  desired member count of each pool
 * @param named   names of members to remove
 * @throws UserError exit code 2 for an unknown name
 */
export async function membersToRemove(
	stack: Stack,
	wanted: Counts,
	named: readonly string[],
): Promise<Removal[]> {
	const { current } = generationsOf(stack.parameters);
	const members = (await inventory(stack)).filter(
		({ generation, condition }) => generation === current && condition !== 'leaving',
	);
	const unknown = named.filter((name) => !members.some((member) => member.name === name));
	if (unknown.length > 0) {
		throw usageError(
			`${stack.name} has no node ${unknown.join(', ')}. Its nodes: ${members.map(({ name }) => name).join(', ')}.`,
		);
	}
	const removals: Removal[] = [];
	for (const { id, name: pool } of poolsOf(stack.parameters)) {
		const inPool = members.filter((member) => member.pool === id);
		const chosen = inPool.filter(({ name }) => named.includes(name));
		removals.push(...chosen.map((member) => ({ member, why: 'named' })));
		const rest = inPool.filter((member) => !chosen.includes(member)).sort((a, b) => a.index - b.index);
		const why = `highest index in pool ${pool}`;
		removals.push(...rest.slice(wanted[id]).map((member) => ({ member, why })));
	}
	return removals;
}

/** The Heat parameters that contain the indexes of the members selected by name. */
export function removedParameters(
	pools: readonly Pool[],
	removals: readonly Removal[],
): Record<string, string> {
	const removed: Record<string, string> = {};
	for (const { member, why } of removals) {
		if (why !== 'named') continue;
		const name = `removed_${pools.find(({ id }) => id === member.pool)?.name ?? member.pool}`;
		removed[name] = [removed[name], String(member.index)].filter(Boolean).join(',');
	}
	return removed;
}

/**
 * Shows the members to remove, and asks for confirmation.
 *
 * @throws UserError exit code 2 without a terminal and without `yes`; 1 when the answer is no
 */
export async function confirmRemoval(removals: readonly Removal[], yes: boolean): Promise<void> {
	if (removals.length === 0) return;
	const rows = removals.map(({ member, why }) => [member.name, member.pool, member.address, why]);
	say(table(['REMOVE', 'POOL', 'ADDRESS', 'WHY'], rows));
	await confirm('Remove these nodes?', yes);
}
