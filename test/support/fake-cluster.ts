// A cluster as kstack-leave and kstack-leavers see it: Node objects, pods, etcd members, services of a node.
import { writeFile } from 'node:fs/promises';
import type { Answer, Program } from './fake-programs.ts';

export interface FakeNode {
	metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
	spec: { unschedulable?: boolean; taints: { key: string; effect: string }[] };
	status: { conditions: { type: string; status: string }[] };
}

export interface FakeMember {
	readonly id: string;
	readonly name: string;
	/** The host of its peer and client addresses; its name if there is none. */
	address?: string;
	healthy: boolean;
	learner: boolean;
}

const taints: Readonly<Record<string, readonly string[]>> = {
	master: ['node-role.kubernetes.io/master'],
	gateway: ['kstack.io/gateway'],
};

/** The label of a request that the API refuses to kubelets. */
export const restrictedLabel = 'kstack.node-restriction.kubernetes.io/leave';

/** The ID of a member in etcdctl's JSON; its commands take it as hexadecimal. */
const numberOf = (id: string) => 16 + Number(id.slice(2));
const isMember = (id: string, argument: string) => argument === id || argument === numberOf(id).toString(16);

const notFound = (name: string): Answer => ({
	code: 1,
	stderr: `Error from server (NotFound): nodes "${name}" not found\n`,
});

/** Applies a merge patch to an object: null removes a key. */
function merge(into: Record<string, unknown>, patch: Readonly<Record<string, unknown>>): void {
	for (const [key, value] of Object.entries(patch)) {
		if (value === null) delete into[key];
		else if (typeof value === 'object') {
			into[key] ??= {};
			merge(into[key] as Record<string, unknown>, value as Record<string, unknown>);
		} else into[key] = value;
	}
}

export class FakeCluster {
	readonly nodes = new Map<string, FakeNode>();
	readonly members: FakeMember[] = [];
	leader = '';
	/** Pods by node. */
	readonly pods = new Map<string, string[]>();
	readonly volumes = new Map<string, string>();
	readonly leases = new Map<string, string>();
	/** The changes, in order; reads are not recorded. */
	readonly done: string[] = [];
	/** Whether the API answers. */
	answers = true;
	/** Whether the tested master holds the API address. */
	holdsAddress = true;
	/** Called before each drain. */
	onDrain: (node: string, args: readonly string[]) => void = () => {};
	/** Pods that a disruption budget protects from eviction. */
	readonly protected = new Set<string>();

	add(name: string, more: { ready?: boolean; cordoned?: boolean } = {}): FakeNode {
		const role = /-(\w+)-\d+$/.exec(name)?.[1] as string;
		const node: FakeNode = {
			metadata: { name, labels: { 'kstack.io/role': role }, annotations: {} },
			spec: {
				...(more.cordoned ? { unschedulable: true } : {}),
				taints: (taints[role] ?? []).map((key) => ({ key, effect: 'NoSchedule' })),
			},
			status: { conditions: [{ type: 'Ready', status: more.ready === false ? 'Unknown' : 'True' }] },
		};
		this.nodes.set(name, node);
		if (role === 'master') {
			this.members.push({ id: `id${name.at(-1)}`, name, healthy: more.ready !== false, learner: false });
			this.leader ||= `id${name.at(-1)}`;
		}
		return node;
	}

	/** Sets a request: `leave` as kstack-leave does on the node itself, any other as kstack does. */
	ask(name: string, how: string, more: { timeout?: string; force?: boolean; byNode?: boolean } = {}): void {
		const { metadata } = this.nodes.get(name) as FakeNode;
		delete metadata.annotations['kstack.io/leave-state'];
		metadata.annotations['kstack.io/leave-timeout'] = more.timeout ?? '300';
		metadata.annotations['kstack.io/leave-force'] = String(more.force ?? false);
		metadata.labels['kstack.io/leave'] = how;
		if (!(more.byNode ?? how === 'leave')) metadata.labels[restrictedLabel] = how;
	}

	state(name: string): string | undefined {
		return this.nodes.get(name)?.metadata.annotations['kstack.io/leave-state'];
	}

	asked(name: string): string | undefined {
		const labels = this.nodes.get(name)?.metadata.labels;
		return labels?.[restrictedLabel] ?? labels?.['kstack.io/leave'];
	}

