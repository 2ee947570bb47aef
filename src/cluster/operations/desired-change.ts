import { existsSync } from 'node:fs';
import { refuse, usageError } from '../../base/errors.ts';
import { readText } from '../../base/read-text.ts';
import { readTree, type Tree } from '../../base/tree.ts';
import { rolesOf, type StackDirectory, stackDirectory } from '../heat/directory.ts';
import { makeToken } from '../heat/operator.ts';
import type { Stack } from '../heat/stack.ts';
import { renderTemplates } from '../heat/templates.ts';
import { changes, editsOfFixed } from '../spec/changes.ts';
import { readCluster, type Settings } from '../spec/config.ts';
import { templateSupport } from '../spec/contracts.ts';
import { type Counts, countsOf, furtherNodes, generationsOf } from '../spec/generations.ts';
import { type Parameters, settingsIn, settingsOf } from '../spec/parameters.ts';
import { readParametersFile } from '../spec/parameters-file.ts';
import { byPool, defaultPools } from '../spec/pools.ts';
import { nextSecurityGroups } from '../spec/shared-group.ts';
import { parseSettingFlags } from './drain-options.ts';
import { poolChanges } from './pool-changes.ts';
import { membersToRemove, type Removal } from './removals.ts';
import { requireNoUpgrade } from './scale.ts';
import type { StackChange } from './stack-change.ts';

/** What an update would do: the change, and the members that it removes. */
export interface DesiredChange {
	readonly stack: Stack;
	readonly directory: StackDirectory;
	readonly change: StackChange;
	readonly removals: readonly Removal[];
	/** Pools to remove from the templates once this update has removed their members. */
	readonly emptied: readonly string[];
	/** Settings given as flags. */
	readonly flags: Settings;
	/** Whether there is nothing to change. */
	readonly upToDate: boolean;
}

/** A stack of an earlier release has no master token, so it gets a new one. */
function missingSecrets(stack: Stack) {
	return 'master_token' in stack.parameters ? {} : { secrets: { master_token: makeToken() } };
}

async function isSame(directory: StackDirectory, templates: Tree): Promise<boolean> {
	const present = existsSync(directory.template) ? await readTree(`${directory.path}/heat`) : undefined;
	return JSON.stringify(present) === JSON.stringify(templates);
}

/** Where a desired change is read from. */
export interface DesiredSource {
	readonly directory: StackDirectory;
	/** Settings given as flags. */
	readonly flags: Settings;
}

/**
 * Checks what can be checked without the cloud: that there is a stack directory, and the flags.
 *
 * @throws UserError exit code 2
 */
export async function desiredSource(
	name: string,
	flags: Readonly<Record<string, unknown>>,
): Promise<DesiredSource> {
	const directory = await stackDirectory(name);
	if (!existsSync(directory.cluster) || !existsSync(directory.parameters)) {
		throw usageError(
			`There is no stack directory of ${name} here (${directory.cluster} and ${directory.parameters}).`,
			`Run kstack in the parent folder of the stack directory, or write it again: kstack adopt ${name}. \`kstack scale ${name}\` does not need one.`,
		);
	}
	// --drain-timeout applies to this command only.
	return { directory, flags: parseSettingFlags(name, { ...flags, drainTimeout: undefined }) };
}

/** The parameters, with the record of the members' security groups if it changes. */
function withSecurityGroups(stack: Stack, parameters: Parameters, settled: boolean): Parameters {
	const generations = generationsOf({ ...stack.parameters, ...parameters });
	const securityGroups = nextSecurityGroups({ ...stack.parameters, ...parameters }, settled);
	if (securityGroups === generations.securityGroups) return parameters;
	return { ...parameters, generations: { ...generations, securityGroups } };
}

/**
 * Compares cluster.yaml, parameters.yaml and flags with the state of the cluster.
 *
 * @throws UserError exit code 2 for invalid values
 */
export async function desiredChange(
	stack: Stack,
	{ directory, flags: byFlag }: DesiredSource,
): Promise<DesiredChange> {
	const { name } = stack;
	requireNoUpgrade(stack);
	const text = await readText(directory.cluster);
	const parametersText = await readText(directory.parameters);
	const now = settingsOf(stack.parameters);
	const inFiles: string[] = [];
	const parameters = readParametersFile(
		{ text: parametersText, path: directory.parameters },
		stack.parameters,
		inFiles,
	);
	const roles = rolesOf(directory, inFiles);
	const wanted = readCluster(name, {}, { text, path: directory.cluster }, now, roles, inFiles);
	const desired = {
		flags: byFlag,
		cluster: wanted.settings,
		clusterPath: directory.cluster,
		parameters: settingsIn(parameters),
		parametersPath: directory.parameters,
	};
	const paths = { cluster: directory.cluster, parameters: directory.parameters };
	const mistakes = editsOfFixed(stack.parameters, parameters, directory.parameters);
	const pools = await poolChanges(stack, wanted.pools ?? [], parameters, paths, roles, mistakes);
	refuse(mistakes, 'Nothing was changed.');
	const counts = countsOf(stack.parameters, '');
	const further = { before: furtherNodes(counts), after: furtherNodes({ ...counts, ...pools.counts }) };
	const changed = changes(now, desired, further);
	const settled = stack.status.endsWith('_COMPLETE');
	const added = withSecurityGroups(stack, pools.parameters, settled);
	const { current } = generationsOf(stack.parameters);
	const templates = renderTemplates(
		{ name, settings: { ...now, ...changed }, pools: pools.pools, roles },
		{ current, previous: null },
		templateSupport({ ...stack.parameters, ...added }),
	);
	const wantedCounts: Counts = {
		...counts,
		...pools.counts,
		...byPool(defaultPools, ({ id, name }) => Number(changed[name] ?? counts[id])),
	};
	return {
		stack,
		directory,
		change: { settings: changed, parameters: added, templates, ...missingSecrets(stack) },
		flags: byFlag,
		removals: await membersToRemove(stack, wantedCounts, []),
		emptied: pools.emptied,
		upToDate:
			Object.keys(changed).length === 0 &&
			Object.keys(added).length === 0 &&
			pools.emptied.length === 0 &&
			settled &&
			// Otherwise `create` was interrupted before it disabled etcd bootstrap.
			stack.parameters.cluster_state === 'existing' &&
			(await isSame(directory, templates)),
	};
}
