import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { imageContract } from '../../base/contract.ts';
import { UserError, usageError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { indent, type Locals, render, yaml } from '../../base/template.ts';
import type { TreeFile } from '../../base/tree.ts';
import { address, type Network, parseNetwork } from '../spec/cidr.ts';
import type { Settings } from '../spec/config.ts';
import { registeredTaint } from '../spec/node-marks.ts';
import { packagedRoles, type Role, type RoleDefinition, type Roles, requireRole } from '../spec/roles.ts';
import { defaultsOf, formerValues, settings } from '../spec/settings.ts';

/**
 * Keeps pods away from a new node that is to have taints until a master has set them: the node does not choose its
 * labels and taints itself. The masters' kstack-nodes removes it.
 */
const pendingTaint = 'kstack.io/pending:NoSchedule';

/**
 * Nova allows 65,535 bytes of base64. The difference is for the parts that Heat adds (about 6,000 bytes), and for the
 * values that replace tokens.
 */
export const userDataLimit = 56_000;

/** The folder with the user-data templates of a contract; later contracts than 0 differ in single lines. */
const folderOf = (contract: number) =>
	path.join(packageRoot, 'cloud-init', ...(contract === 0 ? ['contract-0'] : []));

/** The content of a file on the node, from `files` in a contract's folder, rendered if it is a template. */
function body(folder: string, target: string, locals: Locals): string {
	const source = path.join(folder, 'files', target);
	return existsSync(source) ? readFileSync(source, 'utf8') : render(`${source}.ejs`, locals);
}

function writeFile(folder: string, target: string, mode: string, locals: Locals): string {
	const content = indent(6, body(folder, target, locals));
	return `  - path: ${target}\n    permissions: '${mode}'\n    content: |\n${content}`;
}

/**
 * A path in YAML. Quoted only if necessary: any other user-data would replace the servers of existing clusters.
 */
const pathText = (target: string) => (/: |:$| #|\s$|\p{Cc}/u.test(target) ? yaml(target) : target);

/** A file of a role, as one quoted string, which preserves every byte. */
function roleFile({ path: target, mode, text }: TreeFile): string {
	return `  - path: ${pathText(`/${target}`)}\n    permissions: '0${mode.toString(8)}'\n    content: ${yaml(text)}`;
}

/** The template of a role's user-data: the same for all roles, except with images of contract 0. */
function templateFor({ name }: RoleDefinition, contract: number): string {
	const candidates = ['member', name].map((base) => path.join(folderOf(contract), `${base}.yaml.ejs`));
	const template = candidates.find(existsSync);
	if (template !== undefined) return template;
	throw usageError(
		`The image of nodes with the role ${name} has contract ${contract}, which does not support this role.`,
		'Build a new image with this release of kimg.',
		'image-without-role',
	);
}

/** Addresses in the Service range that are reserved by convention: for the API and for the cluster's DNS. */
export function serviceAddresses(serviceCidr: string): { serviceAddress: string; clusterDns: string } {
	const network = parseNetwork(serviceCidr) as Network;
	return { serviceAddress: address(network, 1), clusterDns: address(network, 10) };
}

export interface UserDataOptions {
	/** Whether the pool has taints, which the masters set after a node has joined. */
	readonly pending?: boolean;
	/** Whether the masters also set the taints of the role. Otherwise, nodes register with them. */
	readonly roleTaints?: boolean;
	/** Whether each member has a join token of its own; masters then get the seed of the tokens. */
	readonly memberTokens?: boolean;
}

/**
 * The user-data of a role: cloud-config with `@@TOKENS@@` for values that only Heat knows. It is the same for every
 * member of the pool.
 *
 * @param contract  of the image of the members
 * @throws UserError when it is too large for Nova, with the largest files
 */
export function renderUserData(
	role: Role,
	cluster: { readonly settings: Settings; readonly roles?: Roles },
	contract = imageContract,
	{ pending = false, roleTaints = contract > 1, memberTokens = contract > 1 }: UserDataOptions = {},
): string {
	const folder = folderOf(contract);
	const definition = requireRole(cluster.roles ?? packagedRoles, role);
	const { taints, controlPlane, gatewayAddress, userDataFiles } = definition;
	const waits = pending || (roleTaints && taints.length > 0);
	const registered = [...(roleTaints ? [] : taints), ...(waits ? [pendingTaint] : [])];
	const locals: Locals = {
		// The cluster may be of a release that did not have a setting.
		...defaultsOf(settings),
		...formerValues,
		...cluster.settings,
		...serviceAddresses(String(cluster.settings.serviceCidr)),
		role,
		taints: registered.map(registeredTaint).join(','),
	};
	const sizes = new Map<string, number>();
	const file = (target: string, mode: string) => {
		const text = writeFile(folder, target, mode, locals);
		sizes.set(target, Buffer.byteLength(text));
		return text;
	};
	const ofRole = (one: TreeFile) => {
		const text = roleFile(one);
		sizes.set(`/${one.path}`, Buffer.byteLength(text));
		return text;
	};
	const article = /^[aeiou]/.test(role) ? 'An' : 'A';
	const terms = {
		...locals,
		article,
		memberTokens,
		controlPlane,
		gatewayAddress,
		userDataFiles,
		file,
		ofRole,
	};
	const text = render(templateFor(definition, contract), terms);
	const bytes = Math.ceil(Buffer.byteLength(text) / 3) * 4;
	if (bytes > userDataLimit) {
		const biggest = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 3);
		throw new UserError(
			`The user-data of a ${role} is ${bytes} bytes in base64: kstack allows ${userDataLimit} (Nova's limit is 65535).`,
			{ hint: `Largest files: ${biggest.map(([name, size]) => `${name} (${size} bytes)`).join(', ')}.` },
		);
	}
	return text;
}
