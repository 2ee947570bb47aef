import { statSync } from 'node:fs';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { whenIdle } from '../heat/inventory.ts';
import { requireNotNewer } from '../heat/kstack-version.ts';
import { withLock } from '../heat/lock.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { renewIfDue } from '../kubernetes/kubeconfig.ts';

/** A part of an operation. It completes, or it fails and cleans up after itself. */
export interface Step<Context> {
	/** Such as "Draining demo-minion-2": printed when the step starts, and by a dry run. */
	readonly title: string;
	/**
	 * @param keep  called once the cluster may have changed irreversibly: this step and those before it are then not
	 *              undone
	 */
	run(context: Context, keep: () => void): Promise<void>;
	/**
	 * Checks the preconditions of `run`, also in a dry run. Changes nothing.
	 *
	 * @throws UserError
	 */
	check?(context: Context): Promise<void>;
	/** Whether there is nothing to do. */
	skip?(context: Context): boolean;
	/** Undoes what `run` did, when a later step fails or is interrupted. */
	undo?(context: Context): Promise<void>;
	/** Sets the context to its state after `run`, for the later steps of a dry run. */
	predict?(context: Context): void;
}

/** Steps in their order. A generator can derive each step from the context after the previous step. */
export type Steps<Context> = Iterable<Step<Context>> | AsyncIterable<Step<Context>>;

/** The result of a dry run: the titles of the steps that the operation would run. */
export interface DryRun {
	readonly dryRun: readonly string[];
}

/** The steps of an operation and their context. */
export interface Prepared<Context> {
	readonly context: Context;
	readonly steps: Steps<Context>;
}

/** An operation on a cluster that exists. */
export interface Operation<Context, Result> {
	/** The cluster's name. */
	readonly name: string;
	readonly directory: StackDirectory;
	/** Change nothing and do not ask for confirmation. */
	readonly dryRun?: boolean | undefined;
	/** Do not wait for an operation of Heat in progress: a deletion aborts it. */
	readonly interruptsHeat?: boolean;
	/**
	 * Reads the state, determines the steps, and asks for confirmation. Invalid requests are refused here, before any
	 * change.
	 *
	 * @param stack  the stack after the lock was taken and Heat was idle
	 */
	prepare(stack: Stack): Promise<Prepared<Context>>;
	/** Returns the result after the last step. */
	result(context: Context): Promise<Result>;
	/** Adds a hint to the error of a step. */
	explain?(error: unknown, context: Context): unknown;
}

async function undoAll(undo: (() => Promise<void>)[]): Promise<void> {
	for (const one of undo.reverse()) {
		await one().catch((error: Error) => say(`Could not undo a step: ${error.message}`));
	}
}

/**
 * Runs steps one after the other. When one fails, or on an interruption between two, the previous ones are undone in
 * reverse order, back to the last irreversible change.
 *
 * @param dryRun  run no step, and only update the context
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
			await step.check?.(context);
			if (dryRun) {
				step.predict?.(context);
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
 * Calls `use` while holding the lock of a stack directory. Without a directory there are no files to protect, and a dry
 * run writes none, so neither takes the lock.
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
 * Runs an operation on a cluster: takes the lock of the stack directory, waits while Heat is busy, and renews the
 * operator's certificate if it expires soon; then prepares and runs the steps.
 */
export function runOperation<Context, Result>(
	operation: Operation<Context, Result>,
): Promise<Result | DryRun> {
	const { name, directory, dryRun = false, interruptsHeat = false } = operation;
	return underLock(directory, dryRun, async () => {
		const stack = interruptsHeat ? await requireStack(name) : await whenIdle(name);
		if (!interruptsHeat) {
			requireNotNewer(stack);
			await renewIfDue(directory, stack, !dryRun);
		}
		const { context, steps } = await operation.prepare(stack);
		try {
			const titles = await runSteps(context, steps, dryRun);
			return dryRun ? { dryRun: titles } : await operation.result(context);
		} catch (error) {
			throw operation.explain?.(error, context) ?? error;
		}
	});
}
