import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { packageRoot } from '../../base/package.ts';
import { oneLine } from '../../base/sanitize.ts';
import { say } from '../../base/say.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { openstackWith } from './arguments.ts';
import { inventory } from './inventory.ts';
import { deploymentOutput, isNotFound, openstack, resourceId, type Stack, show, showStack } from './stack.ts';

/** A request that a master signs a certificate; both values are public. */
export interface SigningRequest {
	/** The operator's user name in Kubernetes. */
	readonly operator: string;
	/** The certificate request, base64 of its PEM. */
	readonly request: string;
}

/** Seconds to wait for a master: its agent polls Heat at least every 13 seconds, or 30 after failures. */
const timeout = 120;

const template = path.join(packageRoot, 'heat/operator-certificate.yaml');

/** The path of the signing program in the image, relative to the root of the file system. */
const program = 'usr/local/sbin/kstack-sign-operator';

/** The file of functions that the program sources. */
const functions = 'usr/share/kstack/functions/certificates';

/** The text of the signing program of this release, which needs no other file. */
export async function programText(): Promise<string> {
	const [text, sourced] = await Promise.all(
		[program, functions].map((name) =>
			readFile(path.join(packageRoot, 'elements/kubernetes-services/static', name), 'utf8'),
		),
	);
	return (text as string).replace(`. /${functions}\n`, () => sourced as string);
}

/**
 * The scripts to try on a master: one that runs the program of its image, or the program of this release if an old image
 * has none; both if the image is no longer in Glance. An image that has the program runs no text of it.
 */
async function scriptsFor(server: Readonly<Record<string, unknown>>): Promise<string[]> {
	const id = /\(([^()]+)\)$/.exec(String(server.image ?? ''))?.[1];
	const image = id === undefined ? undefined : await show(['image'], id);
	const properties = (image?.properties ?? {}) as Readonly<Record<string, unknown>>;
	const own = `#!/bin/bash\nexec /${program}\n`;
	if (Number(properties.kstack_contract ?? 0) >= 1) return [own];
	const text = await programText();
	return image === undefined ? [own, text] : [text];
}

/** Waits until Heat is done with creating the stack, or the time is up. */
async function waitUntilCreated(name: string): Promise<Stack | undefined> {
	for (const end = Date.now() + timeout * 1000; Date.now() < end; ) {
		const stack = await showStack(name);
		if (stack?.status !== 'CREATE_IN_PROGRESS') return stack;
		await setTimeout(2000, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
	return undefined;
}

/** Deletes the temporary stack, also after an interruption. */
async function deleteStack(name: string): Promise<void> {
	try {
		await openstack(['stack', 'delete', '--yes', '--wait', name], { uninterrupted: true });
	} catch (error) {
		if (isNotFound(error)) return;
		const reason = error instanceof Error ? error.message : String(error);
		say(`Could not delete the stack ${name}: ${reason}\nDelete it with: openstack stack delete ${name}`);
	}
}

/** The output of the program on the master, or Heat's reason. */
async function failureReason(stack: Stack): Promise<string> {
	const deployment = await resourceId(stack.id, 'signature');
	const output = deployment === undefined ? '' : await deploymentOutput(deployment);
	return oneLine(output === '' ? stack.reason : output);
}

/**
 * Requests a signature from one master with a temporary stack, so that the cluster's stack does not change.
 *
 * @param name  the name of the temporary stack
 * @returns the certificates, or why the master has not signed
 */
async function requestSignature(
	name: string,
	server: string,
	request: SigningRequest,
): Promise<{ pem: string } | { reason: string }> {
	const shown = await show(['server'], server);
	if (shown === undefined) return { reason: 'its server does not exist' };
	if (shown.status !== 'ACTIVE') return { reason: `its server is ${shown.status}` };
	const reasons: string[] = [];
	for (const script of await scriptsFor(shown)) {
		const answer = await deploy(name, { ...request, server, script });
		if ('pem' in answer) return answer;
		reasons.push(answer.reason);
	}
	return { reason: reasons.join('; ') };
}

/** Has Heat deploy one script. */
async function deploy(
	name: string,
	parameters: Readonly<Record<string, string>>,
): Promise<{ pem: string } | { reason: string }> {
	try {
		await openstackWith(parameters, {}, (args) => [
			...['stack', 'create', '-t', template, ...args],
			...['--timeout', String(timeout / 60 + 1), '-f', 'json', name],
		]);
		const stack = await waitUntilCreated(name);
		if (stack === undefined) return { reason: `no answer within ${timeout} seconds` };
		if (stack.status !== 'CREATE_COMPLETE') return { reason: await failureReason(stack) };
		return { pem: String(stack.outputs.certificates ?? '') };
	} finally {
		await deleteStack(name);
	}
}

/**
 * Requests an operator's certificate from the masters, one after the other, until one signs it. It only requires the
 * permission to create stacks in the project.
 *
 * @returns the certificate and the cluster's CA, in PEM
 * @throws UserError code `no-master-signed`, with the reason of each master
 */
export async function signOnMaster(stack: Stack, request: SigningRequest): Promise<string> {
	const masters = (await inventory(stack)).filter(
		(member) => runsControlPlane(member) && member.server !== '' && member.condition === 'ready',
	);
	const reasons: string[] = [];
	for (const { name, server } of masters) {
		say(`Requesting a certificate for ${request.operator} from ${name}`);
		const stackName = `${stack.name}-operator-${randomBytes(4).toString('hex')}`;
		const answer = await requestSignature(stackName, server, request);
		if ('pem' in answer) return answer.pem;
		reasons.push(`${name}: ${answer.reason}`);
		say(`${name} did not sign: ${answer.reason}`);
	}
	const list = reasons.map((reason) => `\n  - ${reason}`).join('');
	throw new UserError(
		masters.length === 0
			? `${stack.name} has no running master that could sign a certificate (the stack is ${stack.status}).`
			: `No master of ${stack.name} signed a certificate:${list}`,
		{
			code: 'no-master-signed',
			hint: `Check the masters with: kstack status ${stack.name}; then try again, or use the kubeconfig in the stack directory.`,
		},
	);
}
