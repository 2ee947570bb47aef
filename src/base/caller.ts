import { AsyncLocalStorage } from 'node:async_hooks';

/** The caller of an operation: receives its messages and confirms changes. */
export interface Caller {
	/** Receives one message, which may have several lines. */
	tell(message: string): void;
	/**
	 * @param question  a yes/no question, such as "Remove these nodes?"
	 * @returns whether the answer is yes
	 */
	confirm(question: string): Promise<boolean>;
}

const callers = new AsyncLocalStorage<Caller>();

/** The current caller; `undefined` means the terminal: messages and questions are printed on stderr. */
export const currentCaller = () => callers.getStore();

/**
 * Calls `run` with a caller that is not the terminal, such as a program or a test.
 */
export function withCaller<Result>(caller: Caller, run: () => Promise<Result>): Promise<Result> {
	return callers.run(caller, run);
}
