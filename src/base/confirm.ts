import { createInterface } from 'node:readline/promises';
import { UserError, usageError } from './errors.ts';
import { interrupted } from './interrupt.ts';

/**
 * Asks for confirmation of a change that cannot be undone. No answer means no.
 *
 * @param question  answered by yes or no, such as "Remove these nodes?"
 * @param yes       whether --yes was given
 * @throws UserError exit code 2, code `no-terminal`; exit code 1, code `not-confirmed`, when the answer is no
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
	if (yes) return;
	if (!process.stdin.isTTY || !process.stderr.isTTY) {
		throw usageError(
			`${question} Cannot ask for confirmation without a terminal. Nothing was changed.`,
			'Use --yes to proceed without confirmation.',
			'no-terminal',
		);
	}
	const terminal = createInterface({ input: process.stdin, output: process.stderr });
	// The terminal takes Ctrl-C for itself while it reads.
	terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
	try {
		const answer = await terminal.question(`${question} [y/N] `, { signal: interrupted.signal });
		if (/^y(es)?$/i.test(answer.trim())) return;
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw error;
	} finally {
		terminal.close();
	}
	throw new UserError('Cancelled. Nothing was changed.', { code: 'not-confirmed' });
}
