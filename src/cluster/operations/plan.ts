import { refuse, UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import type { Tree } from '../../base/tree.ts';
import { type Group, resourcesOf, type Template, type Templates } from '../heat/evaluate.ts';
import { inventory, type MemberState, whenIdle } from '../heat/inventory.ts';
import { requireNotNewer } from '../heat/kstack-version.ts';
import type { Member } from '../heat/members.ts';
import { requireResources } from '../heat/resource-limit.ts';
import { countSecurityGroups, mistakesInQuota } from '../heat/security-group-quota.ts';
import { list, openstack, type Stack } from '../heat/stack.ts';
import { readMapping } from '../spec/config.ts';
import { poolContracts } from '../spec/contracts.ts';
import {
	type MissingFeature,
	missingFeatures,
	missingFeaturesText,
	sharedTokenText,
} from '../spec/image-features.ts';
import { networkPolicyNotice } from '../spec/network-policy.ts';
import { settingsOf } from '../spec/parameters.ts';
import { noteForChange } from '../spec/pod-security.ts';
import { groupName, nestedStackOf, poolsOf } from '../spec/pools.ts';
import { previewUpdate } from './apply.ts';
import { type DesiredChange, desiredChange, desiredSource } from './desired-change.ts';
import { compare, type PlannedChange } from './plan-compare.ts';
import { kindOf } from './plan-rules.ts';
import { requestedParameters } from './stack-change.ts';

/** What an update would do. */
export interface Plan {
	readonly name: string;
	readonly changes: readonly PlannedChange[];
}

/** Exit codes of `kstack plan`; the last is also that of an update that refuses. */
export const planCodes = { nothing: 0, changes: 3, loses: 4 } as const;

/** The templates of a stack in Heat, which refer to their files by the original paths. */
export async function deployedTemplates(stack: Stack): Promise<Templates> {
	const [root, files] = await Promise.all([
		openstack(['stack', 'template', 'show', '-f', 'json', stack.id]),
		openstack(['stack', 'file', 'list', '-f', 'json', stack.id]),
	]);
	const listed = (JSON.parse(files) as { files?: Record<string, string> }).files ?? {};
	return { root: JSON.parse(root) as Template, file: (name) => listed[name] };
}

function templatesIn(tree: Tree): Templates {
	const file = (name: string) => tree.find((one) => one.path === name)?.text;
	return { root: readMapping(file('cluster.yaml') ?? '', 'cluster.yaml') as Template, file };
}

/** The group that a member belongs to. */
function groupOfMember(stack: Stack, { pool, generation }: Member): string {
	const found = poolsOf(stack.parameters).find(({ id }) => id === pool);
	return groupName({ group: found?.group ?? pool }, generation);
}

/** The indexes of the members of each group, by its name. */
function indexesByGroup(stack: Stack, members: readonly MemberState[]): Map<string, number[]> {
	const groups = new Map<string, number[]>();
	for (const member of members) {
		const group = groupOfMember(stack, member);
		groups.set(
			group,
			[...(groups.get(group) ?? []), member.index].sort((a, b) => a - b),
		);
	}
	return groups;
}

/** The indexes in a group after the update: Heat removes the highest ones, and never reuses one. */
function indexesAfter(present: readonly number[], { count, removed }: Group): number[] {
	const kept = present.filter((index) => !removed.includes(index)).slice(0, count);
	const next = Math.max(-1, ...present, ...removed) + 1;
	return [...kept, ...Array.from({ length: Math.max(0, count - kept.length) }, (_, more) => next + more)];
}

interface DryRunEntry {
	readonly resource_name: string;
	readonly resource_type: string;
}

/**
 * The resources of the root template that Heat's dry run reports as added or deleted. What it reports as updated or
 * replaced is not used: it treats every reference as changed, and with nested stacks it fails when a group grows.
 */
export function dryRunResult(printed: string, known: ReadonlySet<string>): PlannedChange[] {
	const answer = JSON.parse(printed) as Record<string, DryRunEntry[] | string>;
	const of = (key: string) => {
		const value = answer[key] ?? [];
		// The client prints each list as a JSON string within JSON.
		return typeof value === 'string' ? (JSON.parse(value) as DryRunEntry[]) : value;
	};
	const planned = (action: 'add' | 'delete') => (entry: DryRunEntry) => {
		const resource = { path: entry.resource_name, type: entry.resource_type, properties: {} };
		const { kind, stateful } = kindOf(resource);
		return {
			...{
				action,
				kind,
				name: resource.path,
				path: resource.path,
				type: resource.type,
				why: "per Heat's dry run",
			},
			loses: action === 'delete' && stateful,
		};
	};
	return [...of('added').map(planned('add')), ...of('deleted').map(planned('delete'))].filter(
		({ path, type }) => !known.has(path) && type !== 'OS::Heat::ResourceGroup',
	);
}

/**
 * The failed resources that Heat replaces at the next update.
 *
 * @param rows  resources of the stack and of its nested stacks
 * @returns their states by path
 */
export function failuresIn(stack: string, rows: readonly Readonly<Record<string, unknown>>[]) {
	return new Map(
		rows.flatMap((row): [string, string][] => {
			const status = String(row.resource_status);
			if (!/^(CREATE|CHECK)_FAILED$/.test(status)) return [];
			const nested = nestedStackOf(stack, String(row.stack_name ?? ''));
			const name = String(row.resource_name);
			if (nested?.index === undefined) return [[name, status]];
			return [[`${groupName(nested, nested.generation)}/${nested.index}/${name}`, status]];
		}),
	);
}

/** Plans the update. Changes nothing. */
export async function planOf({ stack, directory, change, removals }: DesiredChange): Promise<Plan> {
	const requested = { ...stack.parameters, ...requestedParameters(stack, change) };
	requireResources(stack.name, requested, stack.parameters);
	say(`Planning the update of ${stack.name}`);
	const contract = poolContracts(stack.parameters)('master', '');
	for (const note of noteForChange(stack.name, change.settings, contract)) say(note);
	const [now, members, rows, printed] = await Promise.all([
		deployedTemplates(stack),
		inventory(stack),
		list(['stack', 'resource'], '--nested-depth', '3', stack.id),
		previewUpdate(stack, directory, change),
	]);
	const groups = indexesByGroup(stack, members);
	const present = (group: Group) => groups.get(group.name) ?? [];
	const parameters = { 'OS::stack_name': stack.name, ...stack.parameters };
	const secrets = Object.fromEntries(Object.keys(change.secrets ?? {}).map((name) => [name, '‹new›']));
	const then = { ...parameters, ...requestedParameters(stack, change), ...secrets };
	const before = resourcesOf(now, parameters, present);
	const after = resourcesOf(
		change.templates === undefined ? now : templatesIn(change.templates),
		then,
		(group) => indexesAfter(present(group), group),
	);
	const leaving = new Set(removals.map(({ member }) => `${groupOfMember(stack, member)}/${member.index}`));
	const changes = compare(before, after, leaving, failuresIn(stack.name, rows));
	const had = new Set(before.map(({ path }) => path));
	const added = countSecurityGroups(after.filter(({ path }) => !had.has(path)));
	refuse(await mistakesInQuota(stack.name, added), 'Nothing was changed.', 'quota');
	const known = new Set([...before, ...after].map(({ path }) => path));
	return { name: stack.name, changes: [...changes, ...dryRunResult(printed, known)] };
}

/** Kinds that are listed; the others only wait, signal or configure. */
const shown = /^(server|volume|floating IP|port|network|subnet|router|security group)/;

/** The plan as text. */
export function planText(plan: Plan): string {
	const listed = plan.changes.filter(({ kind, loses }) => shown.test(kind) || loses);
	const rest = plan.changes.length - listed.length;
	const rows = listed.map(({ action, kind, name, why, loses }) => [
		loses ? `${action.toUpperCase()} !` : action,
		kind,
		name,
		why,
	]);
	return [
		...(plan.changes.length === 0 ? [`${plan.name} is up to date: nothing to change.`] : []),
		...(rows.length > 0 ? [table(['ACTION', 'WHAT', 'NAME', 'WHY'], rows)] : []),
		...(rest > 0 ? [`${rest} ${rows.length > 0 ? 'more ' : ''}stateless resources change.`] : []),
	].join('\n');
}

/** @throws UserError exit code 4 when the update replaces or deletes stateful resources and `allowReplace` is not set */
export function requireSafe(plan: Plan, allowReplace: boolean): void {
	const lost = plan.changes.filter(({ loses }) => loses);
	if (lost.length === 0 || allowReplace) return;
	const lines = lost.map(({ action, kind, name, why }) => `  ${action} ${kind} ${name}: ${why}`);
	throw new UserError(
		`The update of ${plan.name} would replace or delete what is in use:\n${lines.join('\n')}`,
		{
			exitCode: planCodes.loses,
			hint: 'Nothing was changed. To proceed anyway: --allow-replace',
		},
	);
}

/** The exit code of a plan. */
export function codeOf(plan: Plan): number {
	if (plan.changes.some(({ loses }) => loses)) return planCodes.loses;
	return plan.changes.length > 0 ? planCodes.changes : planCodes.nothing;
}

/** What an update cannot give, and the commands that do. */
const upgradeText = ({ name, parameters }: Stack, missing: readonly MissingFeature[]) =>
	[missingFeaturesText(name, missing), sharedTokenText(name, parameters)].filter((text) => text !== '');

/**
 * `kstack plan`: what `kstack update` with the same flags would do.
 *
 * @returns the plan as text, and as an exit code
 */
export async function planCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	output: 'table' | 'json',
): Promise<{ text: string; code: number }> {
	const source = await desiredSource(name, flags);
	const stack = await whenIdle(name);
	requireNotNewer(stack);
	const desired = await desiredChange(stack, source);
	const missing = missingFeatures(stack.parameters);
	for (const line of networkPolicyNotice(settingsOf(stack.parameters).networkDriver)) say(line);
	const plan = desired.upToDate ? { name, changes: [] } : await planOf(desired);
	return {
		text:
			output === 'json'
				? JSON.stringify({ ...plan, missingFeatures: missing }, undefined, 2)
				: [planText(plan), ...upgradeText(stack, missing)].join('\n'),
		code: codeOf(plan),
	};
}
