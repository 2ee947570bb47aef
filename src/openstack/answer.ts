import { UserError } from '../base/errors.ts';

/** The error for a client that printed something else than an answer. */
export function badAnswer(words: readonly string[], printed: string): UserError {
	const line = printed.trim().split('\n')[0]?.slice(0, 200) ?? '';
	return new UserError(
		`The openstack client did not answer \`openstack ${words.join(' ')}\` with JSON that kstack understands. It printed: ${line || 'nothing'}`,
		{ code: 'client-answer', hint: 'Run this command by hand. Is `openstack` the OpenStack client?' },
	);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/**
 * The JSON that the client printed, an object or a list. Lines before it, such as a warning, are passed over.
 *
 * @param words  what it was asked, for the message
 * @throws UserError `client-answer` when there is none
 */
export function parseAnswer<Answer>(words: readonly string[], printed: string): Answer {
	const beginnings = [0, ...[...printed.matchAll(/^(?=[[{])/gm)].map(({ index }) => index)];
	for (const beginning of beginnings) {
		const answer = parsed(printed.slice(beginning));
		if (typeof answer === 'object' && answer !== null) return answer as Answer;
	}
	throw badAnswer(words, printed);
}
