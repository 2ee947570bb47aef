import { groupOf, memberName, nestedStackOf } from '../spec/pools.ts';
import type { StackEvent } from './stack.ts';

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
export function isContainer(event: StackEvent, name: string): boolean {
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

/** Whether an event gets a line. Leaving can take minutes, so its start is printed too; for other resources only the end is. */
export function isPrinted(event: StackEvent): boolean {
	if (`${event.resource} ${event.status}` in milestones || event.status.endsWith('_FAILED')) return true;
	return event.status.endsWith('_COMPLETE') && event.resource !== 'leave';
}

/** The line that is printed for an event: seconds since the beginning, its node, and what has happened. */
export function line(event: StackEvent, name: string, began: number): string {
	const seconds = Math.max(0, Math.round((Date.parse(`${event.time.replace(/Z?$/, 'Z')}`) - began) / 1000));
	const [, ...state] = event.status.split('_');
	const action = event.status.split('_')[0] ?? '';
	const done: Record<string, string> = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' };
	const word = state.join('_') === 'COMPLETE' ? (done[action] ?? event.status) : event.status;
	const what =
		milestones[`${event.resource} ${event.status}`] ?? `${event.resource.replaceAll('_', ' ')} ${word}`;
	return `${String(seconds).padStart(5)} s  ${owner(event, name)}: ${what}`;
}
