import { UserError } from '../../base/errors.ts';
import { groupOf } from '../spec/pools.ts';
import type { Outcome } from './follow.ts';
import {
	consoleLog,
	deploymentOutput,
	resourceId,
	resourceMetadata,
	type StackEvent,
	show,
} from './stack.ts';

type Words = Record<string, { status?: string; reason?: string; data?: string } | unknown>;

const indented = (text: string) => text.trimEnd().replace(/^/gm, '    ');

/** What the node itself signalled: its sentence, and the end of the log of the step that failed. */
async function nodesWords(event: StackEvent): Promise<string | undefined> {
	const handle = event.resource === 'certificates' ? 'certificates_handle' : 'ready_handle';
	const signals = (await resourceMetadata(event.stack, handle)) as Words | undefined;
	for (const signal of Object.values(signals ?? {})) {
		if (typeof signal !== 'object' || signal === null) continue;
		const { status, reason, data } = signal as { status?: string; reason?: string; data?: string };
		if (status === 'FAILURE') return `${reason}\n${indented(data ?? '')}`;
	}
	return undefined;
}

/** The last of a silent server's console, when its wait condition ran into its time limit. */
async function lastOfConsole(event: StackEvent): Promise<string | undefined> {
	// The certificates are the first master's to hand out, and a wait condition of the whole cluster.
	const server =
		event.resource === 'certificates' ? `${event.stack}-master-0` : await resourceId(event.stack, 'server');
	return server === undefined ? undefined : consoleLog(server, 20);
}

/** Nova's own account of why a server is in error. */
async function serversFault(event: StackEvent): Promise<string | undefined> {
	const server = event.physicalId === '' ? undefined : await show(['server'], event.physicalId);
	const fault = server?.fault as { message?: string } | string | undefined;
	return typeof fault === 'string' ? fault : fault?.message;
}

async function explain(event: StackEvent): Promise<string> {
	const reason = `${event.stack}/${event.resource}: ${event.reason}`;
	if (event.resource === 'server') {
		const fault = await serversFault(event);
		return fault === undefined ? reason : `${reason}\n  Nova says: ${fault}`;
	}
	if (event.resource === 'leave') {
		const words = await deploymentOutput(event.physicalId);
		if (words !== '') return `${reason}\n  The node says:\n${indented(words)}`;
	}
	if (event.resource === 'ready' || event.resource === 'certificates') {
		const words = await nodesWords(event);
		if (words !== undefined) return `${reason}\n  The node says: ${words}`;
		const console = await lastOfConsole(event);
		if (console)
			return `${reason}\n  The node did not say why. The end of its console:\n${indented(console)}`;
	}
	return reason;
}

/** Failures that only pass on another's: groups, nested stacks, and what was cancelled because of it. */
function isEcho(event: StackEvent): boolean {
	return (
		groupOf(event.resource) !== undefined ||
		/^\d+$/.test(event.resource) ||
		event.stack.startsWith(event.resource) ||
		/aborted|cancelled/i.test(event.reason)
	);
}

/**
 * The error for an operation that failed: each resource that did, with what Nova and the node say.
 *
 * @param what  the operation and the cluster, as in "Creating demo"
 * @param hint  what to do now
 */
export async function explainFailure(what: string, outcome: Outcome, hint: string): Promise<UserError> {
	const own = outcome.failures.filter((event) => !isEcho(event));
	const reasons = await Promise.all((own.length > 0 ? own : outcome.failures.slice(0, 1)).map(explain));
	const told = [...new Set(reasons)].map((reason) => `  ${reason}`).join('\n');
	return new UserError(`${what} failed (${outcome.status}).\n${told === '' ? `  ${outcome.reason}` : told}`, {
		hint,
	});
}
