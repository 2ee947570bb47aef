import { type Resource, referencesIn } from '../heat/evaluate.ts';
import { kindOf, verdictOf } from './plan-rules.ts';

/** What becomes of a resource. */
export type Action = 'add' | 'update' | 'rebuild' | 'replace' | 'delete';

/** One resource that an update would touch. */
export interface PlannedChange {
	readonly action: Action;
	/** Such as `server`, `port` or `floating IP`. */
	readonly kind: string;
	/** The name that it has on the cloud, or its place in the stack. */
	readonly name: string;
	readonly path: string;
	readonly type: string;
	/** Why: the properties that change, or what of it. */
	readonly why: string;
	/** Whether something is lost that nobody asked to lose. */
	readonly loses: boolean;
}

interface Difference {
	readonly before: Resource | undefined;
	readonly after: Resource | undefined;
	readonly properties: readonly string[];
}

/** One spelling for values that Heat takes for the same. */
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
	for (const thing of before) found.set(thing.path, { before: thing, after: undefined, properties: [] });
	for (const thing of after) {
		const old = found.get(thing.path)?.before;
		const names = [...new Set([...Object.keys(old?.properties ?? {}), ...Object.keys(thing.properties)])];
		const changed = names.filter(
			(name) => canonicalProperty(old?.properties[name]) !== canonicalProperty(thing.properties[name]),
		);
		found.set(thing.path, { before: old, after: thing, properties: old === undefined ? [] : changed });
	}
	return found;
}

/** What becomes of each resource; what refers to a replaced one changes with it. */
function actions(found: ReadonlyMap<string, Difference>, failed: ReadonlyMap<string, string>) {
	const decided = new Map<string, { action: Action; why: string }>();
	const other = new Set<string>(); // is, or will be, another thing than before
	for (let settled = false; !settled; ) {
		settled = true;
		for (const [path, { before, after, properties }] of found) {
			const moved = Object.entries(after?.properties ?? {})
				.filter(([, value]) => referencesIn(value).some((one) => other.has(one)))
				.map(([name]) => name);
			const verdict = verdictOf(before, after, [...new Set([...properties, ...moved])], failed.get(path));
			if (verdict === undefined) continue;
			decided.set(path, verdict);
			if (verdict.action === 'update' || verdict.action === 'rebuild' || other.has(path)) continue;
			// One that is added was referred to by nothing that was there.
			if (before === undefined || after === undefined) continue;
			other.add(path);
			settled = false;
		}
	}
	return decided;
}

function nameOf(thing: Resource): string {
	const name = thing.properties.name;
	return typeof name === 'string' && name !== '' ? name.replace(/‹[^›]*›/g, '…') : thing.path;
}

/**
 * What separates a stack from what it is to be.
 *
 * @param going   paths of the members that are to go, such as `minions/2`
 * @param failed  states, by path, of what failed before and is therefore replaced
 */
export function compare(
	before: readonly Resource[],
	after: readonly Resource[],
	going: ReadonlySet<string>,
	failed: ReadonlyMap<string, string>,
): PlannedChange[] {
	const found = differences(before, after);
	return [...actions(found, failed)]
		.map(([path, { action, why }]) => {
			const thing = (found.get(path)?.after ?? found.get(path)?.before) as Resource;
			const { kind, stateful } = kindOf(thing);
			const meant = action === 'delete' && going.has(path.split('/').slice(0, 2).join('/'));
			const never = failed.get(path) === 'CREATE_FAILED'; // so there is nothing to lose
			const loses = stateful && !meant && !never && ['rebuild', 'replace', 'delete'].includes(action);
			return { action, kind, name: nameOf(thing), path, type: thing.type, why, loses };
		})
		.sort((a, b) => (a.path < b.path ? -1 : 1));
}
