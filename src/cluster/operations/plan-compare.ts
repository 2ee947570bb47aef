import { type Resource, referencesIn } from '../heat/evaluate.ts';
import { kindOf, verdictOf } from './plan-rules.ts';

/** What an update does to a resource. */
export type Action = 'add' | 'update' | 'rebuild' | 'replace' | 'delete';

/** One resource that an update would touch. */
export interface PlannedChange {
	readonly action: Action;
	/** Such as `server`, `port` or `floating IP`. */
	readonly kind: string;
	/** Its name on the cloud, or its path in the stack. */
	readonly name: string;
	readonly path: string;
	readonly type: string;
	/** The reason, such as the properties that change. */
	readonly why: string;
	/** Whether data, pods or an address are lost that the user did not ask to remove. */
	readonly loses: boolean;
}

interface Difference {
	readonly before: Resource | undefined;
	readonly after: Resource | undefined;
	readonly properties: readonly string[];
}

/** A canonical form: the same for values that Heat treats as equal. */
function canonicalProperty(value: unknown): string {
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
		const entries = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
		return `{${entries
			.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalProperty(inner)}`)
			.sort()
			.join()}}`;
	}
	if (Array.isArray(value)) return `[${value.map(canonicalProperty).join()}]`;
	const text = String(value ?? '');
	return JSON.stringify(/^(true|false)$/i.test(text) ? text.toLowerCase() : text);
}

function differences(before: readonly Resource[], after: readonly Resource[]): Map<string, Difference> {
	const found = new Map<string, Difference>();
	for (const resource of before)
		found.set(resource.path, { before: resource, after: undefined, properties: [] });
	for (const resource of after) {
		const old = found.get(resource.path)?.before;
		const names = [...new Set([...Object.keys(old?.properties ?? {}), ...Object.keys(resource.properties)])];
		const changed = names.filter(
			(name) => canonicalProperty(old?.properties[name]) !== canonicalProperty(resource.properties[name]),
		);
		found.set(resource.path, { before: old, after: resource, properties: old === undefined ? [] : changed });
	}
	return found;
}

/** The action for each resource; resources that refer to a replaced one change too. */
function actions(found: ReadonlyMap<string, Difference>, failed: ReadonlyMap<string, string>) {
	const decided = new Map<string, { action: Action; why: string }>();
	const replaced = new Set<string>(); // resources that get a new ID
	for (let settled = false; !settled; ) {
		settled = true;
		for (const [path, { before, after, properties }] of found) {
			const affected = Object.entries(after?.properties ?? {})
				.filter(([, value]) => referencesIn(value).some((one) => replaced.has(one)))
				.map(([name]) => name);
			const verdict = verdictOf(before, after, [...new Set([...properties, ...affected])], failed.get(path));
			if (verdict === undefined) continue;
			decided.set(path, verdict);
			if (verdict.action === 'update' || verdict.action === 'rebuild' || replaced.has(path)) continue;
			// No existing resource refers to one that is added.
			if (before === undefined || after === undefined) continue;
			replaced.add(path);
			settled = false;
		}
	}
	return decided;
}

function nameOf(resource: Resource): string {
	const name = resource.properties.name;
	return typeof name === 'string' && name !== '' ? name.replace(/‹[^›]*›/g, '…') : resource.path;
}

/**
 * The differences between a stack and its desired state.
 *
 * @param removed  paths of the members to remove, such as `minions/2`
 * @param failed   states, by path, of failed resources, which Heat replaces
 */
export function compare(
	before: readonly Resource[],
	after: readonly Resource[],
	removed: ReadonlySet<string>,
	failed: ReadonlyMap<string, string>,
): PlannedChange[] {
	const found = differences(before, after);
	return [...actions(found, failed)]
		.map(([path, { action, why }]) => {
			const resource = (found.get(path)?.after ?? found.get(path)?.before) as Resource;
			const { kind, stateful } = kindOf(resource);
			const intended = action === 'delete' && removed.has(path.split('/').slice(0, 2).join('/'));
			const neverCreated = failed.get(path) === 'CREATE_FAILED'; // so there is nothing to lose
			const loses =
				stateful && !intended && !neverCreated && ['rebuild', 'replace', 'delete'].includes(action);
			return { action, kind, name: nameOf(resource), path, type: resource.type, why, loses };
		})
		.sort((a, b) => (a.path < b.path ? -1 : 1));
}
