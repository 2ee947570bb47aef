import { confirm } from '../../base/confirm.ts';
import { usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { inventory, type MemberState } from '../heat/inventory.ts';
import type { Stack } from '../heat/stack.ts';
import { type Counts, generationsOf } from '../spec/generations.ts';
import { roles } from '../spec/roles.ts';

/** A member that is to go, and why it is that one. */
export interface Removal {
	readonly member: MemberState;
	readonly why: string;
}

/**
 * Who goes when each role is to have so many members: the named, else those that Heat would take, which are
 * the ones with the highest index.
 *
 * @param wanted  members that each role is to have
 * @param named   names of members that are to go
 * @throws UserError exit code 2 for a name that is no member's
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
	const strangers = named.filter((name) => !members.some((member) => member.name === name));
	if (strangers.length > 0) {
		throw usageError(
			`${stack.name} has no ${strangers.join(', ')}. There are: ${members.map(({ name }) => name).join(', ')}.`,
		);
	}
	const going: Removal[] = [];
	for (const role of roles) {
		const ofRole = members.filter((member) => member.role === role);
		const chosen = ofRole.filter(({ name }) => named.includes(name));
		going.push(...chosen.map((member) => ({ member, why: 'named' })));
		const rest = ofRole.filter((member) => !chosen.includes(member)).sort((a, b) => a.index - b.index);
		const why = `highest index of the ${role}s`;
		going.push(...rest.slice(wanted[role]).map((member) => ({ member, why })));
	}
	return going;
}

/** The indexes of the named, by the parameters that Heat is told them with. */
export function removedParameters(going: readonly Removal[]): Record<string, string> {
	const removed: Record<string, string> = {};
	for (const { member, why } of going) {
		if (why !== 'named') continue;
		const name = `removed_${member.role}s`;
		removed[name] = [removed[name], String(member.index)].filter(Boolean).join(',');
	}
	return removed;
}

/**
 * Shows who goes, and asks whether that is meant.
 *
 * @throws UserError exit code 2 where nobody can be asked and `yes` was not said; 1 when it was not meant
 */
export async function confirmRemoval(going: readonly Removal[], yes: boolean): Promise<void> {
	if (going.length === 0) return;
	const rows = going.map(({ member, why }) => [member.name, member.role, member.address, why]);
	say(table(['GOES', 'ROLE', 'ADDRESS', 'WHY'], rows));
	await confirm('Remove them?', yes);
}
