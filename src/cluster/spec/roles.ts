import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CORE_SCHEMA, load } from 'js-yaml';
import { packageRoot } from '../../base/package.ts';

/** What a node is for. */
export type Role = 'master' | 'minion' | 'gateway';

/** A role as `roles/NAME/role.yaml` describes it. */
export interface RoleDefinition {
	/** The name of the folder, such as `minion`. */
	readonly name: Role;
	/** The default pool of the role, such as `minions`. */
	readonly plural: string;
	/** Taints that nodes register with, as kubelet's `--register-with-taints` takes them: `KEY=VALUE:EFFECT`. */
	readonly taints: readonly string[];
	/** What a flavor must have: megabytes of memory, virtual CPUs. */
	readonly minimum: { readonly memory: number; readonly cpus: number };
	/** Place among the roles in an upgrade; the reverse order is used when the version goes down. */
	readonly upgradeOrder: number;
}

const folder = path.join(packageRoot, 'roles');

function read(name: string): RoleDefinition {
	const text = readFileSync(path.join(folder, name, 'role.yaml'), 'utf8');
	return { ...(load(text, { schema: CORE_SCHEMA }) as Omit<RoleDefinition, 'name'>), name: name as Role };
}

const definitions: readonly RoleDefinition[] = readdirSync(folder)
	.map(read)
	.sort((one, other) => one.upgradeOrder - other.upgradeOrder);

/** The names of all roles, in the order of an upgrade. */
export const roles: readonly Role[] = definitions.map(({ name }) => name);

/** The definitions of all roles, by name. */
export const roleDefinitions = Object.fromEntries(
	definitions.map((definition) => [definition.name, definition]),
) as Readonly<Record<Role, RoleDefinition>>;
