import { UserError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import type { StackDirectory } from '../heat/directory.ts';
import { type Member, membersOf } from '../heat/members.ts';
import { isAbsent, list, openstack, type Stack } from '../heat/stack.ts';
import { runsControlPlane } from '../spec/roles.ts';
import { countMovablePods, deleteNode, type KubernetesNode, listNodes } from './api.ts';
import { readKubeconfig } from './kubeconfig.ts';
import {
	answerOf,
	ask,
	type Following,
	followRequests,
	type NodeRequest,
	nodesWithRetry,
	withdraw,
	withdrawByHand,
} from './requests.ts';

/** How members are to leave. */
export interface DrainOptions {
	/** Timeout of the drain, in seconds. */
	readonly drainTimeout: number;
	/** Whether remaining pods are deleted after the timeout, and nodes that do not respond are treated as dead. */
	readonly force: boolean;
}

/** Seconds after the drain timeout until kstack stops waiting for an answer of the masters. */
const patience = 180;

/** Nova's states of a server that may still run; in any other state, its node cannot be drained. */
export const running = /^(ACTIVE|REBOOT|HARD_REBOOT|MIGRATING|PASSWORD|RESIZE|VERIFY_RESIZE)$/;

/** A member to remove, with the state of its server and node. */
interface Leaver {
	readonly member: Member;
	/** Nova's state of its server; empty when there is none. */
	readonly server: string;
	/** Absent when it never joined. */
	readonly node: KubernetesNode | undefined;
}

const isDead = ({ server }: Leaver) => !running.test(server);
const names = (leavers: readonly Leaver[]) => leavers.map(({ member }) => member.name).join(', ');

/** The request that a node leaves: `drain` moves its pods while it runs, `dead` removes one that does not run. */
const leaveRequest = (target: string, value: 'drain' | 'dead', how: DrainOptions): NodeRequest => ({
	...{ kind: 'leave', target, value },
	parameters: { timeout: String(how.drainTimeout), force: String(how.force) },
});

const byName = (leavers: readonly Leaver[], value: 'drain' | 'dead', how: DrainOptions) =>
	leavers.map(({ member }) => leaveRequest(member.name, value, how));

/** Withdraws the requests, and uncordons the nodes unless they were cordoned before. */
async function cancelDrain(kubeconfig: string, leavers: readonly Leaver[], how: DrainOptions): Promise<void> {
	for (const { member, node } of leavers) {
		const request = leaveRequest(member.name, 'drain', how);
		const uncordon = node?.unschedulable === true ? {} : { spec: { unschedulable: null } };
		try {
			await withdraw(kubeconfig, request, uncordon);
		} catch (error) {
			say(
				`${(error as Error).message} To cancel the drain later: ${withdrawByHand(request)}; kubectl uncordon ${member.name}`,
			);
		}
	}
	if (leavers.length > 0) say(`Drain cancelled: ${names(leavers)}`);
}

/** Tells how many pods each node still has, when that has changed. */
async function tellPods(kubeconfig: string, waiting: Iterable<string>, told: Map<string, number>) {
	for (const name of waiting) {
		const pods = await countMovablePods(kubeconfig, name).catch(() => undefined);
		if (pods === undefined || told.get(name) === pods) continue;
		told.set(name, pods);
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

/** Asks for all of them, and waits until the masters have answered for each. */
async function request(
	kubeconfig: string,
	requests: readonly NodeRequest[],
	begun: string,
	following: Pick<Following, 'isDone' | 'seconds' | 'done'>,
): Promise<void> {
	for (const one of requests) {
		say(`${one.target}: ${begun}`);
		await ask(kubeconfig, one);
	}
	const told = new Map<string, number>();
	const progress = (waiting: Iterable<string>) => tellPods(kubeconfig, waiting, told);
	await followRequests(kubeconfig, requests, { ...following, progress, failed, timedOut });
}

/** Deletes servers in Nova, which ends Heat's wait for an answer that they cannot give. */
async function deleteServers(leavers: readonly Leaver[]): Promise<void> {
	const present = leavers.filter(({ server }) => server !== '');
	if (present.length === 0) return;
	for (const { member, server } of present) say(`${member.name}: server is ${server}, deleting it`);
	try {
		await openstack(['server', 'delete', ...present.map(({ member }) => member.server)]);
	} catch (error) {
		if (!isAbsent(error)) throw error;
	}
}

/** More than half of the remaining masters must be Ready, or etcd loses its quorum. */
function needQuorum(stack: Stack, members: readonly Member[], nodes: readonly KubernetesNode[]): void {
	if (!members.some(runsControlPlane)) return;
	const going = new Set(members.map(({ name }) => name));
	const stay = membersOf(stack).filter((member) => runsControlPlane(member) && !going.has(member.name));
	const well = stay.filter(({ name }) => nodes.some((node) => node.name === name && node.ready));
	if (well.length * 2 > stay.length) return;
	const ill = stay.filter((master) => !well.includes(master)).map(({ name }) => name);
	throw new UserError(
		stay.length === 0
			? 'No master would remain.'
			: `${well.length} of the ${stay.length} remaining masters are Ready (not Ready: ${ill.join(', ')}): etcd would lose its quorum.`,
		{ hint: 'Nothing was changed. Repair these masters first, or replace them: kstack replace.' },
	);
}

/** The state of a node whose server is ACTIVE and whose kubelet does not report is unknown: only force removes it. */
function needAnswering(silent: readonly Leaver[], { force }: DrainOptions): void {
	if (silent.length === 0 || force) return;
	throw new UserError(
		`${names(silent)}: the server is ACTIVE, but the node does not respond, so it cannot be drained.`,
		{
			hint: 'Nothing was changed. Reboot it (openstack server reboot), or remove it with --force.',
		},
	);
}

/**
 * Prepares members for their removal by Heat: drains live nodes, removes dead ones from the cluster, and deletes the
 * servers of the latter. Without a kubeconfig the nodes drain themselves when Heat asks them to.
 *
 * @param stack    as it is before the update that removes them
 * @returns a function that cancels the drains, for when the update fails
 * @throws UserError when a node cannot be drained; all drains have then been cancelled
 */
export async function drainBeforeUpdate(
	stack: Stack,
	directory: StackDirectory,
	members: readonly Member[],
	how: DrainOptions,
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
	needQuorum(stack, members, nodes);
	const silent = leavers.filter((leaver) => !isDead(leaver) && leaver.node?.silent === true);
	needAnswering(silent, how);
	const living = leavers.filter((leaver) => !isDead(leaver) && !silent.includes(leaver) && leaver.node);
	const back = () => cancelDrain(kubeconfig, living, how);
	try {
		await request(kubeconfig, byName(living, 'drain', how), `draining (timeout ${how.drainTimeout} s)`, {
			isDone: (node) => answerOf(node, 'leave') === 'drained',
			...{ seconds: how.drainTimeout + patience, done: 'drained' },
		});
		await removeDead(kubeconfig, dead, silent, how);
	} catch (error) {
		await back();
		throw error;
	}
	return back;
}

/** Has the masters remove dead nodes from the cluster, and deletes their servers. */
async function removeDead(
	kubeconfig: string,
	dead: readonly Leaver[],
	silent: readonly Leaver[],
	how: DrainOptions,
): Promise<void> {
	// A server that may still run must be deleted before its pods are started on other nodes.
	await deleteServers(silent);
	const known = [...dead, ...silent].filter(({ node }) => node !== undefined);
	try {
		await request(kubeconfig, byName(known, 'dead', how), 'down, removing from the cluster', {
			...{ isDone: () => false, seconds: patience, done: 'removed' },
		});
	} catch (error) {
		await cancelDrain(kubeconfig, await stillThere(kubeconfig, known), how);
		throw error;
	}
	await deleteServers(dead);
}

async function stillThere(kubeconfig: string, leavers: readonly Leaver[]): Promise<Leaver[]> {
	const nodes = await listNodes(kubeconfig).catch(() => undefined);
	return leavers.filter(({ member }) => nodes?.some(({ name }) => name === member.name) ?? true);
}

/** Deletes the Node objects of removed members: Kubernetes does not delete them by itself. */
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
	const byHand = `kubectl delete node ${gone.join(' ')}`;
	const kubeconfig = await readKubeconfig(directory, before);
	if (kubeconfig === undefined) {
		say(
			`There is no ${directory.kubeconfig}; if Node objects of removed nodes remain, delete them: ${byHand}`,
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
		say(`${error.message} To delete the Node objects later: ${byHand}`);
	}
}
