import { exitCodes, UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import type { MemberState } from '../heat/inventory.ts';
import type { Stack } from '../heat/stack.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { createNode, deleteNode, KubernetesApiError, listNodes } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { cancelCommand, cancelRequest, type NodeRequest, sendRequest, waitForAnswers } from './requests.ts';

/** Seconds to wait until the masters have removed the etcd members. */
const answerTimeout = 180;

const noServerDeleted = 'No server was deleted, because etcd could lose its quorum.';

const refused = (target: string, reason: string) =>
	new UserError(`Could not remove ${target} from etcd: ${reason}`, {
		hint: `${noServerDeleted} On the masters: journalctl -u kstack-leavers`,
	});

const unanswered = (error: UserError) =>
	new UserError(error.message, { hint: noServerDeleted, cause: error });

const namesOf = (members: readonly MemberState[]) => members.map(({ name }) => name).join(', ');

/**
 * Whether the etcd members of masters that never became Ready can be removed before their servers are deleted. It needs
 * a kubeconfig, unless no master has ever been Ready: then there is no quorum that a member could cost.
 *
 * @param members  all members of the stack
 * @param masters  those that never became Ready and are to be removed
 * @param force    `--force`: without a kubeconfig, the etcd members stay
 * @throws UserError when there is no kubeconfig
 */
export async function requireEtcdAccess(
	stack: Stack,
	directory: StackDirectory,
	members: readonly MemberState[],
	masters: readonly MemberState[],
	force: boolean,
): Promise<void> {
	if (force || (await readKubeconfig(directory, stack)) !== undefined) return;
	if (!members.some((member) => runsControlPlane(member) && member.condition !== 'failed')) return;
	throw new UserError(
		`There is no ${directory.kubeconfig}: ${namesOf(masters)} cannot be removed from etcd, which kstack requests through the Kubernetes API.`,
		{
			code: 'no-kubeconfig',
			hint: `${noServerDeleted} Run this where ${stack.name} was created, or fetch the kubeconfig: kstack kubeconfig ${stack.name}. --force deletes the servers anyway.`,
		},
	);
}

/** A master that failed before its kubelet registered it has no Node object, or one that kstack created. */
const isRegistered = ({ version }: { readonly version: string }) => version !== '';

/** Creates the Node object that the request is stored on. */
async function createTarget(kubeconfig: string, name: string): Promise<void> {
	try {
		await createNode(kubeconfig, name);
	} catch (error) {
		// An earlier request created it whose answer was lost, or another run of kstack.
		if (!(error instanceof KubernetesApiError && error.status === 409)) throw error;
	}
}

/**
 * Cancels the requests that the masters have not met, and deletes the Node objects that were created for them. If that
 * fails, prints the command that does it.
 *
 * @param registered  names of the nodes that had a Node object before
 */
async function cancelRequests(
	kubeconfig: string,
	requests: readonly NodeRequest[],
	registered: ReadonlySet<string>,
): Promise<void> {
	const nodes = await listNodes(kubeconfig).catch(() => undefined);
	for (const request of requests) {
		const { target } = request;
		if (nodes?.some(({ name }) => name === target) === false) continue;
		const hadNode = registered.has(target);
		const byHand = hadNode ? cancelCommand(request) : `kubectl delete node ${target}`;
		try {
			await (hadNode ? cancelRequest(kubeconfig, request) : deleteNode(kubeconfig, target));
			say(`Request cancelled: ${target}`);
		} catch (error) {
			say(`${(error as Error).message} The request to remove ${target} stays; cancel it: ${byHand}`);
		}
	}
}

/**
 * Requests the removal of the etcd members of masters that never became Ready, before their servers are deleted: a
 * deleted server still counts for the quorum. The request is a label on a Node object, so one is created for a master
 * that has none. Does nothing without a kubeconfig: see `requireEtcdAccess`.
 *
 * @param seconds  to wait until the masters have removed them
 * @throws UserError when a member was not removed; the requests are then cancelled, and no server may be deleted
 */
export async function removeFromEtcd(
	stack: Stack,
	directory: StackDirectory,
	masters: readonly MemberState[],
	seconds = answerTimeout,
): Promise<void> {
	const kubeconfig = await readKubeconfig(directory, stack);
	if (kubeconfig === undefined) {
		say(`There is no ${directory.kubeconfig}: the etcd members of ${namesOf(masters)} are not removed first`);
		return;
	}
	const nodes = await listNodes(kubeconfig).catch((error: UserError) => {
		throw error.exitCode === exitCodes.failed ? unanswered(error) : error;
	});
	const registered = new Set(nodes.filter(isRegistered).map(({ name }) => name));
	const requests = masters.map(
		({ name }): NodeRequest => ({
			...{ kind: 'leave', target: name, value: 'dead' },
			parameters: { timeout: '0', force: 'true' },
		}),
	);
	const sent: NodeRequest[] = [];
	try {
		for (const request of requests) {
			interrupted.signal.throwIfAborted();
			sent.push(request);
			if (!registered.has(request.target)) await createTarget(kubeconfig, request.target);
			await sendRequest(kubeconfig, request);
		}
		await waitForAnswers(kubeconfig, requests, {
			...{ isDone: () => false, done: 'removed from etcd and Kubernetes', seconds },
			failed: refused,
			timedOut: (targets) =>
				refused(targets.join(', '), `the masters have not answered within ${seconds} s.`),
		});
	} catch (error) {
		await cancelRequests(kubeconfig, sent, registered);
		throw error;
	}
}
