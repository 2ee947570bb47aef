import test from 'ava';
import { scaleCluster } from '../../src/cluster/operations/scale.ts';
import { callOperation } from '../support/in-process.ts';
import { made, updates } from '../support/kstack-on-cloud.ts';

test('a program that calls an operation gets its messages and answers its questions', async (t) => {
	const { folder, stages } = await made();
	const { error, told, questions, stderr, asked } = await callOperation(stages(2), folder, () =>
		scaleCluster('demo', { minions: '2' }),
	);
	t.is(error, undefined);
	t.is(questions.length, 1);
	t.regex(told.join('\n'), /demo-minion-2/);
	t.is(stderr, '');
	t.is(updates(asked).length, 1);
});

test('a question that the calling program answers with no ends the operation before any change', async (t) => {
	const { folder, stages } = await made();
	const { error, asked } = await callOperation(
		stages(2),
		folder,
		() => scaleCluster('demo', { minions: '2' }),
		false,
	);
	t.like(error, { exitCode: 1, code: 'not-confirmed' });
	t.deepEqual(updates(asked), []);
});
