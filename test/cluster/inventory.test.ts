import test from 'ava';
import { memberStates, withMembers } from '../../src/cluster/heat/inventory.ts';
import { membersOf } from '../../src/cluster/heat/members.ts';
import type { Stack } from '../../src/cluster/heat/stack.ts';
import { defaultPools } from '../../src/cluster/spec/pools.ts';

const row = (
	resource_name: string,
	stack_name: string,
	resource_status: string,
	physical_resource_id = 'x',
) => ({
	...{ resource_name, stack_name, resource_status, physical_resource_id },
});

const rows = [
	row('network', 'demo', 'CREATE_COMPLETE'),
	row('minions', 'demo', 'UPDATE_FAILED'),
	row('0', 'demo-minions-ab12', 'CREATE_COMPLETE'),
	row('server', 'demo-minions-ab12-0-cd34', 'CREATE_COMPLETE', 'server-0'),
	row('ready', 'demo-minions-ab12-0-cd34', 'CREATE_COMPLETE'),
	row('10', 'demo-minions-ab12', 'UPDATE_FAILED'),
	row('server', 'demo-minions-ab12-10-cd34', 'CREATE_COMPLETE', 'server-10'),
	row('ready', 'demo-minions-ab12-10-cd34', 'CREATE_COMPLETE'),
	row('1', 'demo-minions-ab12', 'CREATE_FAILED'),
	row('server', 'demo-minions-ab12-1-cd34', 'CREATE_COMPLETE', 'server-1'),
	row('ready', 'demo-minions-ab12-1-cd34', 'CREATE_FAILED'),
	row('2', 'demo-minions-ab12', 'CREATE_FAILED'),
	row('server', 'demo-minions-ab12-2-cd34', 'CREATE_FAILED', ''),
	row('ready', 'demo-minions-ab12-2-cd34', 'INIT_COMPLETE', ''),
	row('0', 'demo-masters_3-ef56', 'DELETE_FAILED'),
	row('server', 'demo-masters_3-ef56-0-gh78', 'CREATE_COMPLETE', 'server-m'),
	row('ready', 'demo-masters_3-ef56-0-gh78', 'CREATE_COMPLETE'),
	row('0', 'demo-minions-2-minions-zz', 'CREATE_COMPLETE'),
	row('0', 'other-minions-ab12', 'CREATE_COMPLETE'),
];

test('members and their conditions are read from the resources in Heat', (t) => {
	const found = memberStates('demo', defaultPools, rows, []);
	t.deepEqual(
		found.map(({ name, server, condition }) => [name, server, condition]),
		[
			['demo-minion-0', 'server-0', 'ready'],
			['demo-minion-10', 'server-10', 'ready'],
			['demo-minion-1', 'server-1', 'failed'],
			['demo-minion-2', '', 'failed'],
			['demo-master-g3-0', 'server-m', 'leaving'],
		],
	);
	t.like(found[4], { role: 'master', generation: 3, index: 0 });
});

test('a cluster whose name looks like a pool of another cluster is not confused with it', (t) => {
	const others = [row('0', 'demo-minions-minions-ab12', 'CREATE_COMPLETE')];
	t.deepEqual(memberStates('demo', defaultPools, others, []), []);
	t.is(memberStates('demo-minions', defaultPools, others, [])[0]?.name, 'demo-minions-minion-0');
});

test('a stack that lacks outputs gets them from its members', (t) => {
	const stack: Stack = {
		...{ id: 'stack-1', name: 'demo', status: 'UPDATE_FAILED', reason: '', parameters: {} },
		outputs: { minions: null, api_endpoint: 'https://192.0.2.1:6443' },
	};
	const told = withMembers(stack, memberStates('demo', defaultPools, rows, []));
	t.is(membersOf(told).length, 5);
	t.is(told.outputs.api_endpoint, 'https://192.0.2.1:6443');
	const well = { ...stack, status: 'UPDATE_COMPLETE' };
	t.is(withMembers(well, []), well);
});
