/** Tells the operator how things go: one line on stderr, since stdout is for results. */
export function say(line: string): void {
	process.stderr.write(`${line}\n`);
}

/** Prints a result, on stdout. */
export function print(text: string): void {
	process.stdout.write(`${text}\n`);
}
