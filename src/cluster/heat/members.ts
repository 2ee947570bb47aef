import { poolsOf } from '../spec/pools.ts';
import type { Role } from '../spec/roles.ts';
import type { Stack } from './stack.ts';

/** A member of a cluster, as in the outputs of its stack. */
export interface Member {
	readonly name: string;
	readonly role: Role;
	/** The ID of its pool; that of a default pool is its role. */
	readonly pool: string;
	readonly address: string;
	/** Nova's ID of its server. */
	readonly server: string;
	/** Its index in its pool, which selects it for removal in Heat. */
	readonly index: number;
	readonly generation: number;
}

/** The members of a stack, from its outputs; incomplete ones are absent. */
export function membersOf(stack: Stack): Member[] {
	return poolsOf(stack.parameters).flatMap(({ id, role, group }) => {
		const members = stack.outputs[group];
		if (!Array.isArray(members)) return [];
		return members.flatMap((member: Partial<Member> | null) =>
			member?.name === undefined
				? []
				: [
						{
							name: member.name,
							role,
							pool: id,
							address: String(member.address ?? ''),
							server: String(member.server ?? ''),
							index: Number(member.index),
							generation: Number(member.generation),
						},
					],
		);
	});
}
