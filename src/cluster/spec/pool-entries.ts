import { cut, type Form, printable } from '../../base/forms.ts';
import { similar } from '../../base/similar.ts';
import { readLabels, readTaints, taintIdentity, taintPattern } from './node-marks.ts';
import { defaultPools, type PoolRecord } from './pools.ts';
import { reservedWords, standardRole } from './role-file.ts';
import { knownRoles, type Role, type RoleDefinition, type Roles } from './roles.ts';

/** An entry of `pools` in cluster.yaml. */
export interface PoolEntry extends PoolRecord {
	readonly name: string;
	readonly count: number;
}

const keys = ['name', 'role', 'count', 'flavor', 'image', 'availabilityZone', 'labels', 'taints'];
/** The roles for pools. Masters are one etcd cluster, so they have only one pool. */
const poolRoles = (roles: Roles): Role[] =>
	Object.values(roles)
		.filter(({ controlPlane }) => !controlPlane)
		.sort(
			(one, other) =>
				(one.defaultPool?.position ?? 99) - (other.defaultPool?.position ?? 99) ||
				(one.name < other.name ? -1 : 1),
		)
		.map(({ name }) => name);
/** Names of existing resources and parameters, and words that would be ambiguous. */
const reserved = new Set([
	...defaultPools.flatMap(({ id, name }) => [id, name]),
	...['api', 'previous', 'removed', 'pool', 'pools', 'node', 'cluster'],
	...reservedWords,
]);
/** Maximum length of CLUSTER-POOL: a server's name has at most 53 characters, including `-gN-INDEX`. */
const longestPrefix = 48;

const isMapping = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const text = { type: ['string', 'number', 'null'] };

/** The JSON Schema of `pools`, for editors; `readPools` validates the entries. */
export const poolsForm = (roles: Roles): Form => ({
	description: 'a list of pools',
	read: (value) => value,
	schema: {
		type: 'array',
		items: {
			type: 'object',
			additionalProperties: false,
			required: ['name', 'count'],
			properties: {
				name: {
					type: 'string',
					pattern: '^[a-z][a-z0-9]{0,15}$',
					description: 'Part of the names of its nodes.',
				},
				role: { enum: poolRoles(roles), default: standardRole, description: 'Role of its nodes.' },
				count: { type: 'integer', minimum: 0, maximum: 5000, description: 'Number of nodes.' },
				flavor: { ...text, description: 'Flavor (default: that of the role).' },
				image: { ...text, description: 'Image (default: that of the role).' },
				availabilityZone: { ...text, description: 'Availability zone (default: that of the role).' },
				labels: { type: ['object', 'null'], description: 'Labels of its nodes, set by the masters.' },
				taints: {
					type: ['array', 'null'],
					items: { type: 'string', pattern: taintPattern.source },
					description: 'Taints of its nodes, each KEY=VALUE:EFFECT, set by the masters.',
				},
			},
		},
	},
});

/**
 * The labels and taints of a role that the masters set, in addition to those of a pool. Empty for roles with a default
 * pool: their nodes register with the taints, and the masters only have records of additional pools.
 */
function marksOf(role: RoleDefinition | undefined): Pick<PoolRecord, 'labels' | 'taints'> {
	return role === undefined || role.defaultPool !== undefined ? { labels: {}, taints: [] } : role;
}

function mistakeInPoolName(name: unknown, cluster: string): string | undefined {
	if (typeof name !== 'string' || !/^[a-z][a-z0-9]{0,15}$/.test(name))
		return 'must be 1 to 16 characters of a-z and 0-9, beginning with a letter';
	if (reserved.has(name) || /^g\d+$/.test(name)) return 'is reserved: use another name';
	if (`${cluster}-${name}`.length > longestPrefix)
		return `makes the prefix of server names ${cluster}-${name} longer than ${longestPrefix} characters: use a shorter name`;
	return undefined;
}

