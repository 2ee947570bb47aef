import { currentCaller } from './caller.ts';

/** Prints a progress message for the caller; on a terminal to stderr, because stdout is for results. */
export function say(line: string): void {
	const caller = currentCaller();
	if (caller === undefined) process.stderr.write(`${line}\n`);
	else caller.tell(line);
}

/** Prints a result, on stdout. */
export function print(text: string): void {
	process.stdout.write(`${text}\n`);
}
