import { rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { renderCluster } from '../../src/cluster/operations/render.ts';
import { scaleCluster } from '../../src/cluster/operations/scale.ts';
import { temporaryFolder } from '../support/folders.ts';
import { callOperation } from '../support/in-process.ts';
import { made, updates } from '../support/kstack-on-cloud.ts';

test('a program that calls an operation receives its messages and confirms changes', async (t) => {
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
	const { error, told, asked } = await callOperation(
		stages(4),
		folder,
		() => scaleCluster('demo', { minions: '4' }),
		true,
		() => rmSync(lock, { force: true }),
	);
	t.is(error, undefined);
	t.regex(told[0] ?? '', /^Waiting for another kstack/);
	t.is(updates(asked).length, 1);
	t.false((await readdir(path.join(folder, 'demo'))).includes('.kstack.lock'));
});

test('render that waited for the lock of a create does not overwrite the cluster', async (t) => {
	const folder = await temporaryFolder();
	const render = (minions: string) => () => renderCluster('demo', { minions }, undefined);
	t.is((await callOperation([], folder, render('3'))).error, undefined);
	const file = (name: string) => path.join(folder, 'demo', name);
	const before = await readFile(file('parameters.yaml'), 'utf8');
	await writeFile(file('.kstack.lock'), `${process.ppid} ${hostname()}\n`);
	const { error, told } = await callOperation([], folder, render('7'), true, (message) => {
		if (!message.startsWith('Waiting')) return;
		writeFileSync(file('kubeconfig'), 'of the new cluster');
		rmSync(file('.kstack.lock'));
	});
	t.regex(told.join('\n'), /Waiting for another kstack/);
	t.like(error, { exitCode: 2, code: 'running-cluster' });
	t.is(await readFile(file('parameters.yaml'), 'utf8'), before);
});
