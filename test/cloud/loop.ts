/** What became of asking again and again. */
export interface Asked {
	readonly times: number;
	/** What went wrong, each time that it did. */
	readonly failures: readonly string[];
	/** Milliseconds of the longest time from one good answer to the next. */
	readonly longestGap: number;
}

/**
 * Does something again and again while `use` runs, one after the other with a pause between.
 *
 * @param what  one request; throws when it fails
 * @param pause milliseconds
 */
export async function meanwhile(
	what: (turn: number) => Promise<void>,
	pause: number,
	use: () => Promise<unknown>,
): Promise<Asked> {
	const failures: string[] = [];
	let times = 0;
	let longestGap = 0;
	let good = Date.now();
	let over = false;
	const loop = (async () => {
		while (!over) {
			const turn = times++;
			try {
				await what(turn);
				longestGap = Math.max(longestGap, Date.now() - good);
				good = Date.now();
			} catch (error) {
				failures.push(`${new Date().toISOString()} ${(error as Error).message}`);
			}
			await new Promise((resolve) => setTimeout(resolve, pause));
		}
	})();
	try {
		await use();
	} finally {
		over = true;
		await loop;
	}
	return { times, failures, longestGap };
}

/** The same in words, for the log of a test. */
export const inWords = ({ times, failures, longestGap }: Asked) =>
	`${times} requests, ${failures.length} failed, longest gap ${(longestGap / 1000).toFixed(2)} s`;
