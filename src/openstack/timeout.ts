/** Seconds that one run of the client may take: a server that is deleted with `--wait` takes minutes. */
const standard = 600;

/** Milliseconds: a longer timer of Node.js ends at once. */
const longest = 2 ** 31 - 1;

/** Milliseconds that the client may take for one command: `KSTACK_CLIENT_TIMEOUT` seconds, or ten minutes. */
export function clientTimeout(): number {
	const seconds = Number(process.env.KSTACK_CLIENT_TIMEOUT ?? standard);
	return Math.min((seconds > 0 ? seconds : standard) * 1000, longest);
}
