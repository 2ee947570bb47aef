/** The exit codes that both programs share; README.md lists all. */
export const exitCodes = {
	failed: 1,
	usage: 2,
	interrupted: 130,
} as const;

/**
 * A failure the operator can act on: shown as one message, never with a stack.
 *
 * `message` says what is wrong, where, and the value; `hint` says what to do next.
 * `code` names the kind of failure, such as `stack-busy`: it does not change when the message is reworded.
 * `exitCode` is 1 when the operation failed and 2 for wrong usage or configuration.
 */
export class UserError extends Error {
	override name = 'UserError';
	readonly hint: string | undefined;
	readonly code: string | undefined;
	readonly exitCode: number;

	constructor(
		message: string,
		options: { hint?: string; code?: string; exitCode?: number; cause?: unknown } = {},
	) {
		super(message, { cause: options.cause });
		this.code = options.code;
		this.hint = options.hint;
		this.exitCode = options.exitCode ?? exitCodes.failed;
	}
}

/** Nothing went wrong, but the exit code is a part of the answer, which has been printed. */
export class Answer extends Error {
	override name = 'Answer';
	readonly exitCode: number;

	constructor(exitCode: number) {
		super(`exit code ${exitCode}`);
		this.exitCode = exitCode;
	}
}

/** The code of an error in the values of flags: its hint is the help of the command. */
export const invalidFlags = 'invalid-flags';

/** A mistake in flags, files or environment, found before anything was done. Exit code 2. */
export function usageError(message: string, hint?: string, code?: string): UserError {
	return new UserError(message, {
		exitCode: exitCodes.usage,
		...(hint === undefined ? {} : { hint }),
		...(code === undefined ? {} : { code }),
	});
}

/**
 * Reads something of which others are read too, so that all mistakes are reported at once.
 *
 * @param mistakes  receives the message of a usage error; without it, the error is thrown
 * @returns `undefined` after a mistake
 */
export function collect<Read>(mistakes: string[] | undefined, read: () => Read): Read | undefined {
	try {
		return read();
	} catch (error) {
		const isMistake = error instanceof UserError && error.exitCode === exitCodes.usage;
		if (mistakes === undefined || !isMistake) throw error;
		mistakes.push(error.message);
		return undefined;
	}
}

/**
 * Throws one usage error that lists every mistake, or returns when there is none.
 *
 * @param code  names the kind of mistake
 * @throws UserError with exit code 2
 */
export function refuse(mistakes: readonly string[], hint?: string, code?: string): void {
	if (mistakes.length === 1) throw usageError(mistakes[0] as string, hint, code);
	if (mistakes.length > 1) {
		throw usageError(
			`${mistakes.length} mistakes:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
			hint,
			code,
		);
	}
}
