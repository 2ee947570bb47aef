import { AsyncLocalStorage } from 'node:async_hooks';

/** Who runs an operation: gets its messages and answers its questions. */
export interface Caller {
	/** Gets one message; it may have several lines. */
	tell(message: string): void;
	/**
	 * @param question  answered by yes or no, such as "Remove these nodes?"
	 * @returns whether the answer is yes
	 */
	confirm(question: string): Promise<boolean>;
}

const callers = new AsyncLocalStorage<Caller>();

/** The caller of what runs now; `undefined` means the terminal: messages go to stderr, questions are asked there. */
export const currentCaller = () => callers.getStore();

/**
 * Runs something for a caller that is not a terminal, such as a program or a test. Everything that `run` starts
 * has this caller.
 */
export function withCaller<Result>(caller: Caller, run: () => Promise<Result>): Promise<Result> {
	return callers.run(caller, run);
}
