import path from 'node:path';
import { packageRoot } from '../../src/base/package.ts';
import { readTree, type Tree, writeTree } from '../../src/base/tree.ts';
import type { Role } from '../../src/cluster/spec/roles.ts';
import { temporaryFolder } from './folders.ts';

/** The paths of a node's files, so that a test can put the whole node into a folder of its own. */
const places =
	/(?<![\w.}/-])\/(?=(etc\/(kstack|kubernetes|cni|keepalived|chrony|sysctl\.d|systemd|resolv\.conf)|usr\/local\/lib\/kstack|usr\/share\/kstack|var\/(lib|log)|run\/kstack|sys\/class)\b)/g;

/** `text` with every path of the node moved below `root`. */
export const relocate = (text: string, root: string) => text.replace(places, `${root}/`);

/** Writes the files of a node below `root`, which its scripts use in place of `/`. */
export async function writeNode(root: string, files: Tree): Promise<void> {
	await writeTree(
		root,
		files.map((file) => ({ ...file, text: relocate(file.text, root) })),
	);
}

/** The files that the element kubernetes-services puts into the image. */
export const imageFiles = () => readTree(path.join(packageRoot, 'elements/kubernetes-services/static'));

/** A folder of its own with the programs of the image. */
export async function programsOfImage(): Promise<string> {
	const root = await temporaryFolder();
	await writeNode(root, await imageFiles());
	return root;
}

/** The values with which Heat replaces the placeholders in user-data. */
export const tokens: Readonly<Record<string, string>> = {
	NODE_IP: '10.0.0.11',
	API_ADDRESS: '10.0.0.5',
	API_PUBLIC_ADDRESS: '192.0.2.5',
	POD_CIDR: '10.244.0.0/16',
	JOIN_TOKEN: 'kstack:demo:minion:10.0.0.11:0123456789abcdef',
	JOIN_SEED: 'abcdef.0123456789abcdef',
	MASTER_TOKEN: 'master.fedcba9876543210',
	BOOT_TIMEOUT: '1200',
	GATEWAY_ADDRESS: '10.0.0.6',
	GATEWAY_PUBLIC_ADDRESS: '192.0.2.6',
	READY_ENDPOINT: 'http://127.0.0.1:9/ready',
	READY_TOKEN: 'ready-token',
	CERTIFICATES_ENDPOINT: 'http://127.0.0.1:9/certificates',
	CERTIFICATES_TOKEN: 'certificates-token',
	MASTER_INDEX: '0',
	CLUSTER_STATE: 'new',
	OPERATOR_REQUEST: '',
	CERTIFICATES: '{}',
};

/** User-data as a node of the role gets it from Heat; `more` overrides the standard values. */
export function filledIn(role: Role, userData: string, more: Readonly<Record<string, string>> = {}): string {
	const values: Record<string, string> = { NODE_NAME: `demo-${role}-0`, ...tokens, ...more };
	return userData.replace(/@@([A-Z_]+)@@/g, (token, name: string) => values[name] ?? token);
}
