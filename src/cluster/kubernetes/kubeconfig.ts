import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { readIfThere, type StackDirectory, writeSecret } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText } from './api.ts';

/** The two certificates as the first master signalled them: base64 of PEM, by name, as JSON text. */
function certificatesOf(stack: Stack): { ca: string; operator: string } | undefined {
	const output = stack.outputs.certificates;
	const data = (typeof output === 'string' ? JSON.parse(output || '{}') : (output ?? {})) as Record<
		string,
		string
	>;
	return data.ca === undefined || data.operator === undefined
		? undefined
		: { ca: data.ca, operator: data.operator };
}

/**
 * The cluster's kubeconfig: the one in its directory, or one made from the operator's key there and the
 * certificates that the first master handed out.
 *
 * @returns its text
 * @throws UserError when the master has not signed yet, or when the key is not here
 */
export async function obtainKubeconfig(directory: StackDirectory, stack: Stack): Promise<string> {
	const present = await readIfThere(directory.kubeconfig);
	if (present !== undefined) return present;
	if (!existsSync(directory.operatorKey)) {
		throw new UserError(
			`There is no kubeconfig in ${directory.path}, and no operator's key to make one with: the key never leaves the machine that ran \`kstack create\`.`,
			{ hint: `Run this where ${stack.name} was created, in the same folder.` },
		);
	}
	const certificates = certificatesOf(stack);
	if (certificates === undefined) {
		throw new UserError(`The first master of ${stack.name} has not signed the operator's certificate yet.`, {
			hint: `The stack is ${stack.status}; watch it with: kstack status ${stack.name}`,
		});
	}
	const text = kubeconfigText(stack.name, String(stack.outputs.api_endpoint), {
		ca: certificates.ca,
		certificate: certificates.operator,
		key: Buffer.from(await readFile(directory.operatorKey, 'utf8')).toString('base64'),
	});
	await writeSecret(directory.kubeconfig, text);
	await rm(directory.operatorKey);
	return text;
}
