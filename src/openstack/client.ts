import { type UserError, usageError } from '../base/errors.ts';
import { CommandError, type RunOptions, run } from '../base/run.ts';
import { ifPresent } from './absence.ts';
import { badAnswer, parseAnswer } from './answer.ts';
import { Session } from './session.ts';
import { clientTimeout } from './timeout.ts';

/** What the client prints of one thing. */
export type Json = Record<string, unknown>;

const client: RunOptions = {
	package: 'python3-openstackclient python3-heatclient',
	// The client's own warnings are for its developers.
	env: { PYTHONWARNINGS: 'ignore' },
};

/** What it says when it does not know which cloud, or has no credentials for it. */
const noCloud =
	/No password entered|Missing value auth-url|Auth plugin requires parameters|Missing value .* required for auth plugin|^Cloud .* was not found/m;

/**
 * Runs the `openstack` client. Which cloud and with which credentials is the client's own affair:
 * `OS_CLOUD`, clouds.yaml, or the `OS_` variables.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws CommandError when it fails otherwise, or does not end within `KSTACK_CLIENT_TIMEOUT` seconds
 */
export async function openstack(
	args: readonly string[],
	options: Pick<RunOptions, 'stdin' | 'uninterrupted'> = {},
): Promise<string> {
	// An upload takes as long as it takes; the client prints nothing for a whole gigabyte.
	const timeout = options.stdin === undefined ? clientTimeout() : undefined;
	try {
		return await run('openstack', args, {
			...client,
			...options,
			...(timeout === undefined ? {} : { timeout }),
		});
	} catch (error) {
		throw error instanceof CommandError ? explained(error) : error;
	}
}

/** What the client failed with, with a word of what to do where it knows no cloud. */
function explained(error: CommandError): UserError {
	if (!noCloud.test(error.stderr)) return error;
	return usageError(
		`The openstack client knows no cloud: ${error.stderr.split('\n').find((line) => noCloud.test(line))}`,
		'Set OS_CLOUD to an entry of your clouds.yaml, or source an openrc file.',
	);
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
		throw explained(new CommandError(`openstack ${words.join(' ')}`, undefined, said.stderr));
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