function readEntry(
	value: unknown,
	place: string,
	cluster: string,
	roles: Roles,
	mistakes: string[],
): PoolEntry | undefined {
	const before = mistakes.length;
	if (!isMapping(value)) {
		mistakes.push(`${place} is ${printable(value)}: it must be a mapping with name, role and count.`);
		return undefined;
	}
	const mistake = (key: string, what: string, wrong: unknown) =>
		mistakes.push(`${place}.${key} is ${printable(wrong)}: it ${what}.`);
	for (const key of Object.keys(value)) {
		if (keys.includes(key)) continue;
		const suggestion = similar(key, keys);
		const hint = suggestion === undefined ? `known keys: ${keys.join(', ')}.` : `did you mean ${suggestion}?`;
		mistakes.push(`${place}.${cut(key)} is not a known key; ${hint}`);
	}
	const wrongName = mistakeInPoolName(value.name, cluster);
	if (wrongName !== undefined) mistake('name', wrongName, value.name);
	const role = value.role ?? standardRole;
	const known = poolRoles(roles);
	if (!known.includes(role as Role)) mistake('role', knownRoles(role, known), role);
	const { count } = value;
	if (count === undefined) mistakes.push(`${place}.count is missing: it must be a whole number from 0.`);
	else if (!Number.isInteger(count) || Number(count) < 0)
		mistake('count', 'must be a whole number from 0', count);
	const texts: Record<string, string> = {};
	for (const key of ['flavor', 'image', 'availabilityZone']) {
		const text = value[key];
		if (text === undefined || text === null || text === '') continue;
		if ((typeof text === 'string' || typeof text === 'number') && !/[\n\r\0]/.test(String(text)))
			texts[key] = String(text);
		else mistake(key, 'must be one line of text', text);
	}
	const labels = readLabels(value.labels, mistake);
	const taints = readTaints(value.taints, mistake);
	const ofRole = marksOf(known.includes(role as Role) ? roles[role as Role] : undefined).taints.map(
		taintIdentity,
	);
	for (const taint of taints.filter((one) => ofRole.includes(taintIdentity(one))))
		mistake('taints', `repeats the key and effect of a taint of the role ${role}`, taint);
	if (mistakes.length > before) return undefined;
	return { name: value.name as string, role: role as Role, count: Number(count), labels, taints, ...texts };
}

/**
 * Reads `pools` of cluster.yaml.
 *
 * @param value    the value in the file; `undefined` or `null` for no additional pools
 * @param path     the file, for messages
 * @param cluster  the cluster's name, the first part of server names
 * @param roles    the available roles
 * @param mistakes receives a sentence for each mistake
 */
export function readPools(
	value: unknown,
	path: string,
	cluster: string,
	roles: Roles,
	mistakes: string[],
): PoolEntry[] {
	if (value === undefined || value === null) return [];
	if (!Array.isArray(value)) {
		mistakes.push(`${path}: pools is ${printable(value)}: it must be a list of pools.`);
		return [];
	}
	const entries = value.flatMap(
		(entry, index) => readEntry(entry, `${path}: pools[${index}]`, cluster, roles, mistakes) ?? [],
	);
	for (const [index, { name }] of entries.entries()) {
		if (entries.findIndex((entry) => entry.name === name) !== index)
			mistakes.push(`${path}: pools has two pools with the name "${name}": give each a different name.`);
	}
	return entries;
}

/** The entries of cluster.yaml for the records of a stack: the inverse of `recordsFor`. */
export function entriesFor(
	records: Readonly<Record<string, PoolRecord>>,
	counts: Readonly<Record<string, number>>,
	roles: Roles,
): PoolEntry[] {
	return Object.entries(records).map(([name, record]) => {
		const { labels, taints } = marksOf(roles[record.role]);
		const own = Object.entries(record.labels).filter(([key, value]) => labels[key] !== value);
		return {
			...{ name, count: counts[name] ?? 0, ...record },
			labels: Object.fromEntries(own),
			taints: record.taints.filter((taint) => !taints.includes(taint)),
		};
	});
}

/**
 * The records of pools in the stack: without counts, which have their own parameters, and including the labels and taints
 * of the roles, so that a change of the role changes the record.
 */
export function recordsFor(entries: readonly PoolEntry[], roles: Roles): Record<string, PoolRecord> {
	return Object.fromEntries(
		entries.map(({ name, count: _, ...record }) => {
			const { labels, taints } = marksOf(roles[record.role]);
			const marks = { labels: { ...labels, ...record.labels }, taints: [...taints, ...record.taints] };
			return [name, { ...record, ...marks }];
		}),
	);
}
