/** How many letters have to be added, removed or changed to make one word of the other. */
function distance(one: string, other: string): number {
	let row = Array.from({ length: other.length + 1 }, (_, index) => index);
	for (const [i, letter] of [...one].entries()) {
		const next = [i + 1];
		for (let j = 0; j < other.length; j++) {
			const changed = (row[j] as number) + (letter === other[j] ? 0 : 1);
			next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1));
		}
		row = next;
	}
	return row[other.length] as number;
}

const plain = (word: string) => word.toLowerCase().replaceAll(/[-_]/g, '');

/** The known word that an unknown one was probably meant to be; `undefined` when none is near. */
export function similar(word: string, known: readonly string[]): string | undefined {
	const near = known
		.map((candidate) => ({ candidate, changes: distance(plain(word), plain(candidate)) }))
		.filter(({ candidate, changes }) => changes <= Math.max(1, candidate.length / 4))
		.sort((a, b) => a.changes - b.changes);
	return near[0]?.candidate;
}
