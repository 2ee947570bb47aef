import { statSync } from 'node:fs';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { whenIdle } from '../heat/inventory.ts';
import { requireNotNewer } from '../heat/kstack-version.ts';
import { withLock } from '../heat/lock.ts';
import { requireStack, type Stack } from '../heat/stack.ts';

/** A part of an operation. It is done as a whole, or it fails and has cleaned up itself. */
export interface Step<Context> {
	/** What it does, such as "Draining demo-minion-2": shown when it begins, and by a dry run. */
	readonly title: string;
	/**
	 * @param keep  to be called once the cluster may have been changed for good: from then on what this step and
	 *              those before it did is not undone
	 */
	run(context: Context, keep: () => void): Promise<void>;
	/** Whether there is nothing to do. */
	skip?(context: Context): boolean;
	/** Undoes what `run` did, when a later step fails or is interrupted. */
	undo?(context: Context): Promise<void>;
	/** Makes the context what it would be after `run`, for the later steps of a dry run. */
	foresee?(context: Context): void;
}

/** Steps in their order. A generator may decide on each step by what the steps before it made of the context. */
export type Steps<Context> = Iterable<Step<Context>> | AsyncIterable<Step<Context>>;

/** What a dry run shows: the titles of the steps that the operation would run. */
export interface DryRun {
	readonly dryRun: readonly string[];
}

/** What an operation is going to do. */
export interface Prepared<Context> {
	readonly context: Context;
	readonly steps: Steps<Context>;
}

/** An operation on a cluster that exists. */
export interface Operation<Context, Result> {
	/** The cluster's name. */
	readonly name: string;
	readonly directory: StackDirectory;
	/** Nothing is changed, and nobody is asked. */
	readonly dryRun?: boolean | undefined;
	/** Heat ends what it is doing by itself, as for a deletion; otherwise it is waited for. */
	readonly interruptsHeat?: boolean;
	/**
	 * Reads, decides and asks. What has to be refused is refused here, before any change.
	 *
	 * @param stack  as it is when the lock is taken and Heat is not busy
	 */
	prepare(stack: Stack): Promise<Prepared<Context>>;
	/** The result, after the last step. */
	result(context: Context): Promise<Result>;
	/** The error of a step with what the operator can do about it; without this it stays as it is. */
	explain?(error: unknown, context: Context): unknown;
}

async function undoAll(undo: (() => Promise<void>)[]): Promise<void> {
	for (const one of undo.reverse()) {
		await one().catch((error: Error) => say(`Could not undo a step: ${error.message}`));
	}
}

/**
 * Runs steps one after the other. When one fails, or at an interruption between two, those before it are undone in
 * reverse order, as far as nothing was changed for good.
 *
 * @param dryRun  runs none of them, and changes only the context
 * @returns the titles of the steps, without those that were skipped
 */
export async function runSteps<Context>(
	context: Context,
	steps: Steps<Context>,
	dryRun = false,
): Promise<string[]> {
	const titles: string[] = [];
	let undo: (() => Promise<void>)[] = [];
	const keep = () => {
		undo = [];
	};
	try {
		for await (const step of steps) {
			interrupted.signal.throwIfAborted();
			if (step.skip?.(context) === true) continue;
			titles.push(step.title);
			if (dryRun) {
				step.foresee?.(context);
				continue;
			}
			say(step.title);
			let kept = false;
			await step.run(context, () => {
				keep();
				kept = true;
			});
			if (!kept && step.undo !== undefined) undo.push(() => step.undo?.(context) ?? Promise.resolve());
		}
		return titles;
	} catch (error) {
		await undoAll(undo);
		throw error;
	}
}

/**
 * Does something under the lock of a stack directory. Where there is no such directory, there are no files to
 * protect, and a dry run writes none.
 */
export function underLock<Result>(
	directory: StackDirectory,
	dryRun: boolean,
	use: () => Promise<Result>,
): Promise<Result> {
	const exists = statSync(directory.path, { throwIfNoEntry: false })?.isDirectory() === true;
	return dryRun || !exists ? use() : withLock(directory, use);
}

/**
 * Runs an operation on a cluster: takes the lock of the stack directory and waits while Heat is busy, then prepares
 * and runs the steps.
 */
export function runOperation<Context, Result>(
	operation: Operation<Context, Result>,
): Promise<Result | DryRun> {
	const { name, directory, dryRun = false, interruptsHeat = false } = operation;
	return underLock(directory, dryRun, async () => {
		const stack = interruptsHeat ? await requireStack(name) : await whenIdle(name);
		if (!interruptsHeat) requireNotNewer(stack);
		const { context, steps } = await operation.prepare(stack);
		try {
			const titles = await runSteps(context, steps, dryRun);
			return dryRun ? { dryRun: titles } : await operation.result(context);
		} catch (error) {
			throw operation.explain?.(error, context) ?? error;
		}
	});
}
