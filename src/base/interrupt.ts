/** Aborted by Ctrl-C or SIGTERM, with the UserError that ends the program as its reason. */
export const interrupted = new AbortController();
