import path from 'node:path';
import { usageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { render } from '../../base/template.ts';
import { readMapping } from '../spec/config.ts';
import { templateSupport } from '../spec/contracts.ts';
import { generationsOf } from '../spec/generations.ts';
import type { Parameters } from '../spec/parameters.ts';
import { type FurtherPool, furtherPoolsOf } from '../spec/pools.ts';
import { standardRole } from '../spec/role-file.ts';
import { packagedRoles, type RoleDefinition, type Roles } from '../spec/roles.ts';
import { type Resource, resourcesOf, type Template, type Templates } from './evaluate.ts';
import { rootTerms } from './templates.ts';

/** Heat's default of `max_resources_per_stack`. No API returns the value of a cloud. */
const defaultLimit = 1000;

const variable = 'KSTACK_MAX_RESOURCES';

/**
 * The number of resources that Heat allows in a stack with its nested stacks: `KSTACK_MAX_RESOURCES`, or Heat's default.
 * As in Heat's configuration, -1 means no limit.
 *
 * @throws UserError exit code 2 when the variable is invalid
 */
export function maxResources(): number {
	const text = process.env[variable] ?? '';
	if (text === '') return defaultLimit;
	if (text === '-1') return Number.POSITIVE_INFINITY;
	if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
	throw usageError(
		`${variable} is ${JSON.stringify(text)}: it must be a number of resources from 1, or -1 for no limit.`,
	);
}

/**
 * The roles of pools. A custom role counts as a minion with a security group, the maximum: its folder is not read,
 * because a cluster can be scaled without its stack directory.
 */
function rolesFor(pools: readonly FurtherPool[]): Roles {
	const minion = packagedRoles[standardRole] as RoleDefinition;
	const openPorts = [{ protocol: 'tcp', first: 1, last: 1, from: '0.0.0.0/0' }];
	const others = pools.map(({ role }) => [role, { ...minion, openPorts, name: role }]);
	return { ...Object.fromEntries(others), ...packagedRoles };
}

/** The templates for these parameters, without user-data, which has no resources. */
function templatesOf(parameters: Parameters, roles?: Roles): Templates {
	const source = (name: string) => path.join(packageRoot, 'heat', name);
	const pools = furtherPoolsOf(parameters);
	const support = templateSupport(parameters);
	const { memberTokens } = support;
	const terms = rootTerms(generationsOf(parameters), pools, support, roles ?? rolesFor(pools));
	const members = new Map(
		terms.pools.flatMap(({ role, controlPlane, gatewayAddress, groups }) =>
			groups.map(({ file }) => [
				`${file}.yaml`,
				render(source('member.yaml.ejs'), { role, controlPlane, gatewayAddress, memberTokens, file }),
			]),
		),
	);
	const root = readMapping(render(source('cluster.yaml.ejs'), terms), 'cluster.yaml') as Template;
	return { root, file: (name) => members.get(name) };
}

/** The resources of a stack with these parameters, without those of its members. */
export const ownResources = (parameters: Parameters, roles: Roles): Resource[] =>
	resourcesOf(templatesOf(parameters, roles), parameters, () => []);

/** The number of resources of a stack, as Heat counts them. */
interface StackSize {
	/** Resources of the root template: networks, addresses, groups. */
	readonly own: number;
	/** Members by group. */
	readonly members: ReadonlyMap<string, number>;
	/** Resources per member by group, including its nested stack, which is a resource of the group. */
	readonly each: ReadonlyMap<string, number>;
}

/**
 * Counts as Heat does: every resource of the stack and of its nested stacks. Only one member of each group is
 * evaluated, so that the time does not depend on the count.
 *
 * @param replacing  whether to include members that are selected for removal, which still exist while others are added
 */
function sizeOf(parameters: Parameters, replacing: boolean): StackSize {
	const members = new Map<string, number>();
	const resources = resourcesOf(templatesOf(parameters), parameters, ({ name, count, removed }) => {
		members.set(name, count + (replacing ? removed.length : 0));
		return [0];
	});
	const all = new Set(members.keys());
	for (const { path: place } of resources) {
		const parts = place.split('/');
		for (let length = 1; length <= parts.length; length++) all.add(parts.slice(0, length).join('/'));
	}
	const inGroup = (group: string) => [...all].filter((place) => place.startsWith(`${group}/`)).length;
	const each = new Map([...members.keys()].map((group) => [group, inGroup(group)]));
	return { own: [...all].filter((place) => !place.includes('/')).length, members, each };
}

/** The maximum number of resources that a stack has at one time. */
export interface Peak {
	readonly total: number;
	readonly members: number;
	/** Resources of the largest member. */
	readonly each: number;
}

/**
 * The maximum number of resources during an update: members are removed only after new ones are created.
 *
 * @param after   its parameters after the update, or those of a new stack
 * @param before  its parameters before; omitted for a new stack
 */
export function peakOf(after: Parameters, before?: Parameters): Peak {
	const then = sizeOf(after, before !== undefined);
	const now = before === undefined ? undefined : sizeOf(before, false);
	const each = new Map([...(now?.each ?? []), ...then.each]);
	const counts = [...each].map(([group, resources]) => {
		const members = Math.max(then.members.get(group) ?? 0, now?.members.get(group) ?? 0);
		return { members, resources: members * resources };
	});
	const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
	return {
		total: Math.max(then.own, now?.own ?? 0) + sum(counts.map(({ resources }) => resources)),
		members: sum(counts.map(({ members }) => members)),
		each: Math.max(0, ...each.values()),
	};
}

/**
 * Refuses a change that Heat would refuse after it has created some of the servers.
 *
 * @param after   the stack's parameters after the update, or those of a new stack
 * @param before  its parameters before; omitted for a new stack
 * @throws UserError exit code 2, `resource-limit`, when the stack would grow beyond the limit
 */
export function requireResources(name: string, after: Parameters, before?: Parameters): void {
	const limit = maxResources();
	const { total, members, each } = peakOf(after, before);
	// A stack that already exceeds the limit, on a cloud that allows it, can still be scaled down.
	if (total <= limit || (before !== undefined && total <= peakOf(before).total)) return;
	const fit = Math.max(0, Math.floor((limit - (total - members * each)) / each));
	throw usageError(
		`${name} would have ${total} resources in Heat with ${members} nodes${before === undefined ? '' : ' at the peak of the change'}; Heat allows ${limit} in a stack, which is enough for ${fit} nodes.`,
		`Nothing was changed. If the administrator of the cloud has set another max_resources_per_stack, export ${variable}=NUMBER.`,
		'resource-limit',
	);
}
