import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask, attempt, type Ended, eventually, inNode, succeed } from './cloud.ts';

/** A member in the outputs of the stack. */
interface Member {
	readonly name: string;
	readonly address: string;
}

/** A cluster of a test file, and requests about it. */
export class OwnCluster {
	readonly name: string;
	/** The folder in which kstack runs; it contains the stack directory. */
	readonly folder: string;

	private constructor(name: string, folder: string) {
		this.name = name;
		this.folder = folder;
	}

	/** A name without a cluster; the cluster of an aborted run is deleted. */
	static async named(name: string): Promise<OwnCluster> {
		const cluster = new OwnCluster(name, await mkdtemp(path.join(tmpdir(), `kstack-${name}-`)));
		const { code, stdout, stderr } = await cluster.kstack(`delete ${name} --yes`);
		if (code !== 0 && !stderr.includes(`no cluster "${name}"`))
			throw new Error(`The cluster of an aborted run cannot be deleted:\n${stdout}\n${stderr}`);
		return cluster;
	}

	/** Deletes the cluster; returns the output if that fails. */
	async end(): Promise<string> {
		const { code, stdout, stderr } = await this.kstack(`delete ${this.name} --yes`);
		await rm(this.folder, { recursive: true, force: true });
		return code === 0 ? '' : `${stdout}${stderr}`;
	}

	get kubeconfig(): string {
		return path.join(this.folder, this.name, 'kubeconfig');
	}

	kstack = (commandLine: string): Promise<Ended> => attempt('kstack', commandLine.split(' '), this.folder);

	/** Runs kstack, which must succeed, and returns its output. */
	async done(commandLine: string): Promise<string> {
		const { code, stdout, stderr } = await this.kstack(commandLine);
		if (code !== 0) throw new Error(`kstack ${commandLine}: exit ${code}\n${stdout}\n${stderr}`);
		return stdout + stderr;
	}

	kubectl = (...args: string[]): Promise<string> =>
		succeed('kubectl', ['--kubeconfig', this.kubeconfig, ...args], this.folder);

	async output<Value>(name: string): Promise<Value> {
		const { output_value } = await ask<{ output_value: Value }>('stack', 'output', 'show', this.name, name);
		return output_value;
	}

	/** The members of a role, sorted by name. */
	async members(role: 'master' | 'minion' | 'gateway'): Promise<Member[]> {
		const members = await this.output<Member[]>(`${role}s`);
		return members.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
	}

	async names(role: 'master' | 'minion' | 'gateway'): Promise<string[]> {
		return (await this.members(role)).map(({ name }) => name);
	}

	/** Whether each node is Ready, by name. */
	async nodes(): Promise<Record<string, boolean>> {
		const text = await this.kubectl('get', 'nodes', '--no-headers', '--request-timeout=5s');
		const lines = text.trim().split('\n');
		return Object.fromEntries(
			lines.map((line) => line.split(/\s+/)).map(([name, state]) => [name, /^Ready/.test(state ?? '')]),
		);
	}

	/** The IDs of all servers, by name: they must change only on request. */
	async servers(): Promise<Record<string, string>> {
		const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', `^${this.name}-`);
		return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
	}

	/** Waits until Heat has finished the update of an interrupted kstack. */
	idle = (): Promise<void> =>
		eventually(300, async () => {
			const { stack_status } = await ask<{ stack_status: string }>('stack', 'show', this.name);
			if (stack_status.endsWith('_IN_PROGRESS')) throw new Error(`${this.name} is ${stack_status}`);
		});

	/** The etcd members, each "NAME STATE LEARNER", from one of the masters; fails unless all are healthy. */
	async etcdMembers(): Promise<string[]> {
		const [master] = await this.names('master');
		const pki = '/etc/kubernetes/pki';
		const etcdctl = (...words: string[]) =>
			inNode(
				master as string,
				...['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints=https://127.0.0.1:2379'],
				...[`--cacert=${pki}/etcd-ca.crt`, `--cert=${pki}/apiserver-etcd-client.crt`],
				...[`--key=${pki}/apiserver-etcd-client.key`, ...words],
			);
		const list = await etcdctl('member', 'list');
		const health = await etcdctl('endpoint', 'health', '--cluster');
		if (list.code !== 0 || health.code !== 0) throw new Error(`${list.stderr}\n${health.stderr}`);
		return list.stdout
			.trim()
			.split('\n')
			.map((line) => line.split(', '))
			.map(([, state, name, , , learner]) => `${name} ${state} ${learner}`)
			.sort();
	}

	/** The value of {@link etcdMembers} if its members are exactly the masters. */
	async mastersAsEtcdMembers(): Promise<string[]> {
		return (await this.names('master')).map((name) => `${name} started false`).sort();
	}

	/** The master that holds the API address. */
	async holder(): Promise<string> {
		const [port] = await ask<{ 'Fixed IP Addresses': { ip_address: string }[] }[]>(
			...['port', 'list', '--name', `${this.name}-api`],
		);
		const address = port?.['Fixed IP Addresses'][0]?.ip_address as string;
		for (const name of await this.names('master')) {
			if ((await inNode(name, 'ip', '-o', 'addr', 'show', 'to', address)).stdout !== '') return name;
		}
		throw new Error(`no master holds ${address}`);
	}
}
