import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { CommandError } from '../../base/run.ts';
import { say } from '../../base/say.ts';
import { isContainer, isPrinted, line } from './events.ts';
import { LostMembers } from './lost-members.ts';
import { type StackEvent, showStack, stackEvents } from './stack.ts';

/** Milliseconds between two requests for Heat's events. */
const interval = 3000;

/** Requests for events between two checks of the servers of joining members. */
const roundsPerCheck = 5;

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
	const lostMembers = new LostMembers();
	for (let round = 1; ; round++) {
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
		if (round % roundsPerCheck === 0) await lostMembers.check(name, events);
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
