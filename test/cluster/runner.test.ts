import { rmSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { withCaller } from '../../src/base/caller.ts';
import { directoryAt } from '../../src/cluster/heat/directory.ts';
import { withLock } from '../../src/cluster/heat/lock.ts';
import { runSteps, type Step } from '../../src/cluster/operations/runner.ts';
import { temporaryFolder } from '../support/folders.ts';

interface Context {
	readonly done: string[];
}

/** A step that records what is done with it. */
const step = (title: string, more: Partial<Step<Context>> = {}): Step<Context> => ({
	title,
	run: async ({ done }) => void done.push(title),
	undo: async ({ done }) => void done.push(`undo ${title}`),
	foresee: ({ done }) => void done.push(`foresee ${title}`),
	...more,
});

const failing = step('fail', {
	run: async () => {
		throw new Error('failed');
	},
});

async function collected(run: (told: string[]) => Promise<unknown>): Promise<string[]> {
	const told: string[] = [];
	const caller = { tell: (message: string) => void told.push(message), confirm: async () => true };
	await withCaller(caller, () => run(told));
	return told;
}

test('steps run in their order, each told by its title, and a skipped one is not told', async (t) => {
	const context: Context = { done: [] };
	const steps = [step('one'), step('two', { skip: () => true }), step('three')];
	const told = await collected(async () => t.deepEqual(await runSteps(context, steps), ['one', 'three']));
	t.deepEqual(told, ['one', 'three']);
	t.deepEqual(context.done, ['one', 'three']);
});

test('when a step fails, those before it are undone in reverse order', async (t) => {
	const context: Context = { done: [] };
	await collected(() =>
		t.throwsAsync(runSteps(context, [step('one'), step('two'), failing]), { message: 'failed' }),
	);
	t.deepEqual(context.done, ['one', 'two', 'undo two', 'undo one']);
});

test('what was done before a change for good is not undone, what was done after it is', async (t) => {
	const context: Context = { done: [] };
	const change = step('change', { run: async (_, keep) => keep() });
	await collected(() =>
		t.throwsAsync(runSteps(context, [step('one'), change, step('two'), failing]), { message: 'failed' }),
	);
	t.deepEqual(context.done, ['one', 'two', 'undo two']);
});

test('an undo that fails is told, and the others are undone all the same', async (t) => {
	const context: Context = { done: [] };
	const stuck = step('stuck', { undo: () => Promise.reject(new Error('no answer')) });
	const told = await collected(() =>
		t.throwsAsync(runSteps(context, [step('one'), stuck, failing]), { message: 'failed' }),
	);
	t.regex(told.at(-1) ?? '', /no answer/);
	t.deepEqual(context.done, ['one', 'stuck', 'undo one']);
});

test('a dry run runs no step, and decides on later ones by what it foresees', async (t) => {
	const context: Context = { done: [] };
	async function* steps() {
		yield step('one');
		if (context.done.includes('foresee one')) yield step('two');
	}
	const told = await collected(async () =>
		t.deepEqual(await runSteps(context, steps(), true), ['one', 'two']),
	);
	t.deepEqual(told, []);
	t.deepEqual(context.done, ['foresee one', 'foresee two']);
});

test('a locked directory is waited for, with one message', async (t) => {
	const directory = directoryAt(path.join(await temporaryFolder(), 'demo'));
	const lock = path.join(directory.path, '.kstack.lock');
	await mkdir(directory.path);
	await writeFile(lock, `${process.pid} ${hostname()}\n`);
	let free = false;
	const told = await collected(async () => {
		const done = withLock(directory, async () => t.true(free));
		await setTimeout(2500);
		free = true;
		rmSync(lock);
		await done;
	});
	t.is(told.length, 1);
	t.deepEqual(await readdir(directory.path), []);
});
