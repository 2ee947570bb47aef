import { UserError, usageError } from '../../errors.ts';
import { CommandError, type RunOptions, run } from '../../run.ts';

/** A stack, as Heat shows it. */
export interface Stack {
	readonly id: string;
	readonly name: string;
	/** Such as `CREATE_COMPLETE`. */
	readonly status: string;
	readonly reason: string;
	readonly parameters: Readonly<Record<string, string>>;
	readonly outputs: Readonly<Record<string, unknown>>;
}

/** Something that happened to a resource of a stack or of one nested in it. */
export interface StackEvent {
	readonly id: string;
	readonly stack: string;
	readonly resource: string;
	readonly physicalId: string;
	readonly status: string;
	readonly reason: string;
	/** When, in ISO 8601. */
	readonly time: string;
}

type Json = Record<string, unknown>;

const client: RunOptions = {
	package: 'python3-openstackclient python3-heatclient',
	// The client's own warnings are for its developers.
	env: { PYTHONWARNINGS: 'ignore' },
};

/** What the client says when there is no such thing, whichever of its commands says it. */
const absent = /not found|could not be found|No \w+ (found|with a name or ID)|Could not find/i;

/** What it says when it does not know which cloud, or not how to enter. */
const noCloud =
	/Missing value auth-url|Auth plugin requires parameters|Missing value .* required for auth plugin|^Cloud .* was not found/m;

/**
 * Runs the `openstack` client. Which cloud and with which credentials is the client's own affair:
 * `OS_CLOUD`, clouds.yaml, or the `OS_` variables.
 *
 * @throws UserError exit code 2 when the client is not installed or no cloud is configured
 * @throws CommandError when it fails otherwise
 */
export async function openstack(args: readonly string[]): Promise<string> {
	try {
		return await run('openstack', args, client);
	} catch (error) {
		if (error instanceof CommandError && noCloud.test(error.stderr)) {
			throw usageError(
				`The openstack client knows no cloud: ${error.stderr.split('\n')[0]}`,
				'Set OS_CLOUD to an entry of your clouds.yaml, or source an openrc file.',
			);
		}
		throw error;
	}
}

async function json<Answer>(args: readonly string[]): Promise<Answer> {
	return JSON.parse(await openstack([...args, '-f', 'json'])) as Answer;
}

/** The answer, or `undefined` when there is no such thing. */
async function ifPresent<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
	try {
		return await answer;
	} catch (error) {
		if (error instanceof CommandError && absent.test(error.stderr)) return undefined;
		throw error;
	}
}

/** Shows one thing of a kind such as `image` or `flavor`; `undefined` when there is none. */
export function show(kind: readonly string[], nameOrId: string): Promise<Json | undefined> {
	return ifPresent(json<Json>([...kind, 'show', nameOrId]));
}

/** Lists the things of a kind. */
export function list(kind: readonly string[], ...options: string[]): Promise<Json[]> {
	return json<Json[]>([...kind, 'list', ...options]);
}

/** The stack of that name or ID; `undefined` when there is none. */
export async function showStack(nameOrId: string): Promise<Stack | undefined> {
	const found = await show(['stack'], nameOrId);
	if (found === undefined) return undefined;
	const outputs = (found.outputs ?? []) as { output_key: string; output_value: unknown }[];
	return {
		id: String(found.id),
		name: String(found.stack_name),
		status: String(found.stack_status),
		reason: String(found.stack_status_reason ?? ''),
		parameters: (found.parameters ?? {}) as Record<string, string>,
		outputs: Object.fromEntries(outputs.map((output) => [output.output_key, output.output_value])),
	};
}

/** The stack, or an error that says it is not there. */
export async function needStack(name: string): Promise<Stack> {
	const stack = await showStack(name);
	if (stack !== undefined) return stack;
	throw new UserError(`There is no cluster "${name}" on this cloud.`, {
		hint: "See 'kstack list'; make one with 'kstack create'.",
	});
}

/** Every event of a stack and of those nested in it, oldest first; none when it is gone. */
export async function stackEvents(nameOrId: string): Promise<StackEvent[]> {
	const found = await ifPresent(json<Json[]>(['stack', 'event', 'list', '--nested-depth', '3', nameOrId]));
	return (found ?? [])
		.map((event) => ({
			id: String(event.id),
			stack: String(event.stack_name ?? event.stack_id ?? ''),
			resource: String(event.resource_name),
			physicalId: String(event.physical_resource_id ?? ''),
			status: String(event.resource_status),
			reason: String(event.resource_status_reason ?? ''),
			time: String(event.event_time),
		}))
		.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** The metadata of a resource, in which a wait condition's handle keeps what was signalled. */
export function resourceMetadata(stack: string, resource: string): Promise<Json | undefined> {
	return ifPresent(json<Json>(['stack', 'resource', 'metadata', stack, resource]));
}

/** The ID of what a resource stands for, such as a server's; `undefined` when there is none. */
export async function resourceId(stack: string, resource: string): Promise<string | undefined> {
	const found = await ifPresent(json<Json>(['stack', 'resource', 'show', stack, resource]));
	return typeof found?.physical_resource_id === 'string' ? found.physical_resource_id : undefined;
}

/** The IDs of the things of a type, such as `OS::Nova::Server`, that a stack and those nested in it have made. */
export async function resourcesOfType(stack: string, type: string): Promise<string[]> {
	// Heat's own filter would leave out the nested stacks before it looks into them.
	const found = await ifPresent(json<Json[]>(['stack', 'resource', 'list', '--nested-depth', '3', stack]));
	return (found ?? [])
		.filter((resource) => resource.resource_type === type)
		.map((resource) => String(resource.physical_resource_id ?? ''))
		.filter((id) => id !== '');
}

/** What a node said when Heat asked something of it; none when it has not answered. */
export async function deploymentOutput(deployment: string): Promise<string> {
	const found = await ifPresent(json<Json>(['software', 'deployment', 'show', '--long', deployment]));
	const values = (found?.output_values ?? {}) as { deploy_stdout?: string; deploy_stderr?: string };
	return [values.deploy_stdout, values.deploy_stderr].filter(Boolean).join('\n');
}

/** The last lines of a server's console; none when there is no console. */
export async function consoleLog(server: string, lines: number): Promise<string> {
	const log = await ifPresent(openstack(['console', 'log', 'show', '--lines', String(lines), server]));
	return log ?? '';
}

/** Whether what went wrong is that a thing is not there. */
export function isAbsent(error: unknown): boolean {
	return error instanceof CommandError && absent.test(error.stderr);
}
