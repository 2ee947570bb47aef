import { UserError, usageError } from '../../base/errors.ts';
import { ifPresent } from '../../openstack/absence.ts';
import { invalidOutput } from '../../openstack/answer.ts';
import { type Json, json, openstack, show } from '../../openstack/client.ts';

export { isNotFound } from '../../openstack/absence.ts';
export { list, openstack, show } from '../../openstack/client.ts';

/** A stack in Heat. */
export interface Stack {
	readonly id: string;
	readonly name: string;
	/** Such as `CREATE_COMPLETE`. */
	readonly status: string;
	readonly reason: string;
	readonly parameters: Readonly<Record<string, string>>;
	readonly outputs: Readonly<Record<string, unknown>>;
}

/** An event of a resource of a stack or of a nested stack. */
export interface StackEvent {
	readonly id: string;
	readonly stack: string;
	readonly resource: string;
	readonly physicalId: string;
	readonly status: string;
	readonly reason: string;
	/** In ISO 8601. */
	readonly time: string;
}

/** The stack with this name or ID; `undefined` when there is none. */
export async function showStack(nameOrId: string): Promise<Stack | undefined> {
	const found = await show(['stack'], nameOrId);
	if (found === undefined) return undefined;
	if (typeof found.id !== 'string' || typeof found.stack_status !== 'string') {
		throw invalidOutput(['stack', 'show', nameOrId], JSON.stringify(found));
	}
	// The client prints text if Heat has none, such as for a deleted stack.
	const outputs = (Array.isArray(found.outputs) ? found.outputs : []) as {
		output_key: string;
		output_value: unknown;
	}[];
	return {
		id: String(found.id),
		name: String(found.stack_name),
		status: String(found.stack_status),
		reason: String(found.stack_status_reason ?? ''),
		parameters: (found.parameters ?? {}) as Record<string, string>,
		outputs: Object.fromEntries(outputs.map((output) => [output.output_key, output.output_value])),
	};
}

/**
 * Parameters that the templates of every release have, and that no other template is likely to combine. The tag is not
 * reliable: anybody can set one, and a stack created with the plain client has none.
 */
const proof = ['cluster_state', 'join_token', 'operator_request', 'recorded_settings'];

/** Whether parameters are those of kstack's root template of any release. */
export function isTemplate(parameters: Readonly<Record<string, unknown>>): boolean {
	return proof.every((parameter) => parameter in parameters);
}

/** Whether a stack was created from kstack's templates, by kstack or with the plain client. */
export function isCluster(stack: Stack): boolean {
	return isTemplate(stack.parameters);
}

/**
 * The stack of a cluster, for all commands that read or change a cluster.
 *
 * @throws UserError `no-cluster` when it does not exist, `not-a-cluster` when it was not created from kstack's templates
 */
export async function requireStack(name: string): Promise<Stack> {
	const stack = await showStack(name);
	if (stack === undefined) {
		throw new UserError(`There is no cluster "${name}" on this cloud.`, {
			code: 'no-cluster',
			hint: "See 'kstack list'; create one with 'kstack create'.",
		});
	}
	if (isCluster(stack)) return stack;
	throw usageError(
		`The stack "${name}" was not created by kstack.`,
		"Nothing was changed. See 'kstack list' for the clusters of this project.",
		'not-a-cluster',
	);
}

/** All events of a stack and its nested stacks, oldest first; `undefined` if the stack does not exist. */
export async function stackEvents(nameOrId: string): Promise<StackEvent[] | undefined> {
	const found = await ifPresent(json<Json[]>(['stack', 'event', 'list', '--nested-depth', '3', nameOrId]));
	return found
		?.map((event) => ({
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

/** The metadata of a resource; that of a wait condition handle contains its signals. */
export function resourceMetadata(stack: string, resource: string): Promise<Json | undefined> {
	return ifPresent(json<Json>(['stack', 'resource', 'metadata', stack, resource]));
}

/** The physical ID of a resource, such as of a server; `undefined` when there is none. */
export async function resourceId(stack: string, resource: string): Promise<string | undefined> {
	const found = await ifPresent(json<Json>(['stack', 'resource', 'show', stack, resource]));
	return typeof found?.physical_resource_id === 'string' ? found.physical_resource_id : undefined;
}

/** A resource of a stack or of a nested stack. */
export interface StackResource {
	/** Such as `OS::Nova::Server`. */
	readonly type: string;
	/** Its ID in the service that manages it. */
	readonly id: string;
}

/** All resources of a stack and its nested stacks that have a physical ID. */
export async function stackResources(stack: string): Promise<StackResource[]> {
	// Heat's filter by type would omit the nested stacks with their resources.
	const found = await ifPresent(json<Json[]>(['stack', 'resource', 'list', '--nested-depth', '3', stack]));
	return (found ?? [])
		.map((resource) => ({
			type: String(resource.resource_type),
			id: String(resource.physical_resource_id ?? ''),
		}))
		.filter(({ id }) => id !== '');
}

/** The output of a software deployment; empty without a signal of the node. */
export async function deploymentOutput(deployment: string): Promise<string> {
	const found = await ifPresent(json<Json>(['software', 'deployment', 'show', '--long', deployment]));
	const values = (found?.output_values ?? {}) as { deploy_stdout?: string; deploy_stderr?: string };
	return [values.deploy_stdout, values.deploy_stderr].filter(Boolean).join('\n');
}

/** The last lines of a server's console; empty when there is no console. */
export async function consoleLog(server: string, lines: number): Promise<string> {
	const log = await ifPresent(openstack(['console', 'log', 'show', '--lines', String(lines), server]));
	return log ?? '';
}
