import { UserError } from '../../base/errors.ts';
import { ifPresent, type Json, json, openstack, show } from '../../openstack/client.ts';

export { isAbsent, list, openstack, show } from '../../openstack/client.ts';

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
export async function requireStack(name: string): Promise<Stack> {
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
