import { invalidFlags, refuse, UserError, usageError } from '../../base/errors.ts';
import { rolesOf, type StackDirectory } from '../heat/directory.ts';
import { isSettled } from '../heat/inventory.ts';
import { membersOf } from '../heat/members.ts';
import {
	compareVersions,
	findNodeImage,
	mistakeInEtcd,
	mistakeInVersion,
	type NodeImage,
	nodeImage,
} from '../heat/node-image.ts';
import type { Stack } from '../heat/stack.ts';
import { listNodes } from '../kubernetes/api.ts';
import { readKubeconfig } from '../kubernetes/kubeconfig.ts';
import { supportsMemberTokens } from '../spec/contracts.ts';
import { imageBefore, unfinished } from '../spec/generations.ts';
import { settingsOf } from '../spec/parameters.ts';
import type { DrainFlags } from './drain-options.ts';
import { reversedUpgrade, startUpgrade, type UpgradeState, upgradeState } from './upgrade-steps.ts';

/** The flags of `kstack upgrade`. */
export interface UpgradeFlags extends DrainFlags {
	/** Name or ID; without it, the upgrade in progress is resumed. */
	readonly image?: string | undefined;
	/** Minions or gateways to add per step, as text. */
	readonly batch?: string | undefined;
	readonly rollback?: boolean | undefined;
}

/** The flags of `kstack upgrade`, checked. */
export interface UpgradeRequest {
	readonly image: string | undefined;
	readonly batch: number;
	readonly rollback: boolean;
}

/** @throws UserError exit code 2 for invalid flags */
export function parseUpgradeFlags({ image, batch = '1', rollback = false }: UpgradeFlags): UpgradeRequest {
	if (!/^[1-9]\d{0,3}$/.test(batch)) {
		throw usageError(
			`--batch is ${JSON.stringify(batch)}: it must be a whole number from 1 to 9999.`,
			undefined,
			invalidFlags,
		);
	}
	if (rollback && image !== undefined) {
		throw usageError('--rollback selects the previous image: omit --image.', undefined, invalidFlags);
	}
	return { image, batch: Number(batch), rollback };
}

/** The planned upgrade. */
export interface Plan {
	readonly state: UpgradeState;
	readonly summary: string;
	/** Whether the update has new templates: an upgrade starts, or changes direction. */
	readonly templates: boolean;
}

async function requireImage(nameOrId: string): Promise<NodeImage> {
	const mistakes: string[] = [];
	const image = await findNodeImage(nameOrId, mistakes);
	refuse(mistakes, 'Nothing was changed.');
	return image as NodeImage;
}

/** The versions of Kubernetes on a cluster's nodes, the oldest first. */
async function versionsOf(stack: Stack, directory: StackDirectory): Promise<string[]> {
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig === undefined) {
		throw new UserError(
			`There is no ${directory.kubeconfig}: an upgrade reads the versions of the nodes and issues tokens for new masters through the Kubernetes API.`,
			{ hint: `Run this where ${stack.name} was created, or fetch it: kstack kubeconfig ${stack.name}` },
		);
	}
	const members = new Set(membersOf(stack).map(({ name }) => name));
	const nodes = (await listNodes(kubeconfig)).filter(({ name }) => members.has(name));
	return nodes.map(({ version }) => version.replace(/^v/, '')).sort(compareVersions);
}

/** @throws UserError exit code 2 when the etcd of the image is not compatible with that of the cluster */
async function requireSameEtcd(master: string, image: NodeImage): Promise<void> {
	const mistake = mistakeInEtcd(await nodeImage(master), image);
	if (mistake !== undefined) throw usageError(mistake, 'Nothing was changed.');
}

/** @throws UserError exit code 2 when the upgrade cannot be reversed: without an old master, etcd may be too new */
async function requireReversible({ before, nowImages, beforeImages }: UpgradeState): Promise<void> {
	if (before.master === 0) await requireSameEtcd(nowImages.master, await requireImage(beforeImages.master));
}

