import { UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { type Member, membersOf } from '../heat/members.ts';
import { isNotFound, list, openstack, type Stack } from '../heat/stack.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { countMovablePods, deleteNode, type KubernetesNode, listNodes } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';
import {
	answerOf,
	cancelCommand,
	cancelRequest,
	type NodeRequest,
	nodesWithRetry,
	sendRequest,
	type WaitOptions,
	waitForAnswers,
} from './requests.ts';

/** How members are drained. */
export interface DrainOptions {
	/** Timeout of the drain, in seconds. */
	readonly drainTimeout: number;
	/** Whether remaining pods are deleted after the timeout, and nodes that do not respond are treated as dead. */
	readonly force: boolean;
	/** Whether `--force` was given: the setting `drainForce` is about pods, not about the quorum of etcd. */
	readonly forceFlag: boolean;
}

/** Seconds to wait for an answer of the masters, after the drain timeout. */
const answerTimeout = 180;

/** Nova's states of a server that may be running; in any other state, its node cannot be drained. */
export const running = /^(ACTIVE|REBOOT|HARD_REBOOT|MIGRATING|PASSWORD|RESIZE|VERIFY_RESIZE)$/;

/** A member to remove, with the state of its server and node. */
interface LeavingMember {
	readonly member: Member;
	/** The status of its server in Nova; empty when it has none. */
	readonly server: string;
	/** Absent if it never joined the cluster. */
	readonly node: KubernetesNode | undefined;
}

const isDead = ({ server }: LeavingMember) => !running.test(server);
const names = (leavers: readonly LeavingMember[]) => leavers.map(({ member }) => member.name).join(', ');

/** The request to remove a node: `drain` for a running node, `dead` for one that does not run. */
const leaveRequest = (target: string, value: 'drain' | 'dead', options: DrainOptions): NodeRequest => ({
	...{ kind: 'leave', target, value },
	parameters: { timeout: String(options.drainTimeout), force: String(options.force) },
});

const leaveRequests = (leavers: readonly LeavingMember[], value: 'drain' | 'dead', options: DrainOptions) =>
	leavers.map(({ member }) => leaveRequest(member.name, value, options));

/** Cancels the requests, and uncordons the nodes unless they were cordoned before. */
async function cancelDrain(
	kubeconfig: string,
	leavers: readonly LeavingMember[],
	options: DrainOptions,
): Promise<void> {
	for (const { member, node } of leavers) {
		const request = leaveRequest(member.name, 'drain', options);
		const uncordon = node?.unschedulable === true ? {} : { spec: { unschedulable: null } };
		try {
			await cancelRequest(kubeconfig, request, uncordon);
		} catch (error) {
			say(
				`${(error as Error).message} To cancel the drain later: ${cancelCommand(request)}; kubectl uncordon ${member.name}`,
			);
		}
	}
	if (leavers.length > 0) say(`Drain cancelled: ${names(leavers)}`);
}

/** Prints how many pods each node still has, if the number has changed. */
async function printPodCounts(kubeconfig: string, waiting: Iterable<string>, printed: Map<string, number>) {
	for (const name of waiting) {
		const pods = await countMovablePods(kubeconfig, name).catch(() => undefined);
		if (pods === undefined || printed.get(name) === pods) continue;
		printed.set(name, pods);
		if (pods > 0) say(`${name}: ${pods} ${pods === 1 ? 'pod' : 'pods'} left`);
	}
}

const failed = (target: string, reason: string) =>
	new UserError(`Could not drain ${target}: ${reason}`, {
		hint: 'Nothing was updated. --drain-timeout sets a longer timeout; --force deletes the pods that remain after it.',
	});

const timedOut = (targets: readonly string[], seconds: number) =>
	new UserError(`The masters have not answered the requests for ${targets.join(', ')} within ${seconds} s.`, {
		hint: 'Nothing was updated. On the masters: journalctl -u kstack-leavers',
	});

/** Sends the requests, and waits until the masters have answered each of them. */
async function requestAndWait(
	kubeconfig: string,
	requests: readonly NodeRequest[],
	message: string,
	following: Pick<WaitOptions, 'isDone' | 'seconds' | 'done'>,
): Promise<void> {
	for (const one of requests) {
		say(`${one.target}: ${message}`);
		await sendRequest(kubeconfig, one);
	}
	const printed = new Map<string, number>();
	const progress = (waiting: Iterable<string>) => printPodCounts(kubeconfig, waiting, printed);
	await waitForAnswers(kubeconfig, requests, { ...following, progress, failed, timedOut });
}

/** Deletes servers in Nova, so that Heat does not wait for a signal that they cannot send. */
async function deleteServers(leavers: readonly LeavingMember[]): Promise<void> {
	const present = leavers.filter(({ server }) => server !== '');
	if (present.length === 0) return;
	for (const { member, server } of present) say(`${member.name}: server is ${server}, deleting it`);
	try {
		await openstack(['server', 'delete', ...present.map(({ member }) => member.server)]);
	} catch (error) {
		if (!isNotFound(error)) throw error;
	}
}

/** @throws UserError unless more than half of the remaining masters are Ready: etcd would lose its quorum */
function requireQuorum(stack: Stack, members: readonly Member[], nodes: readonly KubernetesNode[]): void {
	if (!members.some(runsControlPlane)) return;
	const removed = new Set(members.map(({ name }) => name));
	const remaining = membersOf(stack).filter(
		(member) => runsControlPlane(member) && !removed.has(member.name),
	);
	const ready = remaining.filter(({ name }) => nodes.some((node) => node.name === name && node.ready));
	if (ready.length * 2 > remaining.length) return;
	const notReady = remaining.filter((master) => !ready.includes(master)).map(({ name }) => name);
	throw new UserError(
		remaining.length === 0
			? 'No master would remain.'
			: `${ready.length} of the ${remaining.length} remaining masters are Ready (not Ready: ${notReady.join(', ')}): etcd would lose its quorum.`,
		{ hint: 'Nothing was changed. Repair these masters first, or replace them: kstack replace.' },
	);
}

/** @throws UserError for nodes whose server is ACTIVE but whose kubelet does not report, unless `force` is set */
function requireResponsive(unreachable: readonly LeavingMember[], { force }: DrainOptions): void {
	if (unreachable.length === 0 || force) return;
	throw new UserError(
		`${names(unreachable)}: the server is ACTIVE, but the node does not respond, so it cannot be drained.`,
		{
			hint: 'Nothing was changed. Reboot it (openstack server reboot), or remove it with --force.',
		},
	);
}

/**
 * Prepares members for their removal by Heat: drains live nodes, removes dead ones from the cluster, and deletes the
 * servers of the latter. Without a kubeconfig the nodes drain themselves when Heat asks them to.
 *
 * @param stack  the stack before the update that removes the members
 * @returns a function that cancels the drains if the update fails
 * @throws UserError when a node cannot be drained; all drains have then been cancelled
 */
export async function drainBeforeUpdate(
	stack: Stack,
	directory: StackDirectory,
	members: readonly Member[],
	options: DrainOptions,
): Promise<() => Promise<void>> {
	if (members.length === 0) return async () => {};
	const [servers, kubeconfig] = await Promise.all([list(['server']), readKubeconfig(directory, stack)]);
	const nodes = kubeconfig === undefined ? [] : await listNodes(kubeconfig);
	const leavers = members.map((member) => ({
		member,
		server: String(servers.find((server) => server.ID === member.server)?.Status ?? ''),
		node: nodes.find(({ name }) => name === member.name),
	}));
	const dead = leavers.filter(isDead);
	if (kubeconfig === undefined) {
		if (dead.length < leavers.length)
			say(`There is no ${directory.kubeconfig}: the nodes drain themselves when Heat deletes their members`);
		await deleteServers(dead);
		return async () => {};
	}
	requireQuorum(stack, members, nodes);
	const unreachable = leavers.filter((leaver) => !isDead(leaver) && leaver.node?.unreachable === true);
	requireResponsive(unreachable, options);
	const alive = leavers.filter((leaver) => !isDead(leaver) && !unreachable.includes(leaver) && leaver.node);
	const cancel = () => cancelDrain(kubeconfig, alive, options);
	try {
		await requestAndWait(
			kubeconfig,
			leaveRequests(alive, 'drain', options),
			`draining (timeout ${options.drainTimeout} s)`,
			{
				isDone: (node) => answerOf(node, 'leave') === 'drained',
				...{ seconds: options.drainTimeout + answerTimeout, done: 'drained' },
			},
		);
		await removeDead(kubeconfig, dead, unreachable, options);
	} catch (error) {
		await cancel();
		throw error;
	}
	return cancel;
}

/** Requests that the masters remove dead nodes from the cluster, and deletes their servers. */
async function removeDead(
	kubeconfig: string,
	dead: readonly LeavingMember[],
	unreachable: readonly LeavingMember[],
	options: DrainOptions,
): Promise<void> {
	// A server that may still run must be deleted before its pods are started on other nodes.
	await deleteServers(unreachable);
	const known = [...dead, ...unreachable].filter(({ node }) => node !== undefined);
	try {
		await requestAndWait(
			kubeconfig,
			leaveRequests(known, 'dead', options),
			'down, removing from the cluster',
			{
				...{ isDone: () => false, seconds: answerTimeout, done: 'removed' },
			},
		);
	} catch (error) {
		await cancelDrain(kubeconfig, await existing(kubeconfig, known), options);
		throw error;
	}
	await deleteServers(dead);
}

async function existing(kubeconfig: string, leavers: readonly LeavingMember[]): Promise<LeavingMember[]> {
	const nodes = await listNodes(kubeconfig).catch(() => undefined);
	return leavers.filter(({ member }) => nodes?.some(({ name }) => name === member.name) ?? true);
}

/** Deletes the Node objects of removed members, which Kubernetes does not delete itself. */
export async function deleteRemovedNodes(
	directory: StackDirectory,
	before: Stack,
	after: Stack,
): Promise<void> {
	const left = new Set(membersOf(after).map(({ name }) => name));
	const gone = membersOf(before)
		.map(({ name }) => name)
		.filter((name) => !left.has(name));
	if (gone.length === 0) return;
	const command = `kubectl delete node ${gone.join(' ')}`;
	const kubeconfig = await readKubeconfig(directory, before);
	if (kubeconfig === undefined) {
		say(
			`There is no ${directory.kubeconfig}; if Node objects of removed nodes remain, delete them: ${command}`,
		);
		return;
	}
	try {
		const nodes = await nodesWithRetry(kubeconfig);
		for (const { name } of nodes.filter((node) => gone.includes(node.name))) {
			await deleteNode(kubeconfig, name);
			say(`Node ${name} deleted`);
		}
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		say(`${error.message} To delete the Node objects later: ${command}`);
	}
}