	kubectl: Program = (all) => {
		if (!this.answers) return { code: 1, stderr: 'Unable to connect to the server: timeout\n' };
		const args = all.filter(
			(arg) => !/^--(kubeconfig|request-timeout|server|certificate-authority|client-\w+)=/.test(arg),
		);
		const [verb, kind, name] = args as [string, string, string];
		if (verb === '--namespace') return this.#lease(args.slice(2));
		if (verb === 'drain') return this.#drain(kind, args);
		const node = this.nodes.get(name);
		switch (`${verb} ${kind}`) {
			case 'get nodes': {
				const chosen = [...this.nodes.values()].filter(
					({ metadata }) => !args.includes('--selector') || 'kstack.io/leave' in metadata.labels,
				);
				if (args.includes('json')) return { stdout: JSON.stringify({ items: chosen }) };
				return { stdout: chosen.map(({ metadata }) => `node/${metadata.name}\n`).join('') };
			}
			case 'get node':
				if (node !== undefined) return { stdout: JSON.stringify(node) };
				return args.includes('--ignore-not-found') ? {} : notFound(name);
			case 'patch node': {
				if (node === undefined) return notFound(name);
				const patch = JSON.parse(args[args.indexOf('-p') + 1] as string);
				merge(node as unknown as Record<string, unknown>, patch);
				this.done.push(`patch ${name} ${JSON.stringify(patch)}`);
				return { stdout: `node/${name}\n` };
			}
			case 'delete node':
				this.done.push(`delete node ${name}`);
				this.nodes.delete(name);
				return {};
			case 'get pods':
				return { stdout: JSON.stringify({ items: this.#podsOf(args).map(podObject) }) };
			case 'delete pods': {
				const at = this.#nodeOf(args);
				this.done.push(
					`delete pods of ${at}: ${args.filter((arg) => /^--(grace|force|wait)/.test(arg)).join(' ')}`,
				);
				this.pods.delete(at);
				return {};
			}
			case 'get volumeattachments': {
				const items = [...this.volumes].map(([volume, nodeName]) => ({
					metadata: { name: volume },
					spec: { nodeName },
				}));
				return { stdout: JSON.stringify({ items }) };
			}
		}
		throw new Error(`kubectl ${args.join(' ')}: not known`);
	};

	#nodeOf(args: readonly string[]): string {
		return (args.find((arg) => arg.startsWith('spec.nodeName=')) as string).slice('spec.nodeName='.length);
	}

	#podsOf(args: readonly string[]): string[] {
		return this.pods.get(this.#nodeOf(args)) ?? [];
	}

	#lease([verb, , name, ...rest]: readonly string[]): Answer {
		if (verb === 'get') return { stdout: this.leases.get(name as string) ?? '' };
		const { spec } = JSON.parse(rest[rest.indexOf('-p') + 1] as string);
		this.leases.set(name as string, spec.holderIdentity);
		this.done.push(`release ${name}`);
		return {};
	}

	#drain(node: string, args: readonly string[]): Answer {
		const evicts = !args.includes('--disable-eviction');
		this.done.push(evicts ? `drain ${node}` : `drain ${node} without eviction`);
		this.onDrain(node, args);
		const kept = (this.pods.get(node) ?? []).filter((pod) => evicts && this.protected.has(pod));
		this.pods.set(node, kept);
		if (kept.length === 0) return { stdout: `node/${node} drained\n` };
		const why = "Cannot evict pod as it would violate the pod's disruption budget.";
		const words = kept.map(
			(pod) => `error when evicting pods/"${pod}" -n "default" (will retry after 5s): ${why}\n`,
		);
		return { code: 1, stderr: `${words.join('')}error: unable to drain node "${node}"\n` };
	}

	etcdctl: Program = async (all) => {
		const at = (all.find((arg) => arg.startsWith('--endpoints=')) as string).slice('--endpoints='.length);
		const [verb, what, argument] = all.filter((arg) => !arg.startsWith('--')) as [string, string, string];
		const member = this.members.find(({ name }) => at === `https://${name}:2379`);
		switch (`${verb} ${what}`) {
			case 'member list':
				if (all.includes('--write-out=json')) return { stdout: JSON.stringify({ members: this.#listed() }) };
				return {
					stdout: this.members
						.map(
							({ id, name, learner, address = name }) =>
								`${id}, started, ${name}, https://${address}:2380, https://${address}:2379, ${learner}\n`,
						)
						.join(''),
				};
			case 'endpoint health':
				return { code: member?.healthy ? 0 : 1 };
			case 'endpoint status': {
				const Status = { header: { member_id: numberOf(member?.id ?? '') }, leader: numberOf(this.leader) };
				return { stdout: JSON.stringify([{ Endpoint: at, Status }]) };
			}
			case 'snapshot save':
				await writeFile(argument, 'snapshot');
				this.done.push('snapshot');
				return {};
			case 'member remove': {
				const index = this.members.findIndex(({ id }) => isMember(id, argument));
				const [removed] = this.members.splice(index, 1);
				this.done.push(`member remove ${removed?.id}`);
				return {};
			}
		}
		if (verb === 'move-leader') {
			this.leader = this.members.find(({ id }) => isMember(id, what))?.id ?? '';
			this.done.push(`move-leader ${this.leader}`);
			return {};
		}
		throw new Error(`etcdctl ${all.join(' ')}: not known`);
	};

	#listed() {
		return this.members.map(({ id, name, learner }) => ({
			...{ ID: numberOf(id), name, peerURLs: [`https://${name}:2380`], clientURLs: [`https://${name}:2379`] },
			...(learner ? { isLearner: true } : {}),
		}));
	}

	ip: Program = () => ({
		stdout: this.holdsAddress ? '2: ens3    inet 10.0.0.5/32 scope global ens3\n' : '',
	});
}

export const podObject = (name: string) => ({
	metadata: { name, namespace: 'default', ownerReferences: [{ kind: 'ReplicaSet' }] },
	status: { phase: 'Running' },
});

/** The services of one node. */
export class FakeServices {
	readonly active: Set<string>;
	readonly done: string[];

	constructor(active: readonly string[], done: string[]) {
		this.active = new Set(active);
		this.done = done;
	}

	systemctl: Program = (all) => {
		const args = all.filter((arg) => !arg.startsWith('-'));
		const [verb, ...units] = args as [string, ...string[]];
		if (verb === 'is-active') return { code: this.active.has(units[0] as string) ? 0 : 3 };
		if (verb === 'list-units') {
			const ours = [...this.active].filter((name) => name.startsWith('kstack-'));
			return { stdout: ours.map((name) => `${name} loaded active running words\n`).join('') };
		}
		for (const unit of units) {
			if (verb === 'start') this.active.add(unit);
			if (verb === 'stop' && !this.active.delete(unit)) continue;
			this.done.push(`${verb} ${unit}`);
		}
		return {};
	};
}
