import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { UserError, usageError } from '../../base/errors.ts';
import { readIfThere, type StackDirectory, writeSecret } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText, parseKubeconfig } from './api.ts';

/** The two certificates as the first master signalled them: base64 of PEM, by name, as JSON text. */
function certificatesOf(stack: Stack): { readonly ca?: string; readonly operator?: string } {
	const output = stack.outputs.certificates;
	try {
		const data: unknown = typeof output === 'string' ? JSON.parse(output || '{}') : output;
		return typeof data === 'object' && data !== null ? data : {};
	} catch {
		return {}; // Heat has no signal yet, or shows an error in its place
	}
}

/**
 * Whether a kubeconfig is for the cluster of this stack: by its CA, else, while the stack does not show one, by
 * the API's address. A stack that shows neither decides nothing.
 */
export function isKubeconfigOf(stack: Stack, kubeconfig: string, file: string): boolean {
	const { server, ca } = parseKubeconfig(kubeconfig, file);
	const certificate = certificatesOf(stack).ca;
	if (certificate !== undefined) {
		return Buffer.from(ca, 'base64').equals(Buffer.from(certificate, 'base64'));
	}
	const endpoint = stack.outputs.api_endpoint;
	return typeof endpoint !== 'string' || endpoint === '' || endpoint === server;
}

/**
 * The kubeconfig in the stack directory; `undefined` when there is none. Everything that asks the Kubernetes API
 * gets it here, so that no command acts on another cluster.
 *
 * @throws UserError exit code 2: `foreign-kubeconfig` for another cluster's, `bad-kubeconfig` for an unusable one
 */
export async function readKubeconfig(directory: StackDirectory, stack: Stack): Promise<string | undefined> {
	const text = await readIfThere(directory.kubeconfig);
	if (text === undefined || isKubeconfigOf(stack, text, directory.kubeconfig)) return text;
	throw usageError(
		`${directory.kubeconfig} is the kubeconfig of another cluster: ${parseKubeconfig(text, directory.kubeconfig).server} is not the "${stack.name}" of this cloud (${stack.outputs.api_endpoint ?? 'no API address yet'}).`,
		'Is OS_CLOUD the right cloud? If it is, move the file away.',
		'foreign-kubeconfig',
	);
}

/**
 * The cluster's kubeconfig: the one in its directory, or one made from the operator's key there and the
 * certificates that the first master handed out.
 *
 * @returns its text
 * @throws UserError when the master has not signed yet, when the key is not here, or as `readKubeconfig`
 */
export async function obtainKubeconfig(directory: StackDirectory, stack: Stack): Promise<string> {
	const present = await readKubeconfig(directory, stack);
	if (present !== undefined) return present;
	if (!existsSync(directory.operatorKey)) {
		throw new UserError(
			`There is no kubeconfig in ${directory.path}, and no operator's key to make one with: the key never leaves the machine that ran \`kstack create\`.`,
			{ code: 'no-kubeconfig', hint: `Run this where ${stack.name} was created, in the same folder.` },
		);
	}
	const { ca, operator } = certificatesOf(stack);
	if (ca === undefined || operator === undefined) {
		throw new UserError(`The first master of ${stack.name} has not signed the operator's certificate yet.`, {
			code: 'no-certificate',
			hint: `The stack is ${stack.status}; watch it with: kstack status ${stack.name}`,
		});
	}
	const text = kubeconfigText(stack.name, String(stack.outputs.api_endpoint), {
		ca,
		certificate: operator,
		key: Buffer.from(await readFile(directory.operatorKey, 'utf8')).toString('base64'),
	});
	await writeSecret(directory.kubeconfig, text);
	await rm(directory.operatorKey);
	return text;
}
