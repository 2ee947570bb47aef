import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { packageRoot } from '../../base/package.ts';
import { say } from '../../base/say.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { openstackWith } from './arguments.ts';
import { inventory } from './inventory.ts';
import { deploymentOutput, isAbsent, openstack, resourceId, type Stack, show, showStack } from './stack.ts';

/** What is asked of a master: both are public. */
export interface SigningRequest {
	/** The operator's user name in Kubernetes. */
	readonly operator: string;
	/** The certificate request, base64 of its PEM. */
	readonly request: string;
}

/** Seconds that a master has to answer: its agent asks Heat every 13 seconds at the latest, or 30 after failures. */
const timeout = 120;

const template = path.join(packageRoot, 'heat/operator-certificate.yaml');

/** Where the program that signs is on a node whose image has it, below the root of the file system. */
const program = 'usr/local/sbin/kstack-sign-operator';

/**
 * What a master runs: its own program, or the text of this release's where its image is older than the program. An image
 * that has the program runs no such text; where the image cannot be found any more, both are tried.
 */
async function scriptsFor(server: Readonly<Record<string, unknown>>): Promise<string[]> {
	const image = /\(([^()]+)\)$/.exec(String(server.image ?? ''))?.[1];
	const shown = image === undefined ? undefined : await show(['image'], image);
	const own = `#!/bin/bash\nexec /${program}\n`;
	const properties = (shown?.properties ?? {}) as Readonly<Record<string, unknown>>;
	if (Number(properties.kstack_contract ?? 0) >= 1) return [own];
	const sent = await readFile(path.join(packageRoot, 'elements/kubernetes-services/static', program), 'utf8');
	return shown === undefined ? [own, sent] : [sent];
}

/** Waits until Heat is done with creating the stack, or the time is up. */
async function created(name: string): Promise<Stack | undefined> {
	for (const end = Date.now() + timeout * 1000; Date.now() < end; ) {
		const stack = await showStack(name);
		if (stack?.status !== 'CREATE_IN_PROGRESS') return stack;
		await setTimeout(2000, undefined, { signal: interrupted.signal }).catch(() => undefined);
		interrupted.signal.throwIfAborted();
	}
	return undefined;
}

/** Deletes the stack that asked, also after an interruption. */
async function remove(name: string): Promise<void> {
	try {
		await openstack(['stack', 'delete', '--yes', '--wait', name], { uninterrupted: true });
	} catch (error) {
		if (isAbsent(error)) return;
		const reason = error instanceof Error ? error.message : String(error);
		say(`Could not delete the stack ${name}: ${reason}\nDelete it with: openstack stack delete ${name}`);
	}
}

/** What the master's program wrote to stderr, or Heat's reason. */
async function refusal(stack: Stack): Promise<string> {
	const deployment = await resourceId(stack.id, 'signature');
	const output = deployment === undefined ? '' : await deploymentOutput(deployment);
	return output === '' ? stack.reason : output;
}

/**
 * Asks one master, through a small stack of its own: the cluster's stack does not change.
 *
 * @param name  the name of the small stack
 * @returns what the master printed, or why there is no answer
 */
async function askMaster(
	name: string,
	server: string,
	asked: SigningRequest,
): Promise<{ pem: string } | { reason: string }> {
	const shown = await show(['server'], server);
	if (shown === undefined) return { reason: 'its server does not exist' };
	if (shown.status !== 'ACTIVE') return { reason: `its server is ${shown.status}` };
	const reasons: string[] = [];
	for (const script of await scriptsFor(shown)) {
		const answer = await deploy(name, { ...asked, server, script });
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
		await openstackWith(parameters, {}, (words) => [
			...['stack', 'create', '-t', template, ...words],
			...['--timeout', String(timeout / 60 + 1), '-f', 'json', name],
		]);
		const stack = await created(name);
		if (stack === undefined) return { reason: `no answer within ${timeout} seconds` };
		if (stack.status !== 'CREATE_COMPLETE') return { reason: await refusal(stack) };
		return { pem: String(stack.outputs.certificates ?? '') };
	} finally {
		await remove(name);
	}
}

/**
 * Lets a master of the cluster sign an operator's certificate: one after the other, until one answers. Whoever may
 * create stacks in the project can do this.
 *
 * @returns what the master printed: the certificate and the cluster's CA, in PEM
 * @throws UserError code `no-master-signed`, with the reason of each master
 */
export async function signOnMaster(stack: Stack, asked: SigningRequest): Promise<string> {
	const masters = (await inventory(stack)).filter(
		(member) => runsControlPlane(member) && member.server !== '' && member.condition === 'well',
	);
	const reasons: string[] = [];
	for (const { name, server } of masters) {
		say(`Requesting a certificate for ${asked.operator} from ${name}`);
		const helper = `${stack.name}-operator-${randomBytes(4).toString('hex')}`;
		const answer = await askMaster(helper, server, asked);
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
