import { UserError } from '../../base/errors.ts';
import { CommandError } from '../../base/run.ts';
import { endOfLog, oneLine } from '../../base/sanitize.ts';
import { groupOf } from '../spec/pools.ts';
import { owner } from './events.ts';
import type { Outcome } from './follow.ts';
import {
	consoleLog,
	deploymentOutput,
	resourceId,
	resourceMetadata,
	type StackEvent,
	show,
} from './stack.ts';

type Signals = Record<string, { status?: string; reason?: string; data?: string } | unknown>;

const indented = (text: string) => text.trimEnd().replace(/^/gm, '    ');

/** The message that the node signalled to Heat, with the end of the log of the failed step. */
async function nodeMessage(event: StackEvent): Promise<string | undefined> {
	const handle = event.resource === 'certificates' ? 'certificates_handle' : 'ready_handle';
	const signals = (await resourceMetadata(event.stack, handle)) as Signals | undefined;
	for (const signal of Object.values(signals ?? {})) {
		if (typeof signal !== 'object' || signal === null) continue;
		const { status, reason, data } = signal as { status?: string; reason?: string; data?: string };
		if (status === 'FAILURE')
			return `${oneLine(String(reason))}\n${indented(endOfLog(String(data ?? ''), 30))}`;
	}
	return undefined;
}

/** The last lines of a server's console, for a node that timed out without a message. */
async function endOfConsole(event: StackEvent): Promise<string | undefined> {
	// The first master signals the certificates, to a wait condition of the root stack.
	const server =
		event.resource === 'certificates' ? `${event.stack}-master-0` : await resourceId(event.stack, 'server');
	return server === undefined ? undefined : consoleLog(server, 20);
}

/** Nova's message for a server in error. */
async function serverFault(event: StackEvent): Promise<string | undefined> {
	const server = event.physicalId === '' ? undefined : await show(['server'], event.physicalId);
	const fault = server?.fault as { message?: string } | string | undefined;
	const message = typeof fault === 'string' ? fault : fault?.message;
	return message === undefined ? undefined : oneLine(message, 2000);
}

/** Details of a failure, or why they are not available: an error here must not hide Heat's reason. */
async function lookUp(label: string, promise: Promise<string | undefined>): Promise<string> {
	try {
		const found = await promise;
		return found ? `\n  ${label} ${found}` : '';
	} catch (error) {
		const reason = error instanceof CommandError ? error.stderr.split('\n').at(-1) : undefined;
		return `\n  ${label} (not available: ${reason || (error as Error).message})`;
	}
}

const onNewLine = (text: string | undefined) => (text ? `\n${indented(endOfLog(text, 30))}` : undefined);

async function explain(event: StackEvent, cluster: string): Promise<string> {
	const reason = `${owner(event, cluster)}: ${event.resource}: ${oneLine(event.reason, 2000)}`;
	switch (event.resource) {
		case 'server':
			return reason + (await lookUp('Nova reports:', serverFault(event)));
		case 'leave': {
			const output = deploymentOutput(event.physicalId).then(onNewLine);
			return reason + (await lookUp('The node reports:', output));
		}
		case 'ready':
		case 'certificates': {
			const signal = nodeMessage(event);
			const node = await lookUp('The node reports:', signal);
			if (await signal.catch(() => undefined)) return reason + node;
			const console = endOfConsole(event).then(onNewLine);
			return reason + node + (await lookUp('The end of its console log:', console));
		}
		default:
			return reason;
	}
}

/** Whether a failure is only the consequence of another one: of groups, nested stacks and cancelled resources. */
function isConsequence(event: StackEvent): boolean {
	return (
		groupOf(event.resource) !== undefined ||
		/^\d+$/.test(event.resource) ||
		event.stack.startsWith(event.resource) ||
		/aborted|cancelled/i.test(event.reason)
	);
}

/**
 * The error for a failed operation: each failed resource, with the messages of Nova and the node.
 *
 * @param what  the operation and the cluster, as in "Creating demo"
 * @param hint  the next action of the user
 */
export async function explainFailure(what: string, outcome: Outcome, hint: string): Promise<UserError> {
	if (outcome.status === '') {
		return new UserError(`${what} failed: the stack was deleted by someone else.`, { code: 'stack-deleted' });
	}
	const own = outcome.failures.filter((event) => !isConsequence(event));
	const reasons = await Promise.all(
		(own.length > 0 ? own : outcome.failures.slice(0, 1)).map((event) => explain(event, outcome.cluster)),
	);
	// Heat retries servers: of repeated failures, only the most detailed one is printed.
	const repeated = (reason: string, index: number) =>
		reasons.some((other, at) => at !== index && other.startsWith(reason) && (other !== reason || at < index));
	const details = reasons
		.filter((reason, index) => !repeated(reason, index))
		.map((reason) => `  ${reason}`)
		.join('\n');
	return new UserError(
		`${what} failed (${outcome.status}).\n${details === '' ? `  ${oneLine(outcome.reason, 2000)}` : details}`,
		{
			code: 'heat-failed',
			hint,
		},
	);
}
