import { setMaxListeners } from 'node:events';

/** Aborted by Ctrl-C, SIGTERM or a closed terminal, with the UserError that ends the program as its reason. */
export const interrupted = new AbortController();

// Each running client listens; Node.js would warn on stderr after ten.
setMaxListeners(0, interrupted.signal);

let sent = false;

/** To be called before the cloud gets a request that changes something. */
export function markRequestSent(): void {
	sent = true;
}

/** Whether the cloud may have got a request that changes something: what an interrupted command then has to say. */
export const requestSent = () => sent;
