import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask, attempt, type Ended, eventually, inNode, succeed } from './cloud.ts';

/** A machine as the stack's outputs tell of it. */
interface Member {
	readonly name: string;
	readonly address: string;
}

/** A cluster that a test file makes for itself, and how it is looked at. */
export class OwnCluster {
	readonly name: string;
	/** Where kstack is run; the stack directory is in it. */
	readonly folder: string;

	private constructor(name: string, folder: string) {
		this.name = name;
		this.folder = folder;
	}

	/** A name without a cluster; one of a run that was killed is deleted. */
	static async named(name: string): Promise<OwnCluster> {
		const cluster = new OwnCluster(name, await mkdtemp(path.join(tmpdir(), `kstack-${name}-`)));
		await cluster.kstack(`delete ${name} --yes`);
		return cluster;
	}

	/** Deletes the cluster, and says what was said if that failed. */
	async end(): Promise<string> {
		const { code, stdout, stderr } = await this.kstack(`delete ${this.name} --yes`);
		await rm(this.folder, { recursive: true, force: true });
		return code === 0 ? '' : `${stdout}${stderr}`;
	}

	get kubeconfig(): string {
		return path.join(this.folder, this.name, 'kubeconfig');
	}

	kstack = (words: string): Promise<Ended> => attempt('kstack', words.split(' '), this.folder);

	/** kstack that is to succeed; its words are told when it does not. */
	async done(words: string): Promise<string> {
		const { code, stdout, stderr } = await this.kstack(words);
		if (code !== 0) throw new Error(`kstack ${words}: exit ${code}\n${stdout}\n${stderr}`);
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

	/** Nodes by whether they are Ready. */
	async nodes(): Promise<Record<string, boolean>> {
		const text = await this.kubectl('get', 'nodes', '--no-headers', '--request-timeout=5s');
		const lines = text.trim().split('\n');
		return Object.fromEntries(
			lines.map((line) => line.split(/\s+/)).map(([name, state]) => [name, /^Ready/.test(state ?? '')]),
		);
	}

	/** The IDs of all servers, by name: what must not change unasked. */
	async servers(): Promise<Record<string, string>> {
		const found = await ask<{ ID: string; Name: string }[]>('server', 'list', '--name', `^${this.name}-`);
		return Object.fromEntries(found.map(({ ID, Name }) => [Name, ID]));
	}

	/** Until Heat has done what an interrupted kstack asked of it. */
	idle = (): Promise<void> =>
		eventually(300, async () => {
			const { stack_status } = await ask<{ stack_status: string }>('stack', 'show', this.name);
			if (stack_status.endsWith('_IN_PROGRESS')) throw new Error(`${this.name} is ${stack_status}`);
		});

	/** etcd's members as one of the masters knows them, each "NAME STATE LEARNER"; all are healthy. */
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

	/** What {@link etcdMembers} says when the masters are its members, and nobody else. */
	async mastersAsEtcdMembers(): Promise<string[]> {
		return (await this.names('master')).map((name) => `${name} started false`).sort();
	}

	/** The master that holds the API's address. */
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
