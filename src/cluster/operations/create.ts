import { existsSync } from 'node:fs';
import { imageContract } from '../../base/contract.ts';
import { refuse, usageError } from '../../base/errors.ts';
import { readText } from '../../base/read-text.ts';
import { say } from '../../base/say.ts';
import { parseAnswer } from '../../openstack/answer.ts';
import { openstackWith, textOf } from '../heat/arguments.ts';
import { credentialsIn } from '../heat/credentials.ts';
import {
	readIfThere,
	rolesOf,
	type StackDirectory,
	setValues,
	stackDirectory,
	writeDirectory,
} from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import { withLock } from '../heat/lock.ts';
import { contractsOf } from '../heat/node-image.ts';
import { requireWritable } from '../heat/ownership.ts';
import { poolParameters, poolsParameter, resolvePools } from '../heat/pool-resources.ts';
import { preflight, type Resolved } from '../heat/preflight.ts';
import { requireResources } from '../heat/resource-limit.ts';
import { openstack, requireStack, showStack } from '../heat/stack.ts';
import { obtainKubeconfig } from '../kubernetes/kubeconfig.ts';
import { hasNodeMarks, storePools } from '../kubernetes/pools.ts';
import { readCluster, type Settings } from '../spec/config.ts';
import type { PoolContracts } from '../spec/contracts.ts';
import { type Parameters, parametersOf } from '../spec/parameters.ts';
import type { PoolEntry } from '../spec/pool-entries.ts';
import { defaultPools, recordsOf } from '../spec/pools.ts';
import type { Roles } from '../spec/roles.ts';
import type { Value } from '../spec/settings.ts';
import { timeoutMinutes } from './apply.ts';
import { clusterStatus, type Status } from './status.ts';

/** The cluster asked for: flags, then `file` or the cluster.yaml in its directory, then defaults. */
async function askedFor(name: string, flags: Readonly<Record<string, unknown>>, file: string | undefined) {
	requireFile(file);
	const directory = await stackDirectory(name);
	const path = file ?? directory.cluster;
	const text = file === undefined ? await readIfThere(path) : await readText(file);
	if (text !== undefined) say(`Reading defaults from ${path}`);
	const roles = rolesOf(directory);
	const source = text === undefined ? undefined : { text, path };
	return { directory, roles, cluster: readCluster(name, flags, source, undefined, roles) };
}

/**
 * Writes the stack directory, with tokens and an operator's key where it has none.
 *
 * @returns the tokens, by parameter
 */
async function prepare(
	directory: StackDirectory,
	{ cluster, ids }: Omit<Resolved, 'images'>,
	contracts?: PoolContracts,
): Promise<Parameters> {
	const { secrets, request } = await credentialsIn(directory);
	const parameters = {
		...parametersOf(cluster.settings),
		...ids,
		cluster_state: 'new',
		operator_request: request,
	};
	await writeDirectory(directory, cluster, parameters, secrets, contracts);
	return secrets;
}

/**
 * `kstack render`: writes the stack directory and touches no cloud. What is left open stays by name.
 *
 * @returns the directory
 */
export async function renderCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: string | undefined,
): Promise<string> {
	const { directory, roles, cluster } = await askedFor(name, flags, file);
	await requireWritable(directory, name);
	const settings: Settings = {
		image: 'debian12-x64-kubernetes',
		masterFlavor: 'm1.medium',
		minionFlavor: 'm1.medium',
		gatewayFlavor: 'm1.small',
		externalNetwork: 'none',
		gatewayFloatingIp: false,
		networkDriver: 'calico',
		...cluster.settings,
	};
	const external = settings.externalNetwork === 'none' ? '' : settings.externalNetwork;
	const ids: Record<string, Value> = { external_network: external as Value };
	for (const { id: role } of defaultPools) {
		const image = settings[`${role}Image`];
		if (image) ids[`${role}_image`] = image;
	}
	const pools = cluster.pools ?? [];
	const ofRole: Record<string, unknown> = { ...parametersOf(settings), ...ids };
	for (const pool of pools) Object.assign(ids, poolParameters(pool, ofRole));
	Object.assign(ids, poolsParameter(pools, roles), renderedContracts({ ...parametersOf(settings), ...ids }));
	await withLock(directory, () => prepare(directory, { cluster: { name, settings, pools }, ids }));
	return directory.path;
}

/**
 * What the stack is to remember of images that are only named: their members get user-data of today's contract, so
 * that is what later updates must render.
 */
function renderedContracts(parameters: Readonly<Record<string, unknown>>): Record<string, Value> {
	const images = Object.entries(parameters).filter(([name]) => name.endsWith('_image'));
	const contracts = Object.fromEntries(images.map(([, image]) => [String(image), imageContract]));
	return { generations: JSON.stringify({ contracts }) };
}

