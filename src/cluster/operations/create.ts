import { refuse } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { parseOutput } from '../../openstack/answer.ts';
import { openstackWith } from '../heat/arguments.ts';
import { type StackDirectory, setValues } from '../heat/directory.ts';
import { explainFailure } from '../heat/failure.ts';
import { eventsUntilNow, follow } from '../heat/follow.ts';
import { withOwnVersion } from '../heat/kstack-version.ts';
import { withLock } from '../heat/lock.ts';
import { contractsOf } from '../heat/node-image.ts';
import { requireWritable } from '../heat/ownership.ts';
import { poolsParameter, resolvePools } from '../heat/pool-resources.ts';
import { preflight, type Resolved } from '../heat/preflight.ts';
import { ownResources, requireResources } from '../heat/resource-limit.ts';
import { countSecurityGroups, mistakesInQuota } from '../heat/security-group-quota.ts';
import { openstack, requireStack, showStack } from '../heat/stack.ts';
import { obtainKubeconfig } from '../kubernetes/kubeconfig.ts';
import { hasNodeMarks, storePools } from '../kubernetes/pools.ts';
import { supportsMemberTokens, type TemplateSupport } from '../spec/contracts.ts';
import { networkPolicyNotice } from '../spec/network-policy.ts';
import { type Parameters, parametersOf } from '../spec/parameters.ts';
import { warningForNew } from '../spec/pod-security.ts';
import { type PoolEntry, recordsFor } from '../spec/pool-entries.ts';
import { recordsOf } from '../spec/pools.ts';
import type { Roles } from '../spec/roles.ts';
import { requestedCluster, writeFiles } from './render.ts';
import { type DryRun, runSteps, type Step } from './runner.ts';
import { timeoutMinutes } from './stack-change.ts';
import { clusterStatus, type Status } from './status.ts';

/** What the steps of a creation work on. */
interface Creation {
	readonly name: string;
	readonly directory: StackDirectory;
	readonly resolved: Resolved;
	/** The roles that its pools may have. */
	readonly roles: Roles;
	/** Heat's timeout of the creation and of later updates by other clients, in minutes. */
	readonly minutes: number;
	/** The tokens, by Heat parameter; empty until they are written. */
	secrets: Parameters;
}

/** The resolved settings, with the images and flavors of the additional pools. */
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

/** Validates the templates and parameters with Heat before anything is created. */
async function validate({ directory }: Creation): Promise<void> {
	await openstack([
		...['orchestration', 'template', 'validate', '--show-nested', '-f', 'json'],
		...['-t', directory.template, '-e', directory.parameters, '-e', directory.secrets],
	]);
}

/** What a new stack and the images that were found support. */
function supportOf({ images }: Resolved): TemplateSupport {
	const contractOf = (id: string) => images[id]?.contract ?? 0;
	return { contractOf, memberTokens: supportsMemberTokens(contractOf('master')), sharedGroup: false };
}

/** Creates the stack and waits until the creation has ended. */
async function createStack({ name, directory, resolved, secrets, minutes }: Creation): Promise<void> {
	const contracts = contractsOf(Object.values(resolved.images));
	const record = {
		...(Object.keys(contracts).length === 0 ? {} : { contracts }),
		...(supportOf(resolved).memberTokens ? { memberTokens: true } : {}),
		securityGroups: 'roles',
	};
	const generations = { generations: withOwnVersion({ generations: JSON.stringify(record) }) };
	const created = parseOutput<{ id: string }>(
		['stack', 'create', name],
		await openstackWith(generations, secrets, (args) => [
			...['stack', 'create', '-t', directory.template, '-e', directory.parameters, ...args],
			...['--tags', 'kstack', '--timeout', String(minutes), '-f', 'json', name],
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
}

/** Disables etcd bootstrap, so that no master can bootstrap a second cluster, even if the first master loses its disk. */
async function disableEtcdBootstrap({ name, directory, minutes }: Creation): Promise<void> {
	await setValues(directory.parameters, '  ', { cluster_state: 'existing' });
	const known = await eventsUntilNow(name);
	await openstack([
		...['stack', 'update', '--existing', '--parameter', 'cluster_state=existing', '--timeout', `${minutes}`],
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

/** The steps of `kstack create`. When a step fails, the stack is kept for inspection. */
const steps = ({ name, directory, resolved, roles }: Creation): Step<Creation>[] => [
	{
		title: `Writing the stack directory ${directory.path}`,
		run: async (creation) => {
			creation.secrets = await writeFiles(directory, resolved, supportOf(resolved));
		},
	},
	{ title: 'Validating the templates with Heat', run: validate },
	{ title: `Creating ${name}`, run: createStack },
	{
		title: `Writing ${directory.kubeconfig}`,
		run: async () => void (await obtainKubeconfig(directory, await requireStack(name))),
	},
	{
		title: 'Storing the labels and taints of pools in the cluster',
		skip: () => !hasNodeMarks(recordsFor(resolved.cluster.pools ?? [], roles)),
		run: async () => storePools(name, directory, recordsOf((await requireStack(name)).parameters)),
	},
	{ title: 'The cluster is Ready. Disabling etcd bootstrap', run: disableEtcdBootstrap },
];

/**
 * `kstack create`: checks the settings, creates the stack, waits until it is complete, and writes the kubeconfig.
 *
 * @returns the state of the cluster afterwards
 * @throws UserError exit code 2 before anything was created, 1 with every reason when the creation failed
 */
export async function createCluster(
	name: string,
	flags: Readonly<Record<string, unknown>>,
	file: string | undefined,
	dryRun = false,
): Promise<Status | DryRun> {
	const { directory, roles, cluster } = await requestedCluster(name, flags, file);
	await requireWritable(directory, name);
	say(`Checking the settings of ${name} against the cloud`);
	const resolved = await withPools(await preflight(cluster), cluster.pools ?? [], roles);
	const generations = { securityGroups: 'roles' };
	const parameters = { ...parametersOf(resolved.cluster.settings), ...resolved.ids, generations };
	requireResources(name, parameters);
	const tooMany = await mistakesInQuota(name, countSecurityGroups(ownResources(parameters, roles)));
	refuse(tooMany, 'Nothing was created.', 'quota');
	const images = Object.values(resolved.images).map(
		(image) => `Image ${image.name} (${image.id}), Kubernetes ${image.kubernetes ?? 'of unknown version'}`,
	);
	for (const line of new Set(images)) say(line);
	for (const line of networkPolicyNotice(resolved.cluster.settings.networkDriver)) say(line);
	const { master } = resolved.images;
	if (master !== undefined) for (const line of warningForNew(resolved.cluster.settings, master)) say(line);
	const { bootTimeout, drainTimeout } = resolved.cluster.settings;
	const minutes = timeoutMinutes(Number(bootTimeout), Number(drainTimeout));
	const creation: Creation = { name, directory, resolved, roles, minutes, secrets: {} };
	if (dryRun) return { dryRun: await runSteps(creation, steps(creation), dryRun) };
	return withLock(directory, async () => {
		// A concurrent `create` may have written it.
		await requireWritable(directory, name);
		await runSteps(creation, steps(creation));
		say(`Next: export KUBECONFIG=${directory.kubeconfig}; kubectl get nodes`);
		return clusterStatus((await showStack(name)) ?? (await requireStack(name)), directory);
	});
}
