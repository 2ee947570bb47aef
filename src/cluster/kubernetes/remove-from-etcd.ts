import { UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import type { Member } from '../heat/members.ts';
import type { Stack } from '../heat/stack.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { createNode, listNodes } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { type NodeRequest, sendRequest, waitForAnswers } from './requests.ts';

/** Seconds to wait until the masters have removed the etcd members. */
const answerTimeout = 180;

const refused = (target: string, reason: string) =>
	new UserError(`Could not remove ${target} from etcd: ${reason}`, {
		hint: 'No server was deleted, because etcd could lose its quorum. On the masters: journalctl -u kstack-leavers',
	});

/**
 * Requests the removal of the etcd members of masters that never became Ready, before their servers are deleted: a
 * deleted server still counts for the quorum. The request is a label on a Node object, so one is created for a master
 * that has none.
 *
 * @throws UserError when a member was not removed; no server may be deleted then
 */
export async function removeFromEtcd(
	stack: Stack,
	directory: StackDirectory,
	members: readonly Member[],
): Promise<void> {
	const masters = members.filter(runsControlPlane).map(({ name }) => name);
	const kubeconfig = masters.length === 0 ? undefined : await readKubeconfig(directory, stack);
	if (masters.length > 0 && kubeconfig === undefined) {
		say(
			`There is no ${directory.kubeconfig}: the etcd members of ${masters.join(', ')} are not removed first`,
		);
	}
	if (kubeconfig === undefined) return;
	const known = new Set((await listNodes(kubeconfig)).map(({ name }) => name));
	const requests = masters.map(
		(target): NodeRequest => ({
			kind: 'leave',
			target,
			value: 'dead',
			parameters: { timeout: '0', force: 'true' },
		}),
	);
	for (const request of requests) {
		if (!known.has(request.target)) await createNode(kubeconfig, request.target);
		await sendRequest(kubeconfig, request);
	}
	await waitForAnswers(kubeconfig, requests, {
		...{ isDone: () => false, done: 'removed from etcd and Kubernetes', seconds: answerTimeout },
		failed: refused,
		timedOut: (targets, seconds) =>
			refused(targets.join(', '), `no master has answered within ${seconds} s.`),
	});
}
