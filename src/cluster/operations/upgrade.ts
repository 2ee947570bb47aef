import { confirm } from '../../base/confirm.ts';
import { exitCodes, UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { type StackDirectory, stackDirectory } from '../heat/directory.ts';
import {
	abandonUnready,
	inventory,
	isSettled,
	type MemberState,
	whenIdle,
	withMembers,
} from '../heat/inventory.ts';
import { nodeImage } from '../heat/node-image.ts';
import { requireResources } from '../heat/resource-limit.ts';
import type { Stack } from '../heat/stack.ts';
import { renderTemplates } from '../heat/templates.ts';
import { type DrainOptions, deleteRemovedNodes, drainBeforeUpdate } from '../kubernetes/leave.ts';
import { issueMasterToken } from '../kubernetes/master-token.ts';
import { poolContracts } from '../spec/contracts.ts';
import { finished, type Generations } from '../spec/generations.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { furtherPoolsOf } from '../spec/pools.ts';
import { roles } from '../spec/roles.ts';
import { applyChange, type StackChange } from './apply.ts';
import { drainOptions } from './drain-options.ts';
import { clusterStatus, type Status } from './status.ts';
import { largestUpdate } from './upgrade-peak.ts';
import { type Plan, parseUpgradeFlags, planUpgrade, type UpgradeFlags } from './upgrade-plan.ts';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	type Step,
	type UpgradeState,
	upgradeState,
} from './upgrade-steps.ts';

/** What a step does, in a line. */
function wordsOf(place: UpgradeState, step: Step, goes: readonly MemberState[]): string {
	const { pool } = step;
	const total = (counts: Step['now']) => Object.values(counts).reduce((sum, count) => sum + count, 0);
	const leaves = goes.length === 0 ? '' : `; removing ${goes.map(({ name }) => name).join(', ')}`;
	if (pool === undefined) return `The last update failed; retrying${leaves}`;
	const wanted = place.generations.wanted?.[pool.id] ?? step.now[pool.id];
	return `${pool.name} of generation ${place.generations.current}: ${step.now[pool.id]} of ${wanted}${leaves} (${total(step.before)} of generation ${place.generations.previous} left)`;
}

/** The templates that a stack has with these parameters. */
function templatesFor(stack: Stack, { generations, roles }: UpgradeState, parameters: Parameters) {
	const cluster = { name: stack.name, settings: settingsOf(stack.parameters) };
	const pools = furtherPoolsOf(stack.parameters);
	return renderTemplates({ ...cluster, pools, roles }, generations, poolContracts(parameters));
}

async function take(
	stack: Stack,
	directory: StackDirectory,
	{ place, templates }: Plan,
	step: Step,
	members: readonly MemberState[],
	how: DrainOptions,
): Promise<Stack> {
	const goes = membersToRemove(place, step, members);
	say(wordsOf(place, step, goes));
	const { current } = place.generations;
	const present = members.filter(
		({ role, generation, condition }) => role === 'master' && generation === current && condition === 'well',
	);
	const parameters = parametersOfStep(place, step, goes);
	const change: StackChange = {
		settings: {},
		parameters,
		// Before anybody leaves: it may be refused.
		...(step.now.master > present.length ? { secrets: await issueMasterToken(stack, directory) } : {}),
		...(templates ? { templates: templatesFor(stack, place, parameters) } : {}),
	};
	await abandonUnready(goes);
	const leaving = members.filter(({ condition }) => condition === 'leaving');
	const undo = await drainBeforeUpdate(withMembers(stack, members), directory, [...goes, ...leaving], how);
	const after = await applyChange(stack, directory, change, undo);
	await deleteRemovedNodes(directory, withMembers(stack, members), after);
	return after;
}

/** Takes the pools that are empty now out of the templates, and makes the image the cluster's own. */
async function finish(stack: Stack, directory: StackDirectory, place: UpgradeState): Promise<Stack> {
	const generations = finished(place.generations);
	const id = place.nowImages.master;
	const image = (await nodeImage(id))?.name ?? id;
	const before = settingsOf(stack.parameters);
	// From now on all machines have one image.
	const own = roles.map((role) => `${role}Image`).filter((key) => before[key]);
	const settings = { image, ...Object.fromEntries(own.map((key) => [key, ''])) };
	const pools = furtherPoolsOf(stack.parameters);
	const cluster = { name: stack.name, settings: { ...before, ...settings }, pools, roles: place.roles };
	const none = place.pools.flatMap(({ id }) => [
		[`previous_${id}_count`, 0],
		[`previous_${id}_image`, ''],
	]);
	say(`Removing the empty pools of generation ${place.generations.previous}`);
	return applyChange(stack, directory, {
		settings,
		parameters: { generations, ...Object.fromEntries(none) },
		templates: renderTemplates(cluster, generations, poolContracts({ ...stack.parameters, generations })),
	});
}

/** Steps until nothing is left to do. Each begins with what the stack itself says. */
async function resumeUpgrade(
	stack: Stack,
	directory: StackDirectory,
	first: Plan,
	batch: number,
	how: DrainOptions,
): Promise<Stack> {
	let now = stack;
	let plan = first;
	for (;;) {
		const members = await inventory(now);
		const step = nextStep(plan.place, members, isSettled(now), batch);
		if (step === undefined)
			return plan.place.generations.previous === null ? now : finish(now, directory, plan.place);
		now = await take(now, directory, plan, step, members, how);
		plan = { ...plan, place: upgradeState(now.parameters, plan.place.roles), templates: false };
	}
}

/** The same failure, with what to do about it here. */
function withResumeHint(error: unknown, name: string, { rollback }: Generations): unknown {
	if (!(error instanceof UserError) || error.exitCode === exitCodes.usage) return error;
	const back = rollback === true ? '' : `; roll back with: kstack upgrade ${name} --rollback`;
	const ways = `Re-run to resume${back}`;
	return new UserError(error.message, {
		exitCode: error.exitCode,
		hint: error.hint === undefined ? ways : `${error.hint}\n  ${ways}`,
		cause: error,
	});
}

/**
 * `kstack upgrade`: replaces every node of a cluster by one of another image.
 * It can be interrupted anywhere and run again; the stack says how far it has come.
 *
 * @returns the state of the cluster afterwards
 */
export async function upgradeCluster(name: string, flags: UpgradeFlags): Promise<Status> {
	const request = parseUpgradeFlags(flags);
	const directory = await stackDirectory(name);
	const stack = await whenIdle(name);
	const how = drainOptions(stack, flags);
	const plan = await planUpgrade(stack, directory, request);
	if (plan === undefined) {
		say(`${name} already uses that image.`);
		return clusterStatus(stack, directory);
	}
	const { before, after } = largestUpdate(stack.parameters, plan.place, request.batch);
	requireResources(name, after, before);
	say(plan.words);
	await confirm('Proceed?', flags.yes === true);
	try {
		const after = await resumeUpgrade(stack, directory, plan, request.batch, how);
		say(`${name} is at generation ${plan.place.generations.current}`);
		return clusterStatus(after, directory);
	} catch (error) {
		throw withResumeHint(error, name, plan.place.generations);
	}
}
