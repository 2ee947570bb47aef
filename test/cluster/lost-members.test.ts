import test from 'ava';
import { joiningMembers, LostMembers } from '../../src/cluster/heat/lost-members.ts';
import type { StackEvent } from '../../src/cluster/heat/stack.ts';
import { temporaryFolder } from '../support/folders.ts';
import { callOperation } from '../support/in-process.ts';

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

test('a member whose server is gone is failed at the second check, and again if Heat did not answer', async (t) => {
	const members = new LostMembers();
	const folder = await temporaryFolder();
	const check = async (answer: object) => {
		const cloud = [{ 'server-list': [], ...answer }];
		const { told, asked } = await callOperation(cloud, folder, () =>
			members.check('demo', events(...created)),
		);
		return { told: told.length, signals: asked.filter((line) => line.includes("'signal'")).length };
	};
	t.deepEqual(await check({}), { told: 0, signals: 0 });
	const refused = await check({ 'stack-resource-signal.fails': 'ERROR: Service Unavailable (HTTP 503)' });
	t.deepEqual(refused, { told: 0, signals: 1 });
	t.deepEqual(await check({ 'stack-resource-signal': '' }), { told: 1, signals: 1 });
	t.deepEqual(await check({ 'stack-resource-signal': '' }), { told: 0, signals: 0 });
});