/** The plan while an upgrade is in progress. */
async function planResume(stack: Stack, state: UpgradeState, request: UpgradeRequest): Promise<Plan> {
	const { generations } = state;
	const what = generations.rollback === true ? 'rollback' : 'upgrade';
	const resumed = { state, templates: false, summary: `Resuming the ${what} of ${stack.name}` };
	if (request.rollback) {
		if (generations.rollback === true) return resumed;
		await requireReversible(state);
		return {
			state: reversedUpgrade(state, true),
			templates: true,
			summary: `Rolling back to generation ${generations.previous} of ${stack.name}`,
		};
	}
	if (request.image === undefined) return resumed;
	const { id } = await requireImage(request.image);
	if (id === generations.images[generations.current]) return resumed;
	if (id === generations.images[String(generations.previous)]) {
		await requireReversible(state);
		return {
			state: reversedUpgrade(state, generations.rollback !== true),
			templates: true,
			summary: `Reversing to generation ${generations.previous} of ${stack.name}`,
		};
	}
	throw usageError(`${unfinished(stack.name, generations)}`, 'Nothing was changed.');
}

/** The plan while no upgrade is in progress; `undefined` when the cluster already has the image. */
async function planStart(
	stack: Stack,
	state: UpgradeState,
	request: UpgradeRequest,
	versions: readonly string[],
): Promise<Plan | undefined> {
	const { generations, now } = state;
	const unsettled: Plan = {
		state,
		templates: true,
		summary: `The last update of ${stack.name} failed; retrying`,
	};
	const before = request.rollback ? imageBefore(generations) : request.image;
	if (before === undefined) {
		if (!request.rollback && !isSettled(stack)) return unsettled;
		throw usageError(
			request.rollback
				? `${stack.name} has no previous image, so it cannot be rolled back.`
				: 'Missing --image NAME: the image to upgrade to.',
		);
	}
	const image = await requireImage(before);
	if (image.id === generations.images[generations.current]) return isSettled(stack) ? undefined : unsettled;
	const driver = String(settingsOf(stack.parameters).networkDriver ?? 'routed');
	if (image.networkDrivers?.includes(driver) === false) {
		throw usageError(
			`The image "${image.name}" does not support the network driver "${driver}" of ${stack.name}; it supports: ${image.networkDrivers.join(', ')}.`,
		);
	}
	const mistake = request.rollback ? undefined : mistakeInVersion(versions, image);
	if (mistake !== undefined) throw usageError(mistake, 'Nothing was changed.');
	await requireSameEtcd(state.nowImages.master, image);
	if (generations.memberTokens === true && !supportsMemberTokens(image.contract)) {
		throw usageError(
			`The masters of ${stack.name} verify a join token of each member; those of the image "${image.name}" cannot.`,
			'Nothing was changed. Use an image that kimg 0.4 or later has built.',
		);
	}
	const down = versions.some((version) => compareVersions(image.kubernetes, version) < 0);
	const next = startUpgrade(state, image.id, image.contract);
	const all = state.pools
		.filter(({ id }) => now[id])
		.map(({ id, name }) => `${now[id]} ${now[id] === 1 ? id : name}`);
	return {
		state: {
			...next,
			generations: { ...next.generations, rollback: request.rollback, mastersLast: down },
		},
		templates: true,
		summary: `${stack.name}: Kubernetes ${[...new Set(versions)].join(', ')} -> ${image.kubernetes ?? 'unknown'}, image ${image.name} (${image.id}). Every node is replaced: ${all.join(', ')}; masters ${down ? 'last' : 'first'} and one at a time, the others ${request.batch} at a time`,
	};
}

/**
 * Plans an upgrade from the state of the cluster and the flags.
 *
 * @returns the plan; `undefined` when the cluster already has the image
 * @throws UserError exit code 2 when the upgrade is not possible
 */
export async function planUpgrade(
	stack: Stack,
	directory: StackDirectory,
	request: UpgradeRequest,
): Promise<Plan | undefined> {
	const state = upgradeState(stack.parameters, rolesOf(directory));
	const { previous, replacing } = state.generations;
	if (previous !== null) return planResume(stack, state, request);
	if (replacing?.extra === true) {
		throw usageError(`${unfinished(stack.name, state.generations)}`, 'Nothing was changed.');
	}
	return planStart(stack, state, request, await versionsOf(stack, directory));
}
