import { rmSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
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

test('an operation waits while another has the lock of the stack directory; a dry run does not', async (t) => {
	const { folder, stages } = await made();
	const lock = path.join(folder, 'demo/.kstack.lock');
	await writeFile(lock, `${process.ppid} ${hostname()}\n`);
	const dry = await callOperation(stages(4), folder, () =>
		scaleCluster('demo', { minions: '4', dryRun: true }),
	);
	t.deepEqual(dry.result, { dryRun: ['Updating the stack demo'] });
	setTimeout(() => rmSync(lock), 1500);
	const { error, told, asked } = await callOperation(stages(4), folder, () =>
		scaleCluster('demo', { minions: '4' }),
	);
	t.is(error, undefined);
	t.regex(told[0] ?? '', /^Waiting for another kstack/);
	t.is(updates(asked).length, 1);
	t.false((await readdir(path.join(folder, 'demo'))).includes('.kstack.lock'));
});
