// A simulated Heat for pools of members: counts, removal policies, and updates that fail halfway.

import type { MemberState } from '../../src/cluster/heat/inventory.ts';
import { countsOf, generationsOf, type Prefix } from '../../src/cluster/spec/generations.ts';
import type { Parameters } from '../../src/cluster/spec/parameters.ts';
import { groupName, memberName, type Pool, poolsOf } from '../../src/cluster/spec/pools.ts';
import type { Role } from '../../src/cluster/spec/roles.ts';
import { type Answers, demoStack, event, withAuthorityOf } from './fake-cloud.ts';

/** The result of an update: new members do not become Ready, members are not removed, or Heat refuses it. */
export type UpdateOutcome = 'success' | 'additions fail' | 'removals fail' | 'both fail' | 'refused';

interface Group {
	/** Indexes that are never used again. */
	readonly gone: Set<number>;
	readonly members: Map<number, MemberState['condition']>;
}

/** The effect of an update on the existing members of a pool. */
export interface PoolEffect {
	readonly role: Role;
	/** The pool's ID. */
	readonly pool: string;
	/** Members that were available before, during and after it. */
	readonly available: number;
	readonly added: number;
	/** Healthy members that were removed. */
	readonly removed: number;
}

/** A member of the stack demo, by its name in the templates. */
function memberOf({ id, role }: Pool, generation: number, index: number) {
	const name = memberName('demo', id, generation, index);
	return { name, role, pool: id, address: '10.0.0.9', server: `server-${name}`, index, generation };
}

/** A stack of members. */
export class SimulatedHeat {
	parameters: Readonly<Record<string, string>> = {};
	/** The kubeconfig of the cluster, whose CA is an output of the stack; empty if the test needs none. */
	kubeconfig = '';
	settled = true;
	#updates = 0;
	readonly #groups = new Map<string, Group>();

	constructor(parameters: Parameters) {
		this.update(parameters, 'success');
	}

