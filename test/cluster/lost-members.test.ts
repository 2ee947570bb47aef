import test from 'ava';
import { joiningMembers } from '../../src/cluster/heat/lost-members.ts';
import type { StackEvent } from '../../src/cluster/heat/stack.ts';

const stack = 'demo-minions-x7-2-k3';

/** Events of the resources of one member, oldest first. */
const events = (...all: readonly (readonly [resource: string, status: string])[]): StackEvent[] =>
	all.map(([resource, status], index) => ({
		...{ id: `event-${index}`, stack, resource, physicalId: `${resource}-id`, status, reason: '' },
		time: `2026-01-01T00:00:0${index}Z`,
	}));

const created = [
	['server', 'CREATE_IN_PROGRESS'],
	['server', 'CREATE_COMPLETE'],
	['ready', 'CREATE_IN_PROGRESS'],
] as const;

test('a member with a server joins until Heat has its signal', (t) => {
	const member = { name: 'demo-minion-2', stack, server: 'server-id' };
	t.deepEqual(joiningMembers('demo', events(...created)), [member]);
	t.deepEqual(joiningMembers('demo', events(...created, ['ready', 'CREATE_COMPLETE'])), []);
	t.deepEqual(joiningMembers('demo', events(...created, ['ready', 'CREATE_FAILED'])), []);
});

test('a server that Nova has not created yet, or that Heat deletes, does not join', (t) => {
	t.deepEqual(joiningMembers('demo', events(...created.slice(0, 1))), []);
	t.deepEqual(joiningMembers('demo', events(...created, ['server', 'DELETE_IN_PROGRESS'])), []);
});

test('only members of the cluster join', (t) => {
	const foreign = events(...created).map((event) => ({ ...event, stack: 'wordpress' }));
	t.deepEqual(joiningMembers('demo', foreign), []);
});
