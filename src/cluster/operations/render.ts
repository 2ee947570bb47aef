import { existsSync } from 'node:fs';
import { imageContract } from '../../base/contract.ts';
import { usageError } from '../../base/errors.ts';
import { readText } from '../../base/read-text.ts';
import { say } from '../../base/say.ts';
import { credentialsIn } from '../heat/credentials.ts';
import {
	readIfThere,
	rolesOf,
	type StackDirectory,
	stackDirectory,
	writeDirectory,
} from '../heat/directory.ts';
import { withOwnVersion } from '../heat/kstack-version.ts';
import { withLock } from '../heat/lock.ts';
import { requireWritable } from '../heat/ownership.ts';
import { poolParameters, poolsParameter } from '../heat/pool-resources.ts';
import type { Resolved } from '../heat/preflight.ts';
import { readCluster, type Settings } from '../spec/config.ts';
import type { TemplateSupport } from '../spec/contracts.ts';
import { type Parameters, parametersOf } from '../spec/parameters.ts';
import { defaultPools } from '../spec/pools.ts';
import { renderDefaults } from '../spec/render-defaults.ts';
import type { Value } from '../spec/settings.ts';

/** @throws UserError exit code 2 when the file given by --config does not exist */
function requireFile(file: string | undefined): void {
	if (file !== undefined && !existsSync(file)) {
		throw usageError(`There is no file "${file}".`);
	}
}

/** The requested cluster: flags, then `file` or the cluster.yaml in its directory, then defaults. */
export async function requestedCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: string | undefined,
) {
	requireFile(file);
	const directory = await stackDirectory(name);
	const path = file ?? directory.cluster;
	const text = file === undefined ? await readIfThere(path) : await readText(file);
	if (text !== undefined) say(`Reading settings from ${path}`);
	const mistakes: string[] = [];
	const roles = rolesOf(directory, mistakes);
	const source = text === undefined ? undefined : { text, path };
	return { directory, roles, cluster: readCluster(name, flags, source, undefined, roles, mistakes) };
}

/**
 * Writes the stack directory. Creates tokens and an operator's key if it has none.
 *
 * @returns the tokens, by parameter
 */
export async function writeFiles(
	directory: StackDirectory,
	{ cluster, ids }: Omit<Resolved, 'images'>,
	support?: TemplateSupport,
): Promise<Parameters> {
	const { secrets, request } = await credentialsIn(directory);
	const parameters = {
		...parametersOf(cluster.settings),
		...ids,
		cluster_state: 'new',
		operator_request: request,
	};
	await writeDirectory(directory, cluster, parameters, secrets, support);
	return secrets;
}

/**
 * `kstack render`: writes the stack directory without using a cloud. Names are not resolved to IDs.
 *
 * @returns the directory
 */
export async function renderCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: string | undefined,
): Promise<string> {
	const { directory, roles, cluster } = await requestedCluster(name, flags, file);
	await requireWritable(directory, name);
	const settings: Settings = { ...renderDefaults, ...cluster.settings };
	const external = settings.externalNetwork === 'none' ? '' : settings.externalNetwork;
	const ids: Record<string, Value> = { external_network: external as Value };
	for (const { id: role } of defaultPools) {
		const image = settings[`${role}Image`];
		if (image) ids[`${role}_image`] = image;
	}
	const pools = cluster.pools ?? [];
	const ofRole: Record<string, unknown> = { ...parametersOf(settings), ...ids };
	for (const pool of pools) Object.assign(ids, poolParameters(pool, ofRole));
	Object.assign(
		ids,
		poolsParameter(pools, roles),
		renderedGenerations({ ...parametersOf(settings), ...ids }),
	);
	await withLock(directory, async () => {
		// A concurrent `create` may have created the cluster before this process got the lock.
		await requireWritable(directory, name);
		await writeFiles(directory, { cluster: { name, settings, pools }, ids });
	});
	return directory.path;
}

/** The record of the images, whose contracts are unknown without a cloud: user-data has the current contract. */
function renderedGenerations(parameters: Readonly<Record<string, unknown>>): Record<string, Value> {
	const images = Object.entries(parameters).filter(([name]) => name.endsWith('_image'));
	const contracts = Object.fromEntries(images.map(([, image]) => [String(image), imageContract]));
	const record = { contracts, memberTokens: true, securityGroups: 'roles' };
	return { generations: withOwnVersion({ generations: JSON.stringify(record) }) };
}
