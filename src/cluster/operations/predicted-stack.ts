import type { MemberState } from '../heat/inventory.ts';
import type { Member } from '../heat/members.ts';
import type { Stack } from '../heat/stack.ts';
import { countsOf, generationsOf, type Prefix } from '../spec/generations.ts';
import { memberName, type Pool, poolsOf } from '../spec/pools.ts';
import { requestedParameters, type StackChange } from './stack-change.ts';

/** The members of one pool and generation after an update: Heat keeps the lowest indexes, and never reuses one. */
function membersAfter(
	stack: Stack,
	{ id, role }: Pool,
	generation: number,
	present: readonly MemberState[],
	count: number,
	removed: readonly number[],
): Member[] {
	const kept = present
		.filter(({ index, condition }) => condition !== 'leaving' && !removed.includes(index))
		.sort((one, other) => one.index - other.index)
		.slice(0, count);
	const next = Math.max(-1, ...present.map(({ index }) => index), ...removed) + 1;
	const added = Array.from({ length: Math.max(0, count - kept.length) }, (_, number) => {
		const index = next + number;
		const name = memberName(stack.name, id, generation, index);
		return { name, role, pool: id, address: '', server: '', index, generation };
	});
	return [...kept, ...added];
}

/**
 * The stack as it will be after a successful change: its parameters and members. Dry runs use it to determine the
 * later steps.
 *
 * @param members  all members before the change
 */
export function predictedStack(stack: Stack, members: readonly MemberState[], change: StackChange): Stack {
	const parameters = { ...stack.parameters, ...requestedParameters(stack, change) };
	const { current, previous } = generationsOf(parameters);
	const generations: [number | null, Prefix][] = [
		[current, ''],
		[previous, 'previous_'],
	];
	const outputs = poolsOf(parameters).map((pool) => {
		const ofPool = generations.flatMap(([generation, prefix]) => {
			if (generation === null) return [];
			const removed = String(parameters[`${prefix}removed_${pool.name}`] ?? '');
			return membersAfter(
				stack,
				pool,
				generation,
				members.filter((member) => member.pool === pool.id && member.generation === generation),
				countsOf(parameters, prefix)[pool.id] ?? 0,
				removed.split(',').filter(Boolean).map(Number),
			);
		});
		return [pool.group, ofPool] as const;
	});
	return {
		...stack,
		status: 'UPDATE_COMPLETE',
		parameters,
		outputs: { ...stack.outputs, ...Object.fromEntries(outputs) },
	};
}
