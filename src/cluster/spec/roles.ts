import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { refuse, UserError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package.ts';
import { similar } from '../../base/similar.ts';
import { type DefaultPool, roleNameForm } from './role-file.ts';
import { type RoleFolder, readRoleFolder } from './role-folder.ts';

/** The name of a role: that of its folder. */
export type Role = string;

/** A role, as read from its folder. */
export interface RoleDefinition extends RoleFolder {
	/** The name of the folder, such as `minion`. */
	readonly name: Role;
}

/** Role definitions by name. */
export type Roles = Readonly<Record<Role, RoleDefinition>>;

/** A role with a default pool. */
export interface DefaultRole extends RoleDefinition {
	readonly defaultPool: DefaultPool;
}

function readRoles(folder: string, packaged: boolean, taken: Roles, mistakes: string[]): Roles {
	const names = readdirSync(folder).filter(
		(name) => !name.startsWith('.') && statSync(path.join(folder, name)).isDirectory(),
	);
	const found = names.map((name): RoleDefinition => {
		const roleFolder = path.join(folder, name);
		if (roleNameForm.read(name) === undefined)
			mistakes.push(`${roleFolder}: the name of a role must be ${roleNameForm.description}.`);
		if (Object.hasOwn(taken, name))
			mistakes.push(`${roleFolder}: kstack has a role ${name}: use another name.`);
		return { ...readRoleFolder(roleFolder, packaged, mistakes), name };
	});
	return Object.fromEntries(found.map((definition) => [definition.name, definition]));
}

/** The roles of kstack. */
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

/** Whether the members of a role run etcd and the API server, which only roles of kstack can. */
export const runsControlPlane = ({ role }: { readonly role: Role }): boolean =>
	packagedRoles[role]?.controlPlane === true;

/**
 * The roles of kstack and those in a folder.
 *
 * @param folder    contains a folder for each role; need not exist
 * @param mistakes  receives the mistakes; without it, they are thrown
 * @throws UserError exit code 2, with all mistakes
 */
export function rolesWith(folder: string, mistakes?: string[]): Roles {
	if (!existsSync(folder)) return packagedRoles;
	const found: string[] = [];
	const own = readRoles(folder, false, packagedRoles, mistakes ?? found);
	refuse(found, undefined, 'invalid-role');
	// A role of kstack keeps its name, also if the mistake is only reported later.
	return { ...packagedRoles, ...own, ...packagedRoles };
}

/** @throws UserError `unknown-role` when there is no such role */
export function requireRole(all: Roles, role: Role): RoleDefinition {
	const found = all[role];
	if (found !== undefined) return found;
	throw new UserError(`There is no role ${role}. Available: ${Object.keys(all).join(', ')}.`, {
		code: 'unknown-role',
		hint: `Put the folder of the role at roles/${role} in the stack directory; see docs/roles.md.`,
	});
}

/** The end of the message for an unknown role. */
export function knownRoles(role: unknown, known: readonly Role[]): string {
	const suggestion = typeof role === 'string' ? similar(role, known) : undefined;
	return `must be one of ${known.join(', ')}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`;
}
