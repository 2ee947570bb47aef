import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { indent, type Locals, render } from '../../base/template.ts';
import { address, type Network, parseNetwork } from '../spec/cidr.ts';
import type { Settings } from '../spec/config.ts';
import type { Role } from '../spec/roles.ts';

/** Only what tolerates it runs there; minions take everything. */
const taints: Readonly<Record<Role, string>> = {
	master: 'node-role.kubernetes.io/master=:NoSchedule',
	minion: '',
	gateway: 'kstack.io/gateway=:NoSchedule',
};

/**
 * Keeps pods away from a new node of a pool with taints until a master has set them: the node does not choose its
 * labels and taints itself. The masters' kstack-nodes removes it.
 */
const pendingTaint = 'kstack.io/pending=:NoSchedule';

/**
 * Nova takes 65,535 bytes of base64; below that stays room for the parts that Heat adds (about 6,000 bytes) and
 * for what it puts in place of its tokens.
 */
export const userDataLimit = 56_000;

const folder = path.join(packageRoot, 'cloud-init');

/** The body of a file of the node, from `cloud-init/files`, rendered if it is a template. */
function body(target: string, locals: Locals): string {
	const source = path.join(folder, 'files', target);
	return existsSync(source) ? readFileSync(source, 'utf8') : render(`${source}.ejs`, locals);
}

function writeFile(target: string, mode: string, locals: Locals): string {
	const content = indent(6, body(target, locals));
	return `  - path: ${target}\n    permissions: '${mode}'\n    content: |\n${content}`;
}

/** Addresses in the Services' range that are taken by convention: the API's, and the cluster's DNS. */
export function serviceAddresses(serviceCidr: string): { serviceAddress: string; clusterDns: string } {
	const network = parseNetwork(serviceCidr) as Network;
	return { serviceAddress: address(network, 1), clusterDns: address(network, 10) };
}

/**
 * The user-data of a role: cloud-config with `@@TOKENS@@` for what only Heat knows. The same for every
 * member of the pool, whatever their number.
 *
 * @param pending  whether the pool has taints, which the masters set after a node has joined
 * @throws UserError when it is too big for Nova, naming the biggest files
 */
export function renderUserData(
	role: Role,
	cluster: { readonly settings: Settings },
	pending = false,
): string {
	const locals: Locals = {
		...cluster.settings,
		...serviceAddresses(String(cluster.settings.serviceCidr)),
		role,
		taints: [taints[role], pending ? pendingTaint : ''].filter(Boolean).join(','),
	};
	const sizes = new Map<string, number>();
	const file = (target: string, mode: string) => {
		const text = writeFile(target, mode, locals);
		sizes.set(target, Buffer.byteLength(text));
		return text;
	};
	const text = render(path.join(folder, `${role}.yaml.ejs`), { ...locals, file });
	const bytes = Math.ceil(Buffer.byteLength(text) / 3) * 4;
	if (bytes > userDataLimit) {
		const biggest = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 3);
		throw new UserError(
			`The user-data of a ${role} is ${bytes} bytes in base64; Nova takes 65535, and ${userDataLimit} is our limit.`,
			{ hint: `Biggest: ${biggest.map(([name, size]) => `${name} (${size} bytes)`).join(', ')}.` },
		);
	}
	return text;
}
