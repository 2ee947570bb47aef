import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';

/**
 * Does something with each of several things, a few at a time, and goes on with the others where one fails.
 *
 * @returns what came of each, in their order
 * @throws UserError that says what is wrong with each that failed
 */
export async function forEach<Resource, Value>(
	things: readonly Resource[],
	atOnce: number,
	act: (thing: Resource) => Promise<Value>,
): Promise<Value[]> {
	const done: Value[] = [];
	const byIndex: UserError[] = [];
	const waiting = [...things.entries()];
	const worker = async () => {
		for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
			try {
				done[next[0]] = await act(next[1]);
			} catch (error) {
				interrupted.signal.throwIfAborted();
				if (!(error instanceof UserError)) throw error;
				byIndex[next[0]] = error;
			}
		}
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
	// In the order of the things, and not in that in which they failed.
	const failures = byIndex.filter((failure) => failure !== undefined);
	const [first] = failures;
	if (first === undefined) return done;
	throw new UserError(failures.map(({ message }) => message).join('\n'), {
		...(first.hint === undefined ? {} : { hint: first.hint }),
		exitCode: first.exitCode,
	});
}
