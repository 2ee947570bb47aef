import { type Role, roles } from '../spec/roles.ts';
import type { Stack } from './stack.ts';

/** A machine of a cluster, as its stack knows it. */
export interface Member {
	readonly name: string;
	readonly role: Role;
	readonly address: string;
	/** Nova's ID of its server. */
	readonly server: string;
	/** Its index in its pool, by which Heat is told that it is to go. */
	readonly index: number;
	readonly generation: number;
}

/** The machines of a stack, from its outputs; those that are not complete yet are absent. */
export function membersOf(stack: Stack): Member[] {
	return roles.flatMap((role) => {
		const members = stack.outputs[`${role}s`];
		if (!Array.isArray(members)) return [];
		return members.flatMap((member: Partial<Member> | null) =>
			member?.name === undefined
				? []
				: [
						{
							name: member.name,
							role,
							address: String(member.address ?? ''),
							server: String(member.server ?? ''),
							index: Number(member.index),
							generation: Number(member.generation),
						},
					],
		);
	});
}
