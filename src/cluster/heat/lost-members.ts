import { say } from '../../base/say.ts';
import { owner } from './events.ts';
import { list, openstack, type StackEvent, show } from './stack.ts';

/** A member that Heat waits for. */
export interface JoiningMember {
	/** Such as `demo-minion-2`. */
	readonly name: string;
	/** Its nested stack. */
	readonly stack: string;
	/** Nova's ID of its server. */
	readonly server: string;
}

/** The members with a server that are not Ready yet, by the events of their stack, oldest first. */
export function joiningMembers(cluster: string, events: readonly StackEvent[]): JoiningMember[] {
	const last = new Map(events.map((event) => [`${event.stack} ${event.resource}`, event]));
	return [...last.values()]
		.filter(({ resource, status }) => resource === 'server' && status === 'CREATE_COMPLETE')
		.filter(({ stack }) => last.get(`${stack} ready`)?.status === 'CREATE_IN_PROGRESS')
		.map((event) => ({ name: owner(event, cluster), stack: event.stack, server: event.physicalId }))
		.filter(({ name }) => name !== cluster);
}

/** Nova's states of a server that does not run and that Nova does not start again by itself. */
const stopped = ['SHUTOFF', 'ERROR', 'SUSPENDED', 'PAUSED', 'SHELVED', 'SHELVED_OFFLOADED', 'SOFT_DELETED'];

/** Why a member cannot become Ready, if so. Absence counts only where Nova says "not found". */
async function whyLost(
	member: JoiningMember,
	states: ReadonlyMap<string, string>,
): Promise<string | undefined> {
	const state = states.get(member.server);
	if (state !== undefined) return stopped.includes(state) ? `is ${state}` : undefined;
	return (await show(['server'], member.server)) === undefined ? 'was deleted' : undefined;
}

/**
 * Ends Heat's wait for members whose server was deleted or stopped while it joined: Heat itself would wait until the
 * boot timeout. A member is lost if two checks in a row find it so.
 */
export class LostMembers {
	readonly #suspected = new Set<string>();
	readonly #given = new Set<string>();

	/** One check. An error of Nova or Heat is left to the next check. */
	async check(cluster: string, events: readonly StackEvent[]): Promise<void> {
		const joining = joiningMembers(cluster, events).filter(({ server }) => !this.#given.has(server));
		if (joining.length === 0) return;
		await this.#checkAll(joining).catch(() => undefined);
	}

	async #checkAll(joining: readonly JoiningMember[]): Promise<void> {
		const servers = await list(['server']);
		const states = new Map(servers.map(({ ID, Status }) => [String(ID), String(Status)]));
		for (const member of joining) {
			const why = await whyLost(member, states);
			if (why === undefined) this.#suspected.delete(member.server);
			else if (!this.#suspected.has(member.server)) this.#suspected.add(member.server);
			else await this.#fail(member, `the server ${why} before the node was Ready`);
		}
	}

	async #fail({ name, stack, server }: JoiningMember, reason: string): Promise<void> {
		const signal = JSON.stringify({ status: 'FAILURE', id: 'kstack', reason, data: '' });
		await openstack(['stack', 'resource', 'signal', '--data', signal, stack, 'ready_handle']);
		this.#given.add(server);
		say(`        ${name}: ${reason}; not waiting for it`);
	}
}
