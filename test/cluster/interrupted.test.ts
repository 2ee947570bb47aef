// In a process of its own: an interruption is for good.
import test from 'ava';
import { withCaller } from '../../src/base/caller.ts';
import { UserError } from '../../src/base/errors.ts';
import { interrupted } from '../../src/base/interrupt.ts';
import { runSteps, type Step } from '../../src/cluster/operations/runner.ts';

test('an interruption ends an operation after the step that runs, and what was done is undone', async (t) => {
	const done: string[] = [];
	const steps: Step<undefined>[] = [
		{
			title: 'one',
			run: async () => {
				interrupted.abort(new UserError('Interrupted.', { exitCode: 130 }));
				done.push('one');
			},
			undo: async () => void done.push('undo one'),
		},
		{ title: 'two', run: async () => void done.push('two') },
	];
	const caller = { tell: () => {}, confirm: async () => true };
	await t.throwsAsync(
		withCaller(caller, () => runSteps(undefined, steps)),
		{ message: 'Interrupted.' },
	);
	t.deepEqual(done, ['one', 'undo one']);
});
