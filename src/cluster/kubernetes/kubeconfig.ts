import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { readIfThere, type StackDirectory, writeSecret } from '../heat/directory.ts';
import type { Stack } from '../heat/stack.ts';
import { kubeconfigText } from './api.ts';
import { certificateIn, issueKubeconfig, operatorName, userNameFrom } from './operator-certificate.ts';

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

/** A certificate that ends within so many days is renewed. */
const renewalDays = 60;

const dayOf = (time: Date) => time.toISOString().slice(0, 10);

/**
 * The kubeconfig of a stack directory, with a new certificate if the present one ends soon. Where no master signs one,
 * the present one is used as long as it is valid.
 */
async function renewed(directory: StackDirectory, stack: Stack, present: string): Promise<string> {
	const now = certificateIn(present);
	if (now === undefined || now.end.getTime() - Date.now() > renewalDays * 86_400_000) return present;
	const expired = now.end.getTime() < Date.now();
	say(
		`The certificate in ${directory.kubeconfig} ${expired ? 'expired' : 'expires'} on ${dayOf(now.end)}: renewing it`,
	);
	try {
		const text = await issueKubeconfig(stack, userNameFrom(now.user));
		await writeSecret(directory.kubeconfig, text);
		return text;
	} catch (error) {
		if (expired || interrupted.signal.aborted || !(error instanceof UserError)) throw error;
		say(`Warning: the certificate was not renewed. ${error.message}`);
		return present;
	}
}

/** A kubeconfig from the operator's key in the stack directory and the certificate of `kstack create`. */
async function fromOwnKey(directory: StackDirectory, stack: Stack): Promise<string> {
	const certificates = certificatesOf(stack);
	if (certificates === undefined) {
		throw new UserError(`The first master of ${stack.name} has not signed the operator's certificate yet.`, {
			code: 'certificate-pending',
			hint: `The stack is ${stack.status}; watch it with: kstack status ${stack.name}`,
		});
	}
	return kubeconfigText(stack.name, String(stack.outputs.api_endpoint), {
		ca: certificates.ca,
		certificate: certificates.operator,
		key: Buffer.from(await readFile(directory.operatorKey, 'utf8')).toString('base64'),
	});
}

/**
 * The kubeconfig for this operator. In order: the one in the stack directory, renewed if its certificate ends within
 * 60 days; one from the operator's key in the stack directory; else one with a new key, for which a master signs a
 * certificate. It is kept in the stack directory if there is one.
 *
 * @returns the kubeconfig's text
 * @throws UserError when no master has signed, or signs, a certificate
 */
export async function obtainKubeconfig(directory: StackDirectory, stack: Stack): Promise<string> {
	const present = await readIfThere(directory.kubeconfig);
	if (present !== undefined) return renewed(directory, stack, present);
	const hasKey = existsSync(directory.operatorKey);
	if (!hasKey) say(`${directory.kubeconfig} does not exist`);
	const text = hasKey ? await fromOwnKey(directory, stack) : await issueKubeconfig(stack, operatorName());
	if (existsSync(directory.cluster)) await writeSecret(directory.kubeconfig, text);
	if (hasKey) await rm(directory.operatorKey);
	return text;
}
