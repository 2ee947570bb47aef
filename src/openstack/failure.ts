import { type UserError, usageError } from '../base/errors.ts';
import { CommandError } from '../base/run.ts';
import { clientTimeout } from './timeout.ts';

/** Messages of the client without a cloud or credentials. */
const noCloud =
	/No password entered|Missing value auth-url|Auth plugin requires parameters|Missing value .* required for auth plugin|^Cloud .* was not found/m;

/** Messages of the client if no service has processed the request. */
const notReached =
	/identity endpoint|Unable to establish connection|Max retries|requires authentication|HTTP 401|Could not fetch|No such file|endpoint .*not found|[Tt]imed out/;

const services: Readonly<Record<string, string>> = {
	...{ stack: 'Heat', orchestration: 'Heat', software: 'Heat' },
	...{ server: 'Nova', flavor: 'Nova', console: 'Nova', image: 'Glance' },
};

/** The arguments before the first option: kind and action. */
function subcommand(args: readonly string[]): readonly string[] {
	const option = args.findIndex((word) => word.startsWith('-'));
	return option < 0 ? args : args.slice(0, option);
}

/** The action of a command that changes something, such as "create demo"; `undefined` for one that only reads. */
function actionOf(args: readonly string[]): string | undefined {
	const verb = args[1] ?? '';
	const name = args.at(-1) ?? '';
	if (args.includes('--dry-run')) return `plan the update of ${name}`;
	if (args[0] === 'orchestration') return 'accept the templates and parameters';
	return ['create', 'update', 'delete', 'set', 'unset'].includes(verb) ? `${verb} ${name}` : undefined;
}

/** Whether a command of the client changes something in the cloud. */
export const changesCloud = (args: readonly string[]) =>
	args[0] !== 'orchestration' && !args.includes('--dry-run') && actionOf(args) !== undefined;

/** The message without the prefix. */
const messageOf = (stderr: string) => stderr.replace(/^ERROR: /gm, '').trim();

function messageFor(args: readonly string[], stderr: string): string {
	const service = services[args[0] ?? ''] ?? 'The cloud';
	const what = actionOf(args);
	const message = messageOf(stderr) || 'the openstack client printed no message.';
	if (what === undefined) return `\`openstack ${subcommand(args).join(' ')}\` failed: ${message}`;
	return notReached.test(stderr) || stderr.trim() === ''
		? `The openstack client could not ${what}: ${message}`
		: `${service} refused to ${what}: ${message}`;
}

/** A failure of the client, with a message that does not contain the whole command line. */
export class ClientError extends CommandError {
	override name = 'ClientError';

	constructor(args: readonly string[], status: number | undefined, stderr: string) {
		super(`openstack ${args.join(' ')}`, status, stderr, {
			message: messageFor(args, stderr),
			code: 'client-failed',
		});
	}
}

/** The client did not end before its timeout: it is unknown whether the cloud has received the request. */
export class ClientTimeout extends CommandError {
	override name = 'ClientTimeout';

	constructor(args: readonly string[]) {
		const seconds = clientTimeout() / 1000;
		const stderr = `No answer within ${seconds} s.`;
		super(`openstack ${args.join(' ')}`, undefined, stderr, {
			message: `The openstack client did not answer \`openstack ${subcommand(args).join(' ')}\` within ${seconds} s.`,
			code: 'client-timeout',
			hint: `Check that the cloud can be reached: openstack token issue; KSTACK_CLIENT_TIMEOUT sets another limit in seconds.${changesCloud(args) ? ' The cloud may still have received the request.' : ''}`,
		});
	}
}

/** The error for a failed client, with a hint if no cloud is configured. */
export function clientError(args: readonly string[], status: number | undefined, stderr: string): UserError {
	if (!noCloud.test(stderr)) return new ClientError(args, status, stderr);
	return usageError(
		`The openstack client found no cloud: ${stderr.split('\n').find((line) => noCloud.test(line))}`,
		'Set OS_CLOUD to an entry of your clouds.yaml, or source an openrc file.',
		'no-cloud',
	);
}
