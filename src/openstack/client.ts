import { interrupted, markRequestSent } from '../base/interrupt.ts';
import { CommandError, type RunOptions, run, TimeoutError } from '../base/run.ts';
import { ifPresent } from './absence.ts';
import { invalidOutput, parseOutput } from './answer.ts';
import { ClientTimeout, changesCloud, clientError } from './failure.ts';
import { Session } from './session.ts';
import { clientTimeout } from './timeout.ts';

/** A resource, as the client prints it. */
export type Json = Record<string, unknown>;

const client: RunOptions = {
	package: 'python3-openstackclient python3-heatclient',
	// The client's own warnings are for its developers.
	env: { PYTHONWARNINGS: 'ignore' },
};

/**
 * Runs the `openstack` client. The client selects the cloud and the credentials: from `OS_CLOUD`, clouds.yaml, or the
 * `OS_` variables.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws ClientError when it fails otherwise, ClientTimeout when it does not end within `KSTACK_CLIENT_TIMEOUT` seconds;
 *   both are CommandErrors
 */
export async function openstack(
	args: readonly string[],
	options: Pick<RunOptions, 'stdin' | 'uninterrupted' | 'files'> = {},
): Promise<string> {
	// No timeout for uploads, which can take long without any output.
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
 * Runs a read command of the client, and returns the JSON that it prints.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws CommandError when it fails
 * @throws UserError `client-answer` when it did not print JSON
 */
export async function json<Answer>(args: readonly string[]): Promise<Answer> {
	const command = [...args, '-f', 'json'];
	const output = await session.run(command);
	const answer = output?.stdout.trim();
	if (output !== undefined && answer === '') {
		throw clientError(args, undefined, output.stderr);
	}
	// If the interactive client prints other text before the JSON, the command is run separately.
	const usable = answer !== undefined && /^[[{]/.test(answer);
	return parseOutput(command, usable ? answer : await openstack(command));
}

/** Shows a resource of a kind such as `image` or `flavor`; `undefined` when it does not exist. */
export function show(kind: readonly string[], nameOrId: string): Promise<Json | undefined> {
	return ifPresent(json<Json>([...kind, 'show', nameOrId]));
}

/** Lists the resources of a kind. */
export async function list(kind: readonly string[], ...options: string[]): Promise<Json[]> {
	const command = [...kind, 'list', ...options];
	const answer = await json<unknown>(command);
	if (Array.isArray(answer)) return answer as Json[];
	throw invalidOutput(command, JSON.stringify(answer));
}

/** The project of the client's credentials; `undefined` if they are not for a project. */
export async function ownProject(): Promise<string | undefined> {
	return (await json<{ project_id?: string }>(['token', 'issue'])).project_id;
}
