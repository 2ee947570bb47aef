import { UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { makeToken } from '../heat/operator.ts';
import type { Stack } from '../heat/stack.ts';
import type { Parameters } from '../spec/parameters.ts';
import { callKubernetes } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';

/** Seconds that a token is valid beyond the boot timeout, because Heat and Nova need time before the boot. */
const margin = 600;

/** The Secret of a bootstrap token that expires at `end`; its group may read the PKI of the cluster. */
function secretOf(token: string, end: Date): object {
	const [id, secret] = token.split('.') as [string, string];
	return {
		apiVersion: 'v1',
		kind: 'Secret',
		type: 'bootstrap.kubernetes.io/token',
		metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
		stringData: {
			'token-id': id,
			'token-secret': secret,
			expiration: end.toISOString().replace(/\.\d+Z$/, 'Z'),
			'usage-bootstrap-authentication': 'true',
			'usage-bootstrap-signing': 'true',
			'auth-extra-groups': 'system:bootstrappers:kstack-masters',
		},
	};
}

/**
 * The kubeconfig with which a token for new masters is issued.
 *
 * @throws UserError when there is none
 */
export async function kubeconfigForMasters(stack: Stack, directory: StackDirectory): Promise<string> {
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig !== undefined) return kubeconfig;
	throw new UserError(
		`There is no ${directory.kubeconfig}: a new master needs a token, which kstack issues through the Kubernetes API.`,
		{ hint: `Run this where ${stack.name} was created, or fetch it: kstack kubeconfig ${stack.name}` },
	);
}

/**
 * Issues a token for new masters: the one that the stack was created with has expired.
 *
 * @returns the secret Heat parameter with the token
 * @throws UserError when there is no kubeconfig
 */
export async function issueMasterToken(stack: Stack, directory: StackDirectory): Promise<Parameters> {
	const kubeconfig = await kubeconfigForMasters(stack, directory);
	const seconds = Number(stack.parameters.boot_timeout ?? 1200) + margin;
	const token = makeToken();
	const end = new Date(Date.now() + seconds * 1000);
	await callKubernetes(kubeconfig, 'POST', '/api/v1/namespaces/kube-system/secrets', secretOf(token, end));
	say(`New masters can join until ${end.toISOString().slice(11, 16)} UTC`);
	return { master_token: token };
}
