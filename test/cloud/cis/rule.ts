/** A file or folder of a node. */
export interface File {
	/** Permission bits, such as 0o600. */
	readonly mode: number;
	/** Owner and group, such as `root:root`. */
	readonly owner: string;
}

/** What is known of one node. */
export interface Node {
	readonly files: Readonly<Record<string, File>>;
	/** The arguments of each program that runs, by its name. */
	readonly programs: Readonly<Record<string, readonly string[]>>;
	/** The environment of etcd; empty where it does not run. */
	readonly etcd: Readonly<Record<string, string>>;
	/** The configuration of the kubelet, from its file. */
	readonly kubelet: Readonly<Record<string, unknown>>;
	/** The encryption providers of Secrets, in order. */
	readonly encryption: readonly string[];
	/** The levels and resources of the audit policy, as text. */
	readonly audit: string;
}

/** A subject to which the API gives a right, such as `User kstack:pki` or `ServiceAccount kube-system/coredns`. */
export type Subject = string;

/** What is known of the cluster. */
export interface Cluster {
	/** The minor version of Kubernetes 1. */
	readonly minor: number;
	/** The network driver. */
	readonly network: string;
	/** Who may do something in all namespaces, or in kube-system, apart from the cluster's own components. */
	holders(right: Right): readonly Subject[];
	/** Roles of all kinds with a rule for everything, apart from those of Kubernetes. */
	readonly wildcardRoles: readonly string[];
	/** Pods that use the service account `default` of kube-system. */
	readonly defaultAccounts: readonly string[];
	/** Whether the API refuses a pod with this change of its spec in a new namespace. */
	readonly refused: readonly string[];
}

export interface Right {
	readonly group?: string;
	readonly resource: string;
	readonly verb: string;
}

/** A rule of the benchmark. It has a check, an exception, or both where the exception is for some clusters only. */
export interface Rule {
	/** Its number in the CIS Kubernetes Benchmark 1.12. */
	readonly number: string;
	/** What it asks for, in words of this project. */
	readonly title: string;
	/** The nodes that it is for; `cluster` is for what the API knows. */
	readonly on: 'masters' | 'nodes' | 'cluster';
	/** Returns what is wrong, a sentence each. */
	readonly check?: (node: Node, cluster: Cluster) => readonly string[];
	/** Why the rule is not followed; none if it is to be checked. */
	readonly exception?: (cluster: Cluster) => string | undefined;
}

export interface Result {
	readonly number: string;
	readonly title: string;
	readonly result: 'passed' | 'exception' | 'failed';
	/** Why. */
	readonly reason: string;
}

/** The result of a rule on the nodes that it is for. */
export function judge(
	rule: Rule,
	nodes: Readonly<Record<string, Node>>,
	masters: ReadonlySet<string>,
	cluster: Cluster,
): Result {
	const { number, title, on, check, exception } = rule;
	const reason = exception?.(cluster);
	if (reason !== undefined) return { number, title, result: 'exception', reason };
	if (check === undefined) return { number, title, result: 'failed', reason: 'has no check' };
	const chosen = Object.entries(nodes).filter(([name]) => (on === 'nodes' ? true : masters.has(name)));
	const wrong =
		chosen.length === 0
			? ['no node to check']
			: chosen
					.slice(0, on === 'cluster' ? 1 : undefined)
					.flatMap(([name, node]) =>
						check(node, cluster).map((one) => (on === 'cluster' ? one : `${name}: ${one}`)),
					);
	return { number, title, result: wrong.length === 0 ? 'passed' : 'failed', reason: wrong.join('; ') };
}
