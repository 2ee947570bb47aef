import { existsSync } from 'node:fs';
import { usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { rolesOf, setValues, stackDirectory } from '../heat/directory.ts';
import { makeToken } from '../heat/operator.ts';
import type { Stack } from '../heat/stack.ts';
import { renderTemplates } from '../heat/templates.ts';
import { deleteSharedTokens, joinSeeds, storeJoinSeeds } from '../kubernetes/join-seeds.ts';
import { kubeconfigForMasters } from '../kubernetes/master-token.ts';
import { supportsMemberTokens, templateSupport } from '../spec/contracts.ts';
import { generationsOf } from '../spec/generations.ts';
import { settingsOf } from '../spec/parameters.ts';
import { furtherPoolsOf } from '../spec/pools.ts';
import type { Roles } from '../spec/roles.ts';
import { applyChange } from './apply.ts';
import type { StackContext } from './member-steps.ts';
import { type DryRun, runOperation, type Step } from './runner.ts';
import { requireNoUpgrade } from './scale.ts';
import type { StackChange } from './stack-change.ts';

/** The update that gives new members join tokens from a seed; the first time with templates that make them. */
function changeOf(stack: Stack, seed: string, roles: Roles): StackChange {
	const change = { settings: {}, secrets: { join_token: seed } };
	const support = templateSupport(stack.parameters);
	if (support.memberTokens) return change;
	const generations = { ...generationsOf(stack.parameters), memberTokens: true };
	const templates = renderTemplates(
		{
			name: stack.name,
			settings: settingsOf(stack.parameters),
			pools: furtherPoolsOf(stack.parameters),
			roles,
		},
		generations,
		{ ...support, memberTokens: true },
	);
	return { ...change, parameters: { generations }, templates };
}

/** @throws UserError exit code 2 while the masters cannot verify a join token of each member */
function requireSupport(stack: Stack): void {
	if (supportsMemberTokens(templateSupport(stack.parameters).contractOf('master', ''))) return;
	throw usageError(
		`The image of the masters of ${stack.name} does not verify a join token of each member.`,
		`Nothing was changed. Upgrade first, to an image that kimg 0.4 or later has built: kstack upgrade ${stack.name} --image IMAGE`,
		'image-without-member-tokens',
	);
}

function rotationSteps(
	stack: Stack,
	kubeconfig: string,
	before: readonly string[],
	roles: Roles,
): Step<StackContext>[] {
	const seed = makeToken();
	return [
		{
			title: 'Storing a new seed of join tokens in the cluster',
			run: () => storeJoinSeeds(kubeconfig, [seed, ...before]),
			undo: () => storeJoinSeeds(kubeconfig, before),
		},
		{
			title: `Updating ${stack.name}: new members get join tokens from the new seed`,
			run: async (context, keep) => {
				const change = changeOf(stack, seed, roles);
				const { stack: now, directory } = context;
				context.stack = await applyChange(now, directory, change, keep);
				if (existsSync(directory.secrets)) await setValues(directory.secrets, '  ', { join_token: seed });
			},
		},
		{
			title: 'Revoking the previous join tokens',
			run: async () => {
				await storeJoinSeeds(kubeconfig, [seed]);
				await deleteSharedTokens(kubeconfig);
			},
		},
	];
}

/**
 * `kstack rotate join-token`: revokes all join tokens. Nodes that have joined keep their certificates; new members get
 * tokens from a new seed. In a cluster of kstack 0.3 or earlier, each new member gets a token of its own from then on.
 */
export async function rotateJoinToken(
	name: string,
	flags: { readonly dryRun?: boolean | undefined },
): Promise<DryRun | undefined> {
	const directory = await stackDirectory(name);
	return runOperation({
		...{ name, directory, dryRun: flags.dryRun },
		prepare: async (stack) => {
			requireNoUpgrade(stack);
			requireSupport(stack);
			const kubeconfig = await kubeconfigForMasters(stack, directory);
			const before = await joinSeeds(kubeconfig);
			return {
				context: { stack, directory },
				steps: rotationSteps(stack, kubeconfig, before, rolesOf(directory)),
			};
		},
		result: async () =>
			void say(`The join tokens of ${name} are revoked. Nodes that have joined are not affected.`),
	});
}