/** What was found on the cloud, with the images and flavors of the further pools. */
async function withPools(resolved: Resolved, pools: readonly PoolEntry[], roles: Roles): Promise<Resolved> {
	const { cluster, ids } = resolved;
	const mistakes: string[] = [];
	const ofRole = { ...parametersOf(cluster.settings), ...ids };
	const driver = String(cluster.settings.networkDriver);
	const { parameters: found, images } = await resolvePools(pools, ofRole, driver, roles, mistakes);
	refuse(mistakes, 'Nothing was created.');
	return {
		cluster: { ...cluster, pools },
		ids: { ...ids, ...found, ...poolsParameter(pools, roles) },
		images: { ...resolved.images, ...images },
	};
}

/** Heat's own check of the templates with these parameters, before it makes anything. */
async function validate(directory: StackDirectory): Promise<void> {
	say('Validating the templates with Heat');
	await openstack([
		...['orchestration', 'template', 'validate', '--show-nested', '-f', 'json'],
		...['-t', directory.template, '-e', directory.parameters, '-e', directory.secrets],
	]);
}

/** Disables etcd bootstrap: no master may form a second cluster, whatever becomes of the first one's disk. */
async function closeFormation(name: string, directory: StackDirectory, bootTimeout: number): Promise<void> {
	await setValues(directory.parameters, '  ', { cluster_state: 'existing' });
	const known = await eventsUntilNow(name);
	const minutes = String(timeoutMinutes(bootTimeout));
	await openstack([
		...['stack', 'update', '--existing', '--parameter', 'cluster_state=existing', '--timeout', minutes],
		...['-f', 'json', name],
	]);
	const { id } = await requireStack(name);
	const outcome = await follow(name, id, 'UPDATE', known);
	if (outcome.status !== 'UPDATE_COMPLETE') {
		throw await explainFailure(
			`Disabling etcd bootstrap of ${name}`,
			outcome,
			`See 'kstack status ${name}'.`,
		);
	}
}

/**
 * `kstack create`: checks, creates the stack, follows it to its end, and writes the kubeconfig.
 *
 * @returns the state of the cluster afterwards
 * @throws UserError exit code 2 before anything was made, 1 with every reason when making it failed
 */
export async function createCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: string | undefined,
): Promise<Status> {
	const { directory, roles, cluster } = await askedFor(name, flags, file);
	await requireWritable(directory, name);
	say(`Checking ${name} against what the cloud has`);
	const resolved = await withPools(await preflight(cluster), cluster.pools ?? [], roles);
	requireResources(name, { ...parametersOf(resolved.cluster.settings), ...resolved.ids });
	return withLock(directory, () => createStack(directory, resolved));
}

/** Creates the stack of a cluster whose settings are complete. */
async function createStack(directory: StackDirectory, resolved: Resolved): Promise<Status> {
	const { name } = resolved.cluster;
	// Another `create` may have been faster.
	await requireWritable(directory, name);
	const images = Object.values(resolved.images).map(
		(image) => `Image ${image.name} (${image.id}), Kubernetes ${image.kubernetes ?? 'of unknown version'}`,
	);
	for (const line of new Set(images)) say(line);
	// What the stack remembers of its images; nothing where all have contract 0.
	const contracts = contractsOf(Object.values(resolved.images));
	const generations = Object.keys(contracts).length === 0 ? {} : { generations: textOf({ contracts }) };
	const secrets = await prepare(directory, resolved, (id) => resolved.images[id]?.contract ?? 0);
	await validate(directory);

	const bootTimeout = Number(resolved.cluster.settings.bootTimeout);
	say(`Creating ${name}`);
	const created = parseAnswer<{ id: string }>(
		['stack', 'create', name],
		await openstackWith(generations, secrets, (words) => [
			...['stack', 'create', '-t', directory.template, '-e', directory.parameters, ...words],
			...['--tags', 'kstack', '--timeout', String(timeoutMinutes(bootTimeout)), '-f', 'json', name],
		]),
	);
	const outcome = await follow(name, created.id, 'CREATE', new Set());
	if (outcome.status !== 'CREATE_COMPLETE') {
		throw await explainFailure(
			`Creating ${name}`,
			outcome,
			`The failed stack is kept for inspection; delete it with: kstack delete ${name}`,
		);
	}
	const stack = await requireStack(name);
	await obtainKubeconfig(directory, stack);
	const pools = recordsOf(stack.parameters);
	if (hasNodeMarks(pools)) await storePools(name, directory, pools);
	say('The cluster is up. Disabling etcd bootstrap');
	await closeFormation(name, directory, bootTimeout);
	say(`Next: export KUBECONFIG=${directory.kubeconfig}; kubectl get nodes`);
	return clusterStatus((await showStack(name)) ?? stack, directory);
}

/** Where a file with a cluster's settings is asked for by name, it must be there. */
function requireFile(file: string | undefined): void {
	if (file !== undefined && !existsSync(file)) {
		throw usageError(`There is no file "${file}".`);
	}
}
