/** Tells the operator how things go: one line on stderr, since stdout is for results. */
export function say(line: string): void {
	process.stderr.write(`${line}\n`);
}
