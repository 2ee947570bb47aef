import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { imageContract } from '../../src/base/contract.ts';
import { readTree, sorted, type Tree } from '../../src/base/tree.ts';
import { readCluster } from '../../src/cluster/spec/config.ts';
import { type ImageSupport, supportsMemberTokens } from '../../src/cluster/spec/contracts.ts';
import { type Role, roles } from '../../src/cluster/spec/roles.ts';
import { temporaryFolder } from './folders.ts';
import { kstack } from './processes.ts';

/** Arguments of `kstack render` in tests: each kind of cluster at least once. */
export const cases: Readonly<Record<string, readonly string[]>> = {
	/** A network of its own; the API has only its fixed address. */
	'own-network': ['--network-driver', 'routed'],
	/** All settings, on an existing network. */
	'existing-network': [
		...['--network-driver', 'flannel', '--flannel-backend', 'host-gw', '--minions', '3', '--gateways', '2'],
		...['--fixed-network', 'lan', '--fixed-subnet', 'lan-v4', '--external-network', 'public'],
		...['--image', 'debian12-x64-kubernetes', '--master-flavor', 'm1.large', '--key-name', 'ops'],
		...['--minion-availability-zone', 'nova', '--ssh-allowed-cidr', '192.0.2.0/24'],
		...['--pod-cidr', '172.20.0.0/16', '--service-cidr', '172.30.0.0/20', '--pod-subnet-length', '26'],
		...[
			'--cluster-domain',
			'example.internal',
			'--boot-timeout',
			'1800',
			'--api-allowed-cidr',
			'192.0.2.0/24',
		],
		...['--http-proxy', "http://proxy:3128/it's%2050%25", '--https-proxy', 'http://proxy:3128'],
		...['--no-proxy', '.internal,10.0.0.0/8'],
		...['--ntp-server', '192.0.2.7', '--ntp-server', 'ntp.example.com'],
	],
};

/** A stack directory and its files. */
export interface Rendered {
	readonly directory: string;
	readonly tree: Tree;
}

/** A stack directory as `kstack render demo` writes it. */
export async function render(t: ExecutionContext<unknown>, args: readonly string[]): Promise<Rendered> {
	const folder = await temporaryFolder();
	const ended = await kstack(['render', 'demo', ...args], { cwd: folder });
	t.deepEqual(ended, { code: 0, stdout: 'demo\n', stderr: '' });
	const directory = path.join(folder, 'demo');
	return { directory, tree: await readTree(directory) };
}

const done = new Map<string, Promise<Rendered>>();

/** The same, rendered once, for tests that only read it. */
export function rendered(t: ExecutionContext<unknown>, args: readonly string[]): Promise<Rendered> {
	const key = args.join('\0');
	const found = done.get(key) ?? render(t, args);
	done.set(key, found);
	return found;
}

/** A cluster with default settings except `flags`, for tests that need no files. */
export const clusterOf = (flags: Readonly<Record<string, string>> = {}) =>
	readCluster('demo', { networkDriver: 'routed', ...flags }, undefined);

interface CloudConfig {
	write_files: { path: string; permissions: string; content: string }[];
}

/** The files that user-data puts on a node. */
export function nodeFiles(userData: string): Tree {
	const { write_files } = load(userData) as CloudConfig;
	return sorted(
		write_files.map(({ path: target, permissions, content }) => ({
			path: target.slice(1),
			mode: Number.parseInt(permissions, 8),
			text: content,
		})),
	);
}

/** The file with the user-data of a role, in a stack directory. */
export const userDataFile = (directory: string, role: Role) =>
	path.join(directory, 'heat/user-data', `${role}-contract-${imageContract}.yaml`);

/** The user-data of each role, of a stack directory. */
export async function userDataOf(directory: string): Promise<Record<Role, string>> {
	const texts = roles.map(async (role) => {
		return [role, await readFile(userDataFile(directory, role), 'utf8')] as const;
	});
	return Object.fromEntries(await Promise.all(texts)) as Record<Role, string>;
}

/** What images of one contract support, for all pools. */
export const ofContract = (contract: number): ImageSupport => ({
	contractOf: () => contract,
	memberTokens: supportsMemberTokens(contract),
});
