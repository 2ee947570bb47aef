import { currentCaller } from './caller.ts';
import { sanitize } from './sanitize.ts';

/** Prints a progress message for the caller, sanitized; on a terminal to stderr, because stdout is for results. */
export function say(message: string): void {
	const line = sanitize(message);
	const caller = currentCaller();
	if (caller === undefined) process.stderr.write(`${line}\n`);
	else caller.tell(line);
}

/** Prints a result, sanitized, on stdout. */
export function print(text: string): void {
	process.stdout.write(`${sanitize(text)}\n`);
}
