/** The result of repeated requests. */
export interface Requests {
	readonly times: number;
	/** The error of each failed request, with its time. */
	readonly failures: readonly string[];
	/** The longest time between two successful requests, in milliseconds. */
	readonly longestGap: number;
}

/**
 * Repeats a request while `use` runs, with a pause between two.
 *
 * @param what  one request; throws if it fails
 * @param pause milliseconds
 */
export async function meanwhile(
	what: (turn: number) => Promise<void>,
	pause: number,
	use: () => Promise<unknown>,
): Promise<Requests> {
	const failures: string[] = [];
	let times = 0;
	let longestGap = 0;
	let lastSuccess = Date.now();
	let over = false;
	const loop = (async () => {
		while (!over) {
			const turn = times++;
			try {
				await what(turn);
				longestGap = Math.max(longestGap, Date.now() - lastSuccess);
				lastSuccess = Date.now();
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

/** The result as text, for the log of a test. */
export const summary = ({ times, failures, longestGap }: Requests) =>
	`${times} requests, ${failures.length} failed, longest gap ${(longestGap / 1000).toFixed(2)} s`;
