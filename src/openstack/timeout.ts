/** Default timeout of the client in seconds: deleting a server with `--wait` takes minutes. */
const defaultSeconds = 600;

/** Milliseconds: longer timers of Node.js end at once. */
const maxTimeout = 2 ** 31 - 1;

/** Timeout of one command of the client in milliseconds: `KSTACK_CLIENT_TIMEOUT` seconds, or ten minutes. */
export function clientTimeout(): number {
	const seconds = Number(process.env.KSTACK_CLIENT_TIMEOUT ?? defaultSeconds);
	return Math.min((seconds > 0 ? seconds : defaultSeconds) * 1000, maxTimeout);
}
