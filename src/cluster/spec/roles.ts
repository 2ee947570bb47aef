import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { refuse, UserError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { similar } from '../../base/similar.ts';
import { type DefaultPool, roleNameForm } from './role-file.ts';
import { type RoleFolder, readRoleFolder } from './role-folder.ts';

/** What a node is for: the name of a folder of roles. */
export type Role = string;

/** A role as its folder describes it. */
export interface RoleDefinition extends RoleFolder {
	/** The name of the folder, such as `minion`. */
	readonly name: Role;
}

/** Definitions by the names of the roles. */
export type Roles = Readonly<Record<Role, RoleDefinition>>;

/** A role that has a pool in every cluster. */
export interface DefaultRole extends RoleDefinition {
	readonly defaultPool: DefaultPool;
}

function readRoles(folder: string, packaged: boolean, taken: Roles, mistakes: string[]): Roles {
	const names = readdirSync(folder).filter(
		(name) => !name.startsWith('.') && statSync(path.join(folder, name)).isDirectory(),
	);
	const found = names.map((name): RoleDefinition => {
		const place = path.join(folder, name);
		if (roleNameForm.read(name) === undefined)
			mistakes.push(`${place}: the name of a role must be ${roleNameForm.words}.`);
		if (Object.hasOwn(taken, name)) mistakes.push(`${place}: kstack has a role ${name}: use another name.`);
		return { ...readRoleFolder(place, packaged, mistakes), name };
	});
	return Object.fromEntries(found.map((definition) => [definition.name, definition]));
}

/** The roles that come with kstack. */
export const packagedRoles: Roles = (() => {
	const mistakes: string[] = [];
	const found = readRoles(path.join(packageRoot, 'roles'), true, {}, mistakes);
	refuse(mistakes, undefined, 'invalid-role');
	return found;
})();

/** The roles with a default pool, in the order of these pools. */
export const defaultRoles: readonly DefaultRole[] = Object.values(packagedRoles)
	.filter((role): role is DefaultRole => role.defaultPool !== undefined)
	.sort((one, other) => one.defaultPool.position - other.defaultPool.position);

/** The names of the roles with a default pool, in the order of these pools. */
export const roles: readonly Role[] = defaultRoles.map(({ name }) => name);

/** Whether the members of a role run etcd and the API server. Such a role comes with kstack. */
export const runsControlPlane = ({ role }: { readonly role: Role }): boolean =>
	packagedRoles[role]?.controlPlane === true;

/**
 * The roles of kstack and those in a folder.
 *
 * @param folder    has a folder for each role; need not exist
 * @param mistakes  gets a sentence for each mistake; without it, they are thrown
 * @throws UserError exit code 2, with every mistake in them
 */
export function rolesWith(folder: string, mistakes?: string[]): Roles {
	if (!existsSync(folder)) return packagedRoles;
	const found: string[] = [];
	const own = readRoles(folder, false, packagedRoles, mistakes ?? found);
	refuse(found, undefined, 'invalid-role');
	// A role of kstack keeps its name, also where the mistake is only told later.
	return { ...packagedRoles, ...own, ...packagedRoles };
}

/** @throws UserError `unknown-role` when there is no such role */
export function requireRole(all: Roles, role: Role): RoleDefinition {
	const found = all[role];
	if (found !== undefined) return found;
	throw new UserError(`There is no role ${role}; there are ${Object.keys(all).join(', ')}.`, {
		code: 'unknown-role',
		hint: `Put the folder of the role at roles/${role} in the stack directory; see docs/roles.md.`,
	});
}

/** The end of a sentence about a role that is not there. */
export function knownRoles(role: unknown, known: readonly Role[]): string {
	const meant = typeof role === 'string' ? similar(role, known) : undefined;
	return `must be one of ${known.join(', ')}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}
