import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { memberName, nestedStackOf, type Pool, poolsOf } from '../spec/pools.ts';
import { withRetry } from './follow.ts';
import { type Member, membersOf } from './members.ts';
import { isNotFound, list, openstack, requireStack, type Stack } from './stack.ts';

/** A member of a stack, and its condition. */
export interface MemberState extends Member {
	/** `ready` has been Ready once, `failed` never; `leaving` is one whose deletion by Heat has not succeeded yet. */
	readonly condition: 'ready' | 'failed' | 'leaving';
}

/** Milliseconds between two checks of a stack that Heat is working on. */
const interval = 5000;

/** Waits until Heat is idle, and returns the stack. */
export async function whenIdle(name: string): Promise<Stack> {
	const lost = (why: string) =>
		interrupted.signal.aborted
			? (interrupted.signal.reason as UserError)
			: new UserError(`${why} Nothing was changed.`, { hint: `See: kstack status ${name}` });
	for (let checks = 0; ; checks++) {
		const stack = await (checks === 0 ? requireStack(name) : withRetry(() => requireStack(name), lost));
		if (!stack.status.endsWith('_IN_PROGRESS')) return stack;
		if (checks === 0) say(`Waiting for Heat to finish with ${name} (${stack.status})`);
		await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
}

/** Whether Heat's last operation on the stack succeeded. */
export const isSettled = (stack: Stack) => stack.status.endsWith('_COMPLETE');

/**
 * All members of a stack. After a failed operation, the outputs of the stack may lack some: then the members are read
 * from the list of resources, which is slower.
 */
export async function inventory(stack: Stack): Promise<MemberState[]> {
	const known = membersOf(stack);
	if (isSettled(stack)) return known.map((member) => ({ ...member, condition: 'ready' }));
	const rows = await list(['stack', 'resource'], '--nested-depth', '2', stack.id);
	return memberStates(stack.name, poolsOf(stack.parameters), rows, known);
}

/** The stack with outputs that contain all its members, including those that Heat has omitted. */
export function withMembers(stack: Stack, members: readonly MemberState[]): Stack {
	if (isSettled(stack)) return stack;
	const outputs = poolsOf(stack.parameters).map(({ id, group }) => [
		group,
		members.filter((member) => member.pool === id),
	]);
	return { ...stack, outputs: { ...stack.outputs, ...Object.fromEntries(outputs) } };
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads the members and their conditions from Heat's resources.
 *
 * @param pools  the pools of the stack
 * @param rows   resources of the stack and of its nested stacks, two levels deep
 * @param known  the members in the outputs of the stack
 */
export function memberStates(
	stack: string,
	pools: readonly Pool[],
	rows: readonly Row[],
	known: readonly Member[],
): MemberState[] {
	return rows.flatMap((row) => {
		const group = String(row.stack_name ?? '');
		const nested = nestedStackOf(stack, group);
		const pool = pools.find(({ id }) => id === nested?.id);
		if (nested === undefined || nested.index !== undefined || pool === undefined) return [];
		if (!/^\d+$/.test(String(row.resource_name))) return [];
		const { generation } = nested;
		const index = Number(row.resource_name);
		const part = (name: string) =>
			rows.find(
				(one) => one.resource_name === name && String(one.stack_name).startsWith(`${group}-${index}-`),
			);
		const status = String(row.resource_status);
		const wasReady = /^(CREATE|UPDATE)_COMPLETE$/.test(String(part('ready')?.resource_status));
		const name = memberName(stack, pool.id, generation, index);
		return [
			{
				name,
				role: pool.role,
				pool: pool.id,
				address: known.find((member) => member.name === name)?.address ?? '',
				server: String(part('server')?.physical_resource_id ?? ''),
				index,
				generation,
				condition: status.startsWith('DELETE') ? 'leaving' : wasReady ? 'ready' : 'failed',
			},
		];
	});
}

/** Deletes the servers of members that never became Ready: they have no pods and cannot signal Heat. */
export async function deleteFailedServers(members: readonly MemberState[]): Promise<void> {
	const servers = members
		.filter(({ condition, server }) => condition === 'failed' && server !== '')
		.map(({ server }) => server);
	if (servers.length === 0) return;
	await openstack(['server', 'delete', '--wait', ...servers]).catch((error: unknown) => {
		if (!isNotFound(error)) throw error;
	});
}
