import { setMaxListeners } from 'node:events';

/** Aborted by Ctrl-C or SIGTERM, with the UserError that ends the program as its reason. */
export const interrupted = new AbortController();

// Each running client listens; Node.js would warn on stderr after ten.
setMaxListeners(0, interrupted.signal);
