// How members leave: what the command says, else what the cluster's settings say.
import test from 'ava';
import type { Stack } from '../../src/cluster/heat/stack.ts';
import { drainOptionsOf } from '../../src/cluster/operations/drain-options.ts';

const stack = (parameters: Record<string, string>): Stack => ({
	...{ id: 'stack-1', name: 'demo', status: 'CREATE_COMPLETE', reason: '', outputs: {} },
	parameters: { recorded_settings: '{}', ...parameters },
});

for (const [what, parameters, flags, changed, expected] of [
	['nothing said', {}, {}, {}, { drainTimeout: 300, force: false, forceFlag: false }],
	[
		"the cluster's settings",
		{ drain_timeout: '0', drain_force: 'True' },
		{},
		{},
		{ drainTimeout: 0, force: true, forceFlag: false },
	],
	[
		'flags',
		{ drain_timeout: '600', drain_force: 'False' },
		{ drainTimeout: '30', force: true },
		{},
		{ drainTimeout: 30, force: true, forceFlag: true },
	],
	[
		'settings that the same command changes',
		{ drain_timeout: '600', drain_force: 'True' },
		{},
		{ drainTimeout: 90, drainForce: false },
		{ drainTimeout: 90, force: false, forceFlag: false },
	],
] as const) {
	test(`drain options by ${what}`, (t) => {
		t.deepEqual(drainOptionsOf(stack(parameters), flags, changed), expected);
	});
}
