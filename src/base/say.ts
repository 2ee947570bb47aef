import { currentCaller } from './caller.ts';

/** Tells the caller of the operation how things go: at a terminal one line on stderr, since stdout is for results. */
export function say(line: string): void {
	const caller = currentCaller();
	if (caller === undefined) process.stderr.write(`${line}\n`);
	else caller.tell(line);
}

/** Prints a result, on stdout. */
export function print(text: string): void {
	process.stdout.write(`${text}\n`);
}
