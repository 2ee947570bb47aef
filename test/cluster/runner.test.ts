import { existsSync, rmSync } from 'node:fs';
import files, { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { withCaller } from '../../src/base/caller.ts';
import { directoryAt } from '../../src/cluster/heat/directory.ts';
import { withLock } from '../../src/cluster/heat/lock.ts';
import { runSteps, type Step } from '../../src/cluster/operations/runner.ts';
import { temporaryFolder } from '../support/folders.ts';
import { type Ended, runToEnd } from '../support/processes.ts';
import { runnable } from '../support/runnable.ts';

interface Context {
	readonly done: string[];
}

/** A step that records what is done with it. */
const step = (title: string, more: Partial<Step<Context>> = {}): Step<Context> => ({
	title,
	run: async ({ done }) => void done.push(title),
	undo: async ({ done }) => void done.push(`undo ${title}`),
	predict: ({ done }) => void done.push(`predict ${title}`),
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

test('steps run in their order, and the title of each is printed, except of skipped ones', async (t) => {
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

test('steps before an irreversible change are not undone, those after it are', async (t) => {
	const context: Context = { done: [] };
	const change = step('change', { run: async (_, keep) => keep() });
	await collected(() =>
		t.throwsAsync(runSteps(context, [step('one'), change, step('two'), failing]), { message: 'failed' }),
	);
	t.deepEqual(context.done, ['one', 'two', 'undo two']);
});

test('a failed undo is reported, and the others are still undone', async (t) => {
	const context: Context = { done: [] };
	const stuck = step('stuck', { undo: () => Promise.reject(new Error('no answer')) });
	const told = await collected(() =>
		t.throwsAsync(runSteps(context, [step('one'), stuck, failing]), { message: 'failed' }),
	);
	t.regex(told.at(-1) ?? '', /no answer/);
	t.deepEqual(context.done, ['one', 'stuck', 'undo one']);
});

test('a dry run runs no step, and decides on later ones by the predicted context', async (t) => {
	const context: Context = { done: [] };
	async function* steps() {
		yield step('one');
		if (context.done.includes('predict one')) yield step('two');
	}
	const told = await collected(async () =>
		t.deepEqual(await runSteps(context, steps(), true), ['one', 'two']),
	);
	t.deepEqual(told, []);
	t.deepEqual(context.done, ['predict one', 'predict two']);
});

for (const dryRun of [false, true]) {
	test(`a step whose check fails ends ${dryRun ? 'a dry run' : 'an operation'} before it runs`, async (t) => {
		const context: Context = { done: [] };
		const refused = step('refused', { check: () => Promise.reject(new Error('no')) });
		await collected(() =>
			t.throwsAsync(runSteps(context, [step('one'), refused], dryRun), { message: 'no' }),
		);
		t.deepEqual(context.done, dryRun ? ['predict one'] : ['one', 'undo one']);
	});
}

test('a locked directory is waited for, with one message', async (t) => {
	const directory = directoryAt(path.join(await temporaryFolder(), 'demo'));
	const lock = path.join(directory.path, '.kstack.lock');
	await mkdir(directory.path);
	await writeFile(lock, `${process.ppid} ${hostname()}\n`);
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

/** A stack directory with a lock of this process ID. */
async function lockedBy(pid: number) {
	const directory = directoryAt(path.join(await temporaryFolder(), 'demo'));
	const lock = path.join(directory.path, '.kstack.lock');
	await mkdir(directory.path);
	await writeFile(lock, `${pid} ${hostname()}\n`);
	return { directory, lock };
}

/** No process has it. */
const noProcess = 99_999_999;

test('a lock that a killed process with the process ID of this one left is taken over', async (t) => {
	const { directory, lock } = await lockedBy(process.pid);
	const ends = new AbortController();
	const told = await collected(async () => {
		// Ends the wait where there is one.
		setTimeout(3000, undefined, { signal: ends.signal }).then(
			() => rmSync(lock),
			() => undefined,
		);
		await withLock(directory, async () => {});
		ends.abort();
	});
	t.deepEqual(told, []);
	t.deepEqual(await readdir(directory.path), []);
});

test.serial(
	'two processes that find the lock of a killed one at the same time get it one after the other',
	async (t) => {
		const { directory, lock } = await lockedBy(noProcess);
		const log = path.join(directory.path, 'log');
		const { rm } = files;
		let other: Promise<Ended> | undefined;
		// Another process comes between the look at the old lock and its removal.
		files.rm = async (file, options) => {
			if (file === lock && other === undefined) {
				other = runToEnd(process.execPath, [runnable('test/fixtures/locking.ts'), directory.path, log]);
				for (let waited = 0; waited < 2000 && !existsSync(log); waited += 50) await setTimeout(50);
			}
			return rm(file, options);
		};
		syncBuiltinESMExports();
		t.teardown(() => {
			files.rm = rm;
			syncBuiltinESMExports();
		});
		await collected(() =>
			withLock(directory, async () => {
				await appendFile(log, 'in\n');
				await setTimeout(1500);
				await appendFile(log, 'out\n');
			}),
		);
		t.is((await other)?.code, 0);
		t.is(await readFile(log, 'utf8'), 'in\nout\n'.repeat(2));
	},
);

test('a lock of another process is not removed at the end', async (t) => {
	const { directory, lock } = await lockedBy(noProcess);
	const other = `${process.ppid} ${hostname()}\n`;
	// The operator removed ours, and another kstack took it.
	await withLock(directory, () => writeFile(lock, other));
	t.is(await readFile(lock, 'utf8').catch(() => 'removed'), other);
});

test('the message while waiting for a lock names the process, and says not to delete the lock while it runs', async (t) => {
	const { directory, lock } = await lockedBy(process.ppid);
	const told = await collected(async () => {
		const done = withLock(directory, async () => {});
		await setTimeout(500);
		rmSync(lock);
		await done;
	});
	t.regex(told[0] ?? '', new RegExp(`kill ${process.ppid}\\b.*[Oo]nly if.*delete .*\\.kstack\\.lock`));
});