	#group(pool: string, generation: number): Group {
		const key = `${pool} ${generation}`;
		const group = this.#groups.get(key) ?? { gone: new Set(), members: new Map() };
		this.#groups.set(key, group);
		return group;
	}

	members(): MemberState[] {
		const pools = poolsOf(this.parameters);
		return [...this.#groups].flatMap(([key, { members }]) => {
			const [id, generation] = key.split(' ') as [string, string];
			const pool = pools.find((one) => one.id === id);
			if (pool === undefined && members.size > 0) throw new Error(`${id} is not a pool`);
			return [...members].map(([index, condition]) => ({
				...memberOf(pool as Pool, Number(generation), index),
				condition,
			}));
		});
	}

	/** The output of the client for it. */
	answers(): Answers {
		const members = this.members();
		const pools = poolsOf(this.parameters);
		const output = ({ id, group }: Pool) => ({
			output_key: group,
			output_value: members
				.filter((member) => member.pool === id && this.settled)
				.map(({ condition: _, role: __, pool: ___, ...member }) => ({
					...member,
					index: String(member.index),
				})),
		});
		const status = this.settled ? 'UPDATE_COMPLETE' : 'UPDATE_FAILED';
		const more = {
			stack_status: status,
			outputs: [{ output_key: 'api_endpoint', output_value: 'https://127.0.0.1:1' }, ...pools.map(output)],
		};
		const rows = members.flatMap(({ pool: id, generation, index, server, condition }) => {
			const { group = id } = pools.find((one) => one.id === id) ?? {};
			const pool = `demo-${groupName({ group }, generation)}-x7`;
			const row = (
				resource_name: string,
				stack_name: string,
				physical_resource_id: string,
				state: string,
			) => ({
				...{ resource_name, stack_name, physical_resource_id, resource_status: state },
			});
			const state = { ready: 'CREATE_COMPLETE', failed: 'CREATE_FAILED', leaving: 'DELETE_FAILED' }[
				condition
			];
			return [
				row(String(index), pool, `stack-${server}`, state),
				row('server', `${pool}-${index}-k3`, server, 'CREATE_COMPLETE'),
				row('ready', `${pool}-${index}-k3`, '', condition === 'failed' ? 'CREATE_FAILED' : 'CREATE_COMPLETE'),
			];
		});
		const answers: Answers = {
			'stack-show-demo': demoStack(0, more, this.parameters),
			'stack-event-list': [
				event(1, 'CREATE_COMPLETE'),
				...Array.from({ length: this.#updates - 1 }, (_, number) =>
					event(number + 2, number === this.#updates - 2 ? status : 'UPDATE_COMPLETE'),
				),
			],
			'stack-resource-list': rows,
			'server-list': members.map(({ name, server }) => ({ ID: server, Name: name, Status: 'ACTIVE' })),
		};
		return this.kubeconfig === '' ? answers : (withAuthorityOf(this.kubeconfig, [answers])[0] as Answers);
	}

	/** Applies parameters as `stack update --existing` does. */
	update(parameters: Parameters, outcome: UpdateOutcome): PoolEffect[] {
		if (outcome === 'refused') return [];
		const texts = Object.entries(parameters).map(([name, value]) => [
			name,
			typeof value === 'object' ? JSON.stringify(value) : String(value),
		]);
		this.parameters = { ...this.parameters, ...Object.fromEntries(texts) };
		const { current, previous } = generationsOf(this.parameters);
		const before = this.members();
		this.#updates++;
		this.settled = true;
		const prefixes: [number | null, Prefix][] = [
			[current, ''],
			[previous, 'previous_'],
		];
		for (const [generation, prefix] of prefixes) {
			if (generation === null) continue;
			for (const { id, name } of poolsOf(this.parameters)) {
				const removed = this.parameters[`${prefix}removed_${name}`] ?? '';
				const indexes = removed.split(',').filter(Boolean).map(Number);
				this.#resize(id, generation, countsOf(this.parameters, prefix)[id] ?? 0, indexes, outcome);
			}
		}
		for (const { role, generation, name } of this.members()) {
			if (generation !== current && generation !== previous)
				throw new Error(`${name} is not in the templates (${role})`);
		}
		return this.#seen(before);
	}

	#resize(
		pool: string,
		generation: number,
		count: number,
		removed: readonly number[],
		outcome: UpdateOutcome,
	): void {
		const { gone, members } = this.#group(pool, generation);
		for (const index of removed) gone.add(index);
		const kept: number[] = [];
		for (let index = 0; kept.length < count; index++) if (!gone.has(index)) kept.push(index);
		for (const [index] of members) {
			if (kept.includes(index)) continue;
			if (outcome === 'removals fail' || outcome === 'both fail') {
				members.set(index, 'leaving');
				this.settled = false;
			} else members.delete(index);
		}
		for (const index of kept) {
			const condition = members.get(index);
			if (condition === 'leaving') throw new Error(`a member being deleted cannot be kept: ${pool} ${index}`);
			if (condition === 'ready') continue;
			// A failed member fails again: its signal is still in the handle.
			const fails = condition === 'failed' || outcome === 'additions fail' || outcome === 'both fail';
			members.set(index, fails ? 'failed' : 'ready');
			if (fails) this.settled = false;
		}
	}

	#seen(before: readonly MemberState[]): PoolEffect[] {
		const after = this.members();
		const ready = (members: readonly MemberState[], id: string) =>
			members.filter((one) => one.pool === id && one.condition === 'ready').map(({ name }) => name);
		return poolsOf(this.parameters).map(({ id, role }) => {
			const [was, is] = [ready(before, id), ready(after, id)];
			const known = new Set(before.map(({ name }) => name));
			return {
				role,
				pool: id,
				available: was.filter((name) => is.includes(name)).length,
				added: after.filter((one) => one.pool === id && !known.has(one.name)).length,
				removed: was.filter((name) => !is.includes(name)).length,
			};
		});
	}
}
