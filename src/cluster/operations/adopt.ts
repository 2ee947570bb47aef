import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { deployedTree } from '../heat/deployed.ts';
import {
	directoryAt,
	rolesOf,
	type StackDirectory,
	stackDirectory,
	writeDirectory,
	writeSecret,
	writeTemplates,
} from '../heat/directory.ts';
import { whenIdle } from '../heat/inventory.ts';
import { lockOf, withLock } from '../heat/lock.ts';
import { operatorName } from '../heat/operator.ts';
import { wantedPoolCounts } from '../heat/pool-files.ts';
import { requireStack, type Stack } from '../heat/stack.ts';
import { renderTemplates } from '../heat/templates.ts';
import { obtainKubeconfig } from '../kubernetes/kubeconfig.ts';
import { issueKubeconfig } from '../kubernetes/operator-certificate.ts';
import { mistakeInName } from '../spec/config.ts';
import { templateSupport } from '../spec/contracts.ts';
import { generationsOf } from '../spec/generations.ts';
import { type Parameters, parametersOf, settingsOf } from '../spec/parameters.ts';
import { entriesFor } from '../spec/pool-entries.ts';
import { furtherPools, recordsOf } from '../spec/pools.ts';
import { requireRole } from '../spec/roles.ts';
import { settings } from '../spec/settings.ts';
import { runSteps, type Step } from './runner.ts';

/**
 * `kstack kubeconfig`: the kubeconfig of the stack directory, or a new one.
 *
 * @param user  value of `--user`: requests a new certificate for this name, and does not change the stack directory
 * @returns the text of the kubeconfig
 */
export async function printableKubeconfig(name: string, user: string | undefined): Promise<string> {
	const operator = operatorName(user);
	const stack = await requireStack(name);
	return user === undefined
		? obtainKubeconfig(await stackDirectory(name), stack)
		: issueKubeconfig(stack, operator);
}

/** @throws UserError exit code 2 unless the folder is absent, or empty apart from roles/ */
async function requireFree(directory: StackDirectory): Promise<void> {
	if (!existsSync(directory.path)) return;
	const all = await readdir(directory.path).catch(() => {
		throw usageError(`${directory.path} is not a folder.`, undefined, 'directory-exists');
	});
	// The operator's roles must exist before the directory is written: pools refer to them.
	const ours = [directory.roles, lockOf(directory)].map((file) => path.basename(file));
	const files = all.filter((name) => !ours.includes(name));
	if (files.length === 0) return;
	throw usageError(
		existsSync(directory.cluster)
			? `${directory.path} already is a stack directory (${directory.cluster} exists).`
			: `The folder ${directory.path} is not empty (${files.slice(0, 3).join(', ')}).`,
		'Nothing was written. Run this in another folder.',
		'directory-exists',
	);
}

/** The parameters that `kstack create` writes to parameters.yaml, with the values that the stack has. */
function parametersFrom(stack: Stack): Parameters {
	const wanted = parametersOf(settingsOf(stack.parameters));
	// Heat returns every value as text; settings have types. Values that were passed as IDs stay IDs.
	const typed = new Set(settings.filter(({ direct }) => direct).flatMap(({ parameters }) => parameters));
	const ofPools = Object.keys(recordsOf(stack.parameters)).flatMap((pool) =>
		['count', 'image', 'flavor', 'availability_zone'].map((what) => `${pool}_${what}`),
	);
	const names = [...Object.keys(wanted), 'cluster_state', 'operator_request', ...ofPools];
	if (ofPools.length > 0) names.push('pools');
	return Object.fromEntries(
		names
			.filter((name) => name in stack.parameters)
			.map((name) => [
				name,
				typed.has(name) || name === 'recorded_settings' ? wanted[name] : stack.parameters[name],
			]),
	);
}

const secretsText = `# Heat does not show the tokens of an existing stack. No command needs them here: an update keeps
# those that the stack has.
parameters: {}
`;

/** Writes all files to a temporary folder, and renames it at the end, so that either all of them or none are written. */
async function write(stack: Stack, kubeconfig: string): Promise<void> {
	const directory = directoryAt(stack.name);
	const found = settingsOf(stack.parameters);
	const records = recordsOf(stack.parameters);
	const roles = rolesOf(directory);
	const pools = entriesFor(records, wantedPoolCounts(stack.parameters), roles);
	const cluster = { name: stack.name, settings: found, pools };
	const generations = generationsOf(stack.parameters);
	const rendered = renderTemplates(
		{ ...cluster, pools: furtherPools(records), roles },
		generations,
		templateSupport(stack.parameters),
	);
	const templates = await deployedTree(stack, rendered);
	const folder = `${directory.path}.new-${process.pid}`;
	const aside = directoryAt(`${directory.path}.old-${process.pid}`);
	try {
		const draft = directoryAt(folder);
		if (existsSync(directory.roles)) {
			await mkdir(folder);
			await symlink(path.resolve(directory.roles), draft.roles);
		}
		await writeDirectory(draft, cluster, parametersFrom(stack), {});
		await writeTemplates(draft, templates);
		await writeSecret(draft.secrets, secretsText);
		await writeSecret(draft.kubeconfig, kubeconfig);
		if (existsSync(directory.roles)) await rename(directory.path, aside.path);
		else if (existsSync(directory.path)) await rmdir(directory.path); // empty, or this fails
		await rename(folder, directory.path);
	} catch (error) {
		await rm(folder, { recursive: true, force: true });
		if (existsSync(aside.path)) await rename(aside.path, directory.path);
		throw error;
	}
	if (existsSync(aside.path)) {
		await rm(directory.roles); // the link
		await rename(aside.roles, directory.roles);
		await rmdir(aside.path);
	}
}

/**
 * `kstack adopt`: writes the stack directory of an existing cluster from its stack in Heat, with a kubeconfig for
 * this operator. The cluster does not change.
 *
 * @param user  value of `--user`: the user name in the kubeconfig's certificate
 * @returns the directory
 * @throws UserError exit code 2 when the directory exists and is not empty; nothing is written then
 */
export async function adoptCluster(name: string, user: string | undefined): Promise<string> {
	const mistake = mistakeInName(name);
	if (mistake !== undefined) throw usageError(mistake);
	const operator = operatorName(user);
	const free = await stackDirectory(name);
	// The lock of a killed kstack goes, that of a running one is waited for.
	if (existsSync(lockOf(free))) await withLock(free, () => requireFree(free));
	await requireFree(free);
	// adopt itself takes no lock: its file would make the folder non-empty. Of concurrent processes, only one can do the
	// final rename.
	const stack = await whenIdle(name);
	// Checked before a master signs a certificate.
	const roles = rolesOf(free);
	for (const { role } of Object.values(recordsOf(stack.parameters))) requireRole(roles, role);
	const steps: Step<{ kubeconfig: string }>[] = [
		{
			title: 'Having a master sign a certificate',
			run: async (context) => {
				context.kubeconfig = await issueKubeconfig(stack, operator);
			},
		},
		{ title: `Writing ${free.path}`, run: ({ kubeconfig }) => write(stack, kubeconfig) },
	];
	await runSteps({ kubeconfig: '' }, steps);
	say(`Next: export KUBECONFIG=${free.kubeconfig}; kubectl get nodes`);
	return free.path;
}
