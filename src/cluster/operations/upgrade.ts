import { confirm } from '../../base/confirm.ts';
import { exitCodes, UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { stackDirectory } from '../heat/directory.ts';
import { inventory, isSettled, type MemberState } from '../heat/inventory.ts';
import { nodeImage } from '../heat/node-image.ts';
import { requireResources } from '../heat/resource-limit.ts';
import type { Stack } from '../heat/stack.ts';
import { renderTemplates } from '../heat/templates.ts';
import type { DrainOptions } from '../kubernetes/leave.ts';
import { poolContracts } from '../spec/contracts.ts';
import { finished, type Generations } from '../spec/generations.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { furtherPoolsOf } from '../spec/pools.ts';
import { roles } from '../spec/roles.ts';
import { drainOptions } from './drain-options.ts';
import { type MemberChange, memberSteps, type StackContext } from './member-steps.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { clusterStatus, type Status } from './status.ts';
import { largestUpdate } from './upgrade-peak.ts';
import { type Plan, parseUpgradeFlags, planUpgrade, type UpgradeFlags } from './upgrade-plan.ts';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	type Round,
	type UpgradeState,
	upgradeState,
} from './upgrade-steps.ts';

/** What a round does, in a line. */
function wordsOf(place: UpgradeState, round: Round, goes: readonly MemberState[]): string {
	const { pool } = round;
	const { current, previous, wanted } = place.generations;
	const names = goes.map(({ name }) => name).join(', ');
	if (pool === undefined) return `The last update failed; retrying${names && `; removing ${names}`}`;
	const now = round.now[pool.id] ?? 0;
	const adding =
		now > (place.now[pool.id] ?? 0)
			? `Adding ${pool.name} of generation ${current}: ${now} of ${wanted?.[pool.id] ?? now}`
			: '';
	const removing = names && `${adding === '' ? 'Removing' : '; removing'} ${names}`;
	const left = Object.values(round.before).reduce((sum, count) => sum + count, 0);
	return `${adding}${removing} (${left} of generation ${previous} left)`;
}

/** The templates that a stack has with these parameters. */
function templatesFor(stack: Stack, { generations, roles }: UpgradeState, parameters: Parameters) {
	const cluster = { name: stack.name, settings: settingsOf(stack.parameters) };
	const pools = furtherPoolsOf(stack.parameters);
	return renderTemplates({ ...cluster, pools, roles }, generations, poolContracts(parameters));
}

/** The update of a round, as the steps that lead to it need it. */
function changeOf(
	stack: Stack,
	{ place, templates }: Plan,
	round: Round,
	members: readonly MemberState[],
	how: DrainOptions,
): MemberChange {
	const goes = membersToRemove(place, round, members);
	const { current } = place.generations;
	const present = members.filter(
		({ role, generation, condition }) => role === 'master' && generation === current && condition === 'well',
	);
	const parameters = parametersOfStep(place, round, goes);
	return {
		...{ title: wordsOf(place, round, goes), members, goes, how },
		change: {
			settings: {},
			parameters,
			...(templates ? { templates: templatesFor(stack, place, parameters) } : {}),
		},
		newMasters: round.now.master > present.length,
	};
}

/** Removes the empty pools from the templates, and records the image as that of the cluster. */
async function lastChange(
	stack: Stack,
	place: UpgradeState,
	members: readonly MemberState[],
	how: DrainOptions,
): Promise<MemberChange> {
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
	return {
		...{ title: `Removing the empty pools of generation ${place.generations.previous}` },
		...{ members, goes: [], newMasters: false, how },
		change: {
			settings,
			parameters: { generations, ...Object.fromEntries(none) },
			templates: renderTemplates(cluster, generations, poolContracts({ ...stack.parameters, generations })),
		},
	};
}

/** Updates until the upgrade is complete. Each is derived from the current state of the stack. */
async function* rounds(
	context: StackContext,
	first: Plan,
	batch: number,
	how: DrainOptions,
): AsyncGenerator<Step<StackContext>> {
	let plan = first;
	for (;;) {
		const { stack } = context;
		const members = await inventory(stack);
		const round = nextStep(plan.place, members, isSettled(stack), batch);
		if (round === undefined) {
			if (plan.place.generations.previous === null) return;
			return yield* memberSteps(context, await lastChange(stack, plan.place, members, how));
		}
		yield* memberSteps(context, changeOf(stack, plan, round, members, how));
		plan = { ...plan, place: upgradeState(context.stack.parameters, plan.place.roles), templates: false };
	}
}

/** The same failure, with what to do about it here. */
function withResumeHint(error: unknown, name: string, { rollback }: Generations): unknown {
	if (!(error instanceof UserError) || error.exitCode === exitCodes.usage) return error;
	const back = rollback === true ? '' : `; roll back with: kstack upgrade ${name} --rollback`;
	const ways = `Resume with: kstack upgrade ${name}${back}`;
	return new UserError(error.message, {
		exitCode: error.exitCode,
		hint: error.hint === undefined ? ways : `${error.hint}\n  ${ways}`,
		cause: error,
	});
}

/**
 * `kstack upgrade`: replaces every node of a cluster by one of another image.
 * It can be interrupted at any point and resumed: the parameters of the stack record its progress.
 *
 * @returns the state of the cluster afterwards
 */
export async function upgradeCluster(name: string, flags: UpgradeFlags): Promise<Status | DryRun> {
	const request = parseUpgradeFlags(flags);
	const directory = await stackDirectory(name);
	let plan: Plan | undefined;
	return runOperation({
		...{ name, directory, dryRun: flags.dryRun },
		prepare: async (stack) => {
			const context: StackContext = { stack, directory };
			const how = drainOptions(stack, flags);
			plan = await planUpgrade(stack, directory, request);
			if (plan === undefined) {
				say(`${name} already uses that image.`);
				return { context, steps: [] };
			}
			const { before, after } = largestUpdate(stack.parameters, plan.place, request.batch);
			requireResources(name, after, before);
			say(plan.words);
			await confirm('Proceed?', flags.yes === true || flags.dryRun === true);
			return { context, steps: rounds(context, plan, request.batch, how) };
		},
		result: ({ stack }) => {
			if (plan !== undefined) say(`${name}: every node is of generation ${plan.place.generations.current}`);
			return clusterStatus(stack, directory);
		},
		explain: (error) => (plan === undefined ? error : withResumeHint(error, name, plan.place.generations)),
	});
}
