import { UserError } from '../base/errors.ts';

/** The error for invalid output of the client. */
export function invalidOutput(args: readonly string[], printed: string): UserError {
	const line = printed.trim().split('\n')[0]?.slice(0, 200) ?? '';
	return new UserError(
		`The openstack client did not answer \`openstack ${args.join(' ')}\` with JSON that kstack understands. It printed: ${line || 'nothing'}`,
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
 * Parses the JSON object or list that the client printed. Ignores lines before it, such as warnings.
 *
 * @param args  the arguments of the client, for the message
 * @throws UserError `client-answer` when there is no JSON
 */
export function parseOutput<Answer>(args: readonly string[], printed: string): Answer {
	const offsets = [0, ...[...printed.matchAll(/^(?=[[{])/gm)].map(({ index }) => index)];
	for (const offset of offsets) {
		const answer = parsed(printed.slice(offset));
		if (typeof answer === 'object' && answer !== null) return answer as Answer;
	}
	throw invalidOutput(args, printed);
}
