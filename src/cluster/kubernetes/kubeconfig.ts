import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { UserError, usageError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { readIfThere, type StackDirectory, writeSecret } from '../heat/directory.ts';
import { operatorName, userNameFrom } from '../heat/operator.ts';
import type { Stack } from '../heat/stack.ts';
import { isOfKstack, renewThroughApi } from './certificate-renewal.ts';
import { kubeconfigText, parseKubeconfig } from './kubeconfig-file.ts';
import { certificateIn, issueKubeconfig } from './operator-certificate.ts';

/** The two certificates that the first master signalled, in base64 of PEM. */
function certificatesOf(stack: Stack): { readonly ca?: string; readonly operator?: string } {
	const output = stack.outputs.certificates;
	try {
		const data: unknown = typeof output === 'string' ? JSON.parse(output || '{}') : output;
		const entries = typeof data === 'object' && data !== null ? Object.entries(data) : [];
		return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'));
	} catch {
		return {}; // Heat has no signal yet, or returns an error message instead
	}
}

/**
 * Whether a kubeconfig is for the cluster of this stack: by its CA, or, if the stack has no CA yet, by the API address.
 * Returns true if the stack has neither.
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
 * The kubeconfig in the stack directory, whether or not its certificate is still valid; `undefined` when there is none.
 *
 * @throws UserError exit code 2: `foreign-kubeconfig` for another cluster's, `bad-kubeconfig` for an unusable one
 */
export async function presentKubeconfig(
	directory: StackDirectory,
	stack: Stack,
): Promise<string | undefined> {
	const text = await readIfThere(directory.kubeconfig);
	if (text === undefined || isKubeconfigOf(stack, text, directory.kubeconfig)) return text;
	throw usageError(
		`${directory.kubeconfig} is the kubeconfig of another cluster: ${parseKubeconfig(text, directory.kubeconfig).server} is not the "${stack.name}" of this cloud (${stack.outputs.api_endpoint ?? 'no API address yet'}).`,
		'Is OS_CLOUD the right cloud? If it is, move the file away.',
		'foreign-kubeconfig',
	);
}

/**
 * The kubeconfig in the stack directory; `undefined` when there is none. All requests to the Kubernetes API use it, so
 * that no command changes another cluster.
 *
 * @throws UserError exit code 2: `foreign-kubeconfig` for another cluster's, `bad-kubeconfig` for an unusable one; exit
 *         code 1: `expired-certificate`
 */
export async function readKubeconfig(directory: StackDirectory, stack: Stack): Promise<string | undefined> {
	const text = await presentKubeconfig(directory, stack);
	if (text !== undefined) requireValidCertificate(text, directory.kubeconfig, stack.name);
	return text;
}

/** @throws UserError `expired-certificate` */
export function requireValidCertificate(kubeconfig: string, file: string, cluster: string): void {
	const certificate = certificateIn(kubeconfig);
	if (certificate === undefined || !hasExpired(certificate.end)) return;
	throw new UserError(`The operator's certificate in ${file} expired on ${dayOf(certificate.end)}.`, {
		code: 'expired-certificate',
		hint: `Have a master sign a new one, through Heat: kstack kubeconfig ${cluster}`,
	});
}

/** A certificate that expires within so many days is renewed. */
const renewalDays = 60;

const dayOf = (time: Date) => time.toISOString().slice(0, 10);

const hasExpired = (end: Date) => end.getTime() < Date.now();

const expiresSoon = (end: Date) => end.getTime() - Date.now() <= renewalDays * 86_400_000;

const notOfKstack = ({ kubeconfig }: StackDirectory, end: Date) =>
	`Warning: the certificate in ${kubeconfig} expires on ${dayOf(end)}. kstack does not renew it, because it is not one of the group kstack:operators.`;

/** A certificate for the same user: from the API while the present one is valid, otherwise from a master through Heat. */
async function renew(stack: Stack, present: string, user: string, isValid: boolean): Promise<string> {
	if (!isValid) return issueKubeconfig(stack, userNameFrom(user));
	try {
		return await renewThroughApi(stack.name, present);
	} catch (error) {
		if (interrupted.signal.aborted || !(error instanceof UserError)) throw error;
		say(`${error.message} Requesting one through Heat`);
		return issueKubeconfig(stack, userNameFrom(user));
	}
}

/**
 * The kubeconfig of a stack directory, with a new certificate if the present one expires soon. If none is signed, or if
 * the operator has put it there, the present one is used while it is valid.
 */
async function renewed(directory: StackDirectory, stack: Stack, present: string): Promise<string> {
	const now = certificateIn(present);
	if (now === undefined || !expiresSoon(now.end)) return present;
	const expired = hasExpired(now.end);
	if (!expired && !isOfKstack(now)) {
		say(notOfKstack(directory, now.end));
		return present;
	}
	say(
		`The certificate in ${directory.kubeconfig} ${expired ? 'expired' : 'expires'} on ${dayOf(now.end)}: renewing it`,
	);
	try {
		const text = await renew(stack, present, now.user, !expired);
		await writeSecret(directory.kubeconfig, text);
		return text;
	} catch (error) {
		if (expired || interrupted.signal.aborted || !(error instanceof UserError)) throw error;
		say(`Warning: the certificate was not renewed. ${error.message}`);
		return present;
	}
}

/**
 * Renews the certificate in the stack directory through the API, if it is valid and expires soon. Operations do this
 * before they begin. A warning is printed if it is not renewed.
 *
 * @param isAllowed  false: only warn
 */
export async function renewIfDue(directory: StackDirectory, stack: Stack, isAllowed: boolean): Promise<void> {
	const present = await presentKubeconfig(directory, stack).catch(() => undefined); // reported when it is needed
	const now = present === undefined ? undefined : certificateIn(present);
	if (present === undefined || now === undefined || !expiresSoon(now.end) || hasExpired(now.end)) return;
	const what = `The operator's certificate in ${directory.kubeconfig} expires on ${dayOf(now.end)}`;
	const warn = (why: string) => say(`Warning: ${what}${why}. Renew it with: kstack kubeconfig ${stack.name}`);
	if (!isOfKstack(now)) return say(notOfKstack(directory, now.end));
	if (!isAllowed) return warn('');
	try {
		const text = await renewThroughApi(stack.name, present);
		await writeSecret(directory.kubeconfig, text);
		say(`${what}: renewed until ${dayOf(certificateIn(text)?.end ?? now.end)}`);
	} catch (error) {
		if (interrupted.signal.aborted || !(error instanceof UserError)) throw error;
		warn(`, and was not renewed (${error.message.replace(/\.$/, '')})`);
	}
}

/** A kubeconfig from the operator's key in the stack directory and the certificate of `kstack create`. */
async function fromOwnKey(directory: StackDirectory, stack: Stack): Promise<string> {
	const { ca, operator } = certificatesOf(stack);
	if (ca === undefined || operator === undefined) {
		throw new UserError(`The first master of ${stack.name} has not signed the operator's certificate yet.`, {
			code: 'certificate-pending',
			hint: `The stack is ${stack.status}; watch it with: kstack status ${stack.name}`,
		});
	}
	return kubeconfigText(stack.name, String(stack.outputs.api_endpoint), {
		ca,
		certificate: operator,
		key: Buffer.from(await readFile(directory.operatorKey, 'utf8')).toString('base64'),
	});
}

/**
 * The kubeconfig for this operator. In order: the one in the stack directory, renewed if its certificate expires within
 * 60 days; one from the operator's key in the stack directory; otherwise one with a new key, for which a master signs a
 * certificate. It is written to the stack directory if there is one.
 *
 * @returns the kubeconfig's text
 * @throws UserError when no master has signed, or signs, a certificate
 */
export async function obtainKubeconfig(directory: StackDirectory, stack: Stack): Promise<string> {
	const present = await presentKubeconfig(directory, stack);
	if (present !== undefined) return renewed(directory, stack, present);
	const hasKey = existsSync(directory.operatorKey);
	if (!hasKey) say(`${directory.kubeconfig} does not exist`);
	const text = hasKey ? await fromOwnKey(directory, stack) : await issueKubeconfig(stack, operatorName());
	if (existsSync(directory.cluster)) await writeSecret(directory.kubeconfig, text);
	if (hasKey) await rm(directory.operatorKey);
	return text;
}
