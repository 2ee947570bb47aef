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
import { imageSupport } from '../spec/contracts.ts';
import { finished, type Generations } from '../spec/generations.ts';
import { type Parameters, settingsOf } from '../spec/parameters.ts';
import { furtherPoolsOf } from '../spec/pools.ts';
import { roles } from '../spec/roles.ts';
import { drainOptionsOf } from './drain-options.ts';
import { recordMembers } from './member-records.ts';
import { type MemberChange, memberSteps, type StackContext } from './member-steps.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { clusterStatus, type Status } from './status.ts';
import { largestUpdate } from './upgrade-peak.ts';
import { type Plan, parseUpgradeFlags, planUpgrade, type UpgradeFlags } from './upgrade-plan.ts';
import {
	membersToRemove,
	nextStep,
	parametersOfStep,
	type UpgradeState,
	type UpgradeStep,
	upgradeState,
} from './upgrade-steps.ts';

/** The title of a step. */
function titleOf(state: UpgradeState, step: UpgradeStep, toRemove: readonly MemberState[]): string {
	const { pool } = step;
	const { current, previous, wanted } = state.generations;
	const names = toRemove.map(({ name }) => name).join(', ');
	if (pool === undefined) return `The last update failed; retrying${names && `; removing ${names}`}`;
	const now = step.now[pool.id] ?? 0;
	const adding =
		now > (state.now[pool.id] ?? 0)
			? `Adding ${pool.name} of generation ${current}: ${now} of ${wanted?.[pool.id] ?? now}`
			: '';
	const removing = names && `${adding === '' ? 'Removing' : '; removing'} ${names}`;
	const left = Object.values(step.before).reduce((sum, count) => sum + count, 0);
	return `${adding}${removing} (${left} of generation ${previous} left)`;
}

/** The templates for these parameters. */
function templatesFor(stack: Stack, { generations, roles }: UpgradeState, parameters: Parameters) {
	const cluster = { name: stack.name, settings: settingsOf(stack.parameters) };
	const pools = furtherPoolsOf(stack.parameters);
	return renderTemplates({ ...cluster, pools, roles }, generations, imageSupport(parameters));
}

/** The change of the members for a step of the upgrade. */
function changeOf(
	stack: Stack,
	{ state, templates }: Plan,
	step: UpgradeStep,
	members: readonly MemberState[],
	drainOptions: DrainOptions,
): MemberChange {
	const toRemove = membersToRemove(state, step, members);
	const { current } = state.generations;
	const present = members.filter(
		({ role, generation, condition }) => role === 'master' && generation === current && condition === 'ready',
	);
	const parameters = parametersOfStep(state, step, toRemove);
	return {
		...{ title: titleOf(state, step, toRemove), members, toRemove, drainOptions },
		change: {
			settings: {},
			parameters,
			...(templates ? { templates: templatesFor(stack, state, parameters) } : {}),
		},
		newMasters: step.now.master > present.length,
	};
}

/** Removes the empty pools from the templates, and records the image as that of the cluster. */
async function lastChange(
	stack: Stack,
	state: UpgradeState,
	members: readonly MemberState[],
	drainOptions: DrainOptions,
): Promise<MemberChange> {
	const generations = finished(state.generations);
	const id = state.nowImages.master;
	const image = (await nodeImage(id))?.name ?? id;
	const before = settingsOf(stack.parameters);
	// All members now have the same image.
	const roleImages = roles.map((role) => `${role}Image`).filter((key) => before[key]);
	const settings = { image, ...Object.fromEntries(roleImages.map((key) => [key, ''])) };
	const pools = furtherPoolsOf(stack.parameters);
	const cluster = { name: stack.name, settings: { ...before, ...settings }, pools, roles: state.roles };
	const none = state.pools.flatMap(({ id }) => [
		[`previous_${id}_count`, 0],
		[`previous_${id}_image`, ''],
	]);
	return {
		...{ title: `Removing the empty pools of generation ${state.generations.previous}` },
		...{ members, toRemove: [], newMasters: false, drainOptions },
		change: {
			settings,
			parameters: { generations, ...Object.fromEntries(none) },
			templates: renderTemplates(cluster, generations, imageSupport({ ...stack.parameters, generations })),
		},
	};
}

/** Updates until the upgrade is complete. Each is derived from the current state of the stack. */
async function* upgradeSteps(
	context: StackContext,
	first: Plan,
	batch: number,
	drainOptions: DrainOptions,
): AsyncGenerator<Step<StackContext>> {
	let plan = first;
	for (;;) {
		const { stack } = context;
		const members = await inventory(stack);
		const step = nextStep(plan.state, members, isSettled(stack), batch);
		if (step === undefined) {
			if (plan.state.generations.previous !== null)
				yield* memberSteps(context, await lastChange(stack, plan.state, members, drainOptions));
			return yield* recordMembers(context);
		}
		yield* memberSteps(context, changeOf(stack, plan, step, members, drainOptions));
		plan = { ...plan, state: upgradeState(context.stack.parameters, plan.state.roles), templates: false };
	}
}

/** The error with a hint how to resume or roll back. */
function withResumeHint(error: unknown, name: string, { rollback }: Generations): unknown {
	if (!(error instanceof UserError) || error.exitCode === exitCodes.usage) return error;
	const rollbackHint = rollback === true ? '' : `; roll back with: kstack upgrade ${name} --rollback`;
	const hint = `Resume with: kstack upgrade ${name}${rollbackHint}`;
	return new UserError(error.message, {
		exitCode: error.exitCode,
		hint: error.hint === undefined ? hint : `${error.hint}\n  ${hint}`,
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
			const drainOptions = drainOptionsOf(stack, flags);
			plan = await planUpgrade(stack, directory, request);
			if (plan === undefined) {
				say(`${name} already uses that image.`);
				return { context, steps: [] };
			}
			const { before, after } = largestUpdate(stack.parameters, plan.state, request.batch);
			requireResources(name, after, before);
			say(plan.summary);
			await confirm('Proceed?', flags.yes === true || flags.dryRun === true);
			return { context, steps: upgradeSteps(context, plan, request.batch, drainOptions) };
		},
		result: ({ stack }) => {
			if (plan !== undefined) say(`${name}: every node is of generation ${plan.state.generations.current}`);
			return clusterStatus(stack, directory);
		},
		explain: (error) => (plan === undefined ? error : withResumeHint(error, name, plan.state.generations)),
	});
}
