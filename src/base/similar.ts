/** How many letters have to be added, removed, changed or swapped with the next to make one word of the other. */
function distance(one: string, other: string): number {
	let before: number[] = [];
	let row = Array.from({ length: other.length + 1 }, (_, index) => index);
	for (let i = 0; i < one.length; i++) {
		const next = [i + 1];
		for (let j = 0; j < other.length; j++) {
			const changed = (row[j] as number) + (one[i] === other[j] ? 0 : 1);
			const swaps = i > 0 && j > 0 && one[i] === other[j - 1] && one[i - 1] === other[j];
			const swapped = swaps ? (before[j - 1] as number) + 1 : changed;
			next.push(Math.min(changed, swapped, (row[j + 1] as number) + 1, (next[j] as number) + 1));
		}
		before = row;
		row = next;
	}
	return row[other.length] as number;
}

const plain = (word: string) => word.toLowerCase().replaceAll(/[-_]/g, '');

/** The known word that an unknown one was probably meant to be; `undefined` when none is near. */
export function similar(word: string, known: readonly string[]): string | undefined {
	if (word.length > 100) return undefined;
	const candidates = known
		.map((candidate) => ({ candidate, changes: distance(plain(word), plain(candidate)) }))
		.filter(({ candidate, changes }) => changes <= Math.max(1, Math.floor(candidate.length / 3)))
		.sort((a, b) => a.changes - b.changes);
	return candidates[0]?.candidate;
}
