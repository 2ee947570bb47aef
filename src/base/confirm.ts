import { createInterface } from 'node:readline/promises';
import { currentCaller } from './caller.ts';
import { UserError, usageError } from './errors.ts';
import { interrupted } from './interrupt.ts';
import { sanitize } from './sanitize.ts';

/** Asks on the terminal. An empty answer means no. */
async function askAtTerminal(question: string): Promise<boolean> {
	if (!process.stdin.isTTY || !process.stderr.isTTY) {
		throw usageError(
			`${question} Cannot ask for confirmation without a terminal. Nothing was changed.`,
			'Use --yes to proceed without confirmation.',
			'no-terminal',
		);
	}
	const terminal = createInterface({ input: process.stdin, output: process.stderr });
	// readline intercepts Ctrl-C while it reads.
	terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
	try {
		const answer = await terminal.question(`${question} [y/N] `, { signal: interrupted.signal });
		return /^y(es)?$/i.test(answer.trim());
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw error;
	} finally {
		terminal.close();
	}
}

/**
 * Asks the caller of the operation to confirm a change that cannot be undone.
 *
 * @param text  a yes/no question, such as "Remove these nodes?"
 * @param yes   whether --yes was given
 * @throws UserError exit code 2, code `no-terminal`; exit code 1, code `not-confirmed`, when the answer is no
 */
export async function confirm(text: string, yes: boolean): Promise<void> {
	if (yes) return;
	const question = sanitize(text);
	const confirmed = await (currentCaller()?.confirm(question) ?? askAtTerminal(question));
	if (!confirmed) throw new UserError('Cancelled. Nothing was changed.', { code: 'not-confirmed' });
}
