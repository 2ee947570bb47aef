import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { CommandError } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { groupOf, memberName, nestedStackOf } from '../spec/pools.ts';
import { type StackEvent, showStack, stackEvents } from './stack.ts';

/** Milliseconds between two requests for Heat's events. */
const interval = 3000;

/** An operation of Heat. */
type Action = 'CREATE' | 'UPDATE' | 'DELETE';

/** The outcome of an operation of Heat. */
export interface Outcome {
	/** The cluster's name. */
	readonly cluster: string;
	/** Such as `CREATE_COMPLETE`; empty if the stack no longer exists. */
	readonly status: string;
	readonly reason: string;
	/** The failures of single resources in this operation. */
	readonly failures: readonly StackEvent[];
}

/**
 * The node that an event belongs to: `demo-minions-x7-2-k3` is the nested stack of minion 2 of `demo`,
 * `demo-minions_3-x7-2-k3` that of generation 3. Other events belong to the cluster.
 */
export function owner(event: StackEvent, name: string): string {
	const nested = nestedStackOf(name, event.stack);
	if (nested?.index === undefined) return name;
	return memberName(name, nested.id, nested.generation, nested.index);
}

/** Whether the event is of a group or nested stack, which only repeats the events of its resources. */
function isContainer(event: StackEvent, name: string): boolean {
	return (
		groupOf(event.resource) !== undefined ||
		/^\d+$/.test(event.resource) ||
		event.stack.endsWith(event.resource) ||
		event.resource === name
	);
}

/** Messages for important events, instead of the resource and its status. */
const milestones: Readonly<Record<string, string>> = {
	'ready CREATE_COMPLETE': 'Ready',
	'leave DELETE_IN_PROGRESS': 'leaving the cluster',
	'leave DELETE_COMPLETE': 'has left the cluster',
};

/** Leaving can take minutes, so its start is printed too; for other resources only the end is. */
function isPrinted(event: StackEvent): boolean {
	if (`${event.resource} ${event.status}` in milestones || event.status.endsWith('_FAILED')) return true;
	return event.status.endsWith('_COMPLETE') && event.resource !== 'leave';
}

function line(event: StackEvent, name: string, began: number): string {
	const seconds = Math.max(0, Math.round((Date.parse(`${event.time.replace(/Z?$/, 'Z')}`) - began) / 1000));
	const [, ...state] = event.status.split('_');
	const action = event.status.split('_')[0] ?? '';
	const done: Record<string, string> = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' };
	const word = state.join('_') === 'COMPLETE' ? (done[action] ?? event.status) : event.status;
	const what =
		milestones[`${event.resource} ${event.status}`] ?? `${event.resource.replaceAll('_', ' ')} ${word}`;
	return `${String(seconds).padStart(5)} s  ${owner(event, name)}: ${what}`;
}

/** The IDs of all events so far: later ones belong to the next operation. */
export async function eventsUntilNow(name: string): Promise<Set<string>> {
	return new Set(((await stackEvents(name)) ?? []).map((event) => event.id));
}

/**
 * Follows an operation of Heat until it ends, and prints one line per event. Ctrl-C stops kstack, not the operation.
 *
 * @param name   the stack's name
 * @param id     its ID, which also works for a deleted stack
 * @param action the operation; the end of another one, such as of a creation or an earlier deletion that a deletion
 *               cancels, is ignored
 * @param known  events of earlier operations
 */
export async function follow(name: string, id: string, action: Action, known: Set<string>): Promise<Outcome> {
	const began = Date.now();
	const failures: StackEvent[] = [];
	// A deletion cancels an earlier one, whose end Heat reports first.
	let begun = action !== 'DELETE';
	const lost = (why: string) => stillRunning(why, name, action);
	for (;;) {
		const events = await withRetry(() => stackEvents(id), lost);
		if (events === undefined) return { cluster: name, status: '', reason: '', failures };
		// Heat has no events of a deleted stack; an existing one has at least one.
		if (events.length === 0) {
			const stack = await withRetry(() => showStack(id), lost);
			if (stack === undefined) return { cluster: name, status: '', reason: '', failures };
			if (stack.status === 'DELETE_COMPLETE')
				return { cluster: name, status: stack.status, reason: '', failures };
		}
		for (const event of events) {
			if (known.has(event.id)) continue;
			known.add(event.id);
			if (event.resource === name && event.physicalId === id) {
				begun ||= event.status === `${action}_IN_PROGRESS`;
				const ended = event.status === `${action}_COMPLETE` || event.status === `${action}_FAILED`;
				if (ended && begun) return { cluster: name, status: event.status, reason: event.reason, failures };
				continue;
			}
			if (event.status.endsWith('_FAILED')) failures.push(event);
			if (!isContainer(event, name) && isPrinted(event) && !event.status.startsWith('SIGNAL')) {
				say(line(event, name, began));
			}
		}
		await pause(lost);
	}
}

/**
 * Repeats a read request, up to 20 times, while the cloud does not respond. Heat's operation continues meanwhile.
 *
 * @param failure  the error after an interruption, or after too many failures
 */
export async function withRetry<Answer>(
	request: () => Promise<Answer>,
	failure: (why: string) => UserError,
): Promise<Answer> {
	for (let failures = 1; ; failures++) {
		try {
			return await request();
		} catch (error) {
			requireNotInterrupted(failure);
			if (!(error instanceof CommandError)) throw error;
			const reason = error.stderr.split('\n').at(-1) ?? '';
			if (failures === 20) throw failure(`The cloud does not answer: ${reason}`);
			if (failures === 1) say(`        ${reason}; retrying`);
			await pause(failure);
		}
	}
}

function requireNotInterrupted(lost: (why: string) => UserError): void {
	if (interrupted.signal.aborted) throw lost((interrupted.signal.reason as UserError).message);
}

async function pause(lost: (why: string) => UserError): Promise<void> {
	await setTimeout(interval, undefined, { signal: interrupted.signal }).catch(() => undefined);
	requireNotInterrupted(lost);
}

/** How to continue after kstack has stopped waiting for Heat. */
const continuations: Readonly<Record<Action, (name: string) => string>> = {
	CREATE: (name) => `When it is CREATE_COMPLETE, finish with: kstack update ${name}`,
	UPDATE: () => 'When it is complete, run the same command again.',
	DELETE: (name) => `If it is not deleted, run again: kstack delete ${name}`,
};

function stillRunning(why: string, name: string, action: Action): UserError {
	return new UserError(`${why} Heat continues to work on ${name}.`, {
		code: 'not-followed',
		...(interrupted.signal.aborted ? { exitCode: (interrupted.signal.reason as UserError).exitCode } : {}),
		hint: `See: kstack status ${name}\n  ${continuations[action](name)}`,
	});
}
