import { interrupted, markRequestSent } from '../base/interrupt.ts';
import { CommandError, type RunOptions, run, TimeoutError } from '../base/run.ts';
import { ifPresent } from './absence.ts';
import { badAnswer, parseAnswer } from './answer.ts';
import { ClientTimeout, changesCloud, clientError } from './failure.ts';
import { Session } from './session.ts';
import { clientTimeout } from './timeout.ts';

/** What the client prints of one thing. */
export type Json = Record<string, unknown>;

const client: RunOptions = {
	package: 'python3-openstackclient python3-heatclient',
	// The client's own warnings are for its developers.
	env: { PYTHONWARNINGS: 'ignore' },
};

/**
 * Runs the `openstack` client. Which cloud and with which credentials is the client's own affair:
 * `OS_CLOUD`, clouds.yaml, or the `OS_` variables.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws ClientError when it fails otherwise, ClientTimeout when it does not end within `KSTACK_CLIENT_TIMEOUT` seconds;
 *   both are CommandErrors
 */
export async function openstack(
	args: readonly string[],
	options: Pick<RunOptions, 'stdin' | 'uninterrupted' | 'files'> = {},
): Promise<string> {
	// An upload takes as long as it takes; the client prints nothing for a whole gigabyte.
	const timeout = options.stdin === undefined ? clientTimeout() : undefined;
	if (options.uninterrupted !== true) interrupted.signal.throwIfAborted();
	if (changesCloud(args)) markRequestSent();
	try {
		return await run('openstack', args, {
			...client,
			...options,
			...(timeout === undefined ? {} : { timeout }),
		});
	} catch (error) {
		if (error instanceof TimeoutError) throw new ClientTimeout(args);
		throw error instanceof CommandError ? clientError(args, error.status, error.stderr) : error;
	}
}

const session = new Session(client.env);

/**
 * What the client answers to a question, as JSON.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws CommandError when it has no answer
 * @throws UserError `client-answer` when what it printed is not an answer
 */
export async function json<Answer>(args: readonly string[]): Promise<Answer> {
	const words = [...args, '-f', 'json'];
	const said = await session.ask(words);
	const answer = said?.stdout.trim();
	if (said !== undefined && answer === '') {
		throw clientError(args, undefined, said.stderr);
	}
	// A client whose own shell says more than the answer is run for the answer alone.
	const usable = answer !== undefined && /^[[{]/.test(answer);
	return parseAnswer(words, usable ? answer : await openstack(words));
}

/** Shows one thing of a kind such as `image` or `flavor`; `undefined` when there is none. */
export function show(kind: readonly string[], nameOrId: string): Promise<Json | undefined> {
	return ifPresent(json<Json>([...kind, 'show', nameOrId]));
}

/** Lists the things of a kind. */
export async function list(kind: readonly string[], ...options: string[]): Promise<Json[]> {
	const words = [...kind, 'list', ...options];
	const answer = await json<unknown>(words);
	if (Array.isArray(answer)) return answer as Json[];
	throw badAnswer(words, JSON.stringify(answer));
}

/** The project that the client's credentials are for; `undefined` when they are for none. */
export async function ownProject(): Promise<string | undefined> {
	return (await json<{ project_id?: string }>(['token', 'issue'])).project_id;
}
