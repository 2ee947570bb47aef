import { createInterface } from 'node:readline/promises';
import { UserError, usageError } from './errors.ts';
import { interrupted } from './interrupt.ts';

/**
 * Asks the operator before something is done that cannot be taken back; no answer means no.
 *
 * @param question  one that yes answers, such as "Remove these nodes?"
 * @param yes       whether it has been answered on the command line
 * @throws UserError exit code 2 where nobody can be asked, 1 when the answer is no
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
	if (yes) return;
	if (!process.stdin.isTTY || !process.stderr.isTTY) {
		throw usageError(
			`${question} Nothing was done: there is no terminal to ask on.`,
			'Confirm with --yes.',
			'not-confirmed',
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
	throw new UserError('Nothing was done.', { code: 'not-confirmed' });
}
