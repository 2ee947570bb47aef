/** Levenshtein's distance: how many letters must be added, removed or changed. */
function distance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (const [i, letter] of [...a].entries()) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j++) {
			const changed = (row[j] as number) + (b[j] === letter ? 0 : 1);
			next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1));
		}
		row = next;
	}
	return row[b.length] as number;
}

/** ` Did you mean --minions?`, or nothing when no known name is close. */
export function suggestion(typed: string, known: readonly string[], prefix = ''): string {
	const near = known
		.map((name) => ({ name, far: distance(typed, name) }))
		.filter(({ name, far }) => far <= Math.max(1, Math.floor(name.length / 3)))
		.sort((a, b) => a.far - b.far)[0];
	return near === undefined ? '' : ` Did you mean ${prefix}${near.name}?`;
}
