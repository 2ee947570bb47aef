import { CORE_SCHEMA, load } from 'js-yaml';
import { yaql } from './yaql.ts';

/** A template and the files that it refers to, by the names that it uses. */
export interface Templates {
	readonly root: Template;
	file(name: string): string | undefined;
}

interface Definition {
	type: string;
	condition?: unknown;
	properties?: Record<string, unknown>;
}

/** The parts of a HOT template that determine its resources. */
export interface Template {
	readonly parameters?: Record<string, { type?: string; default?: unknown }>;
	readonly conditions?: Record<string, unknown>;
	readonly resources?: Record<string, Definition>;
}

/** A resource as the templates define it. */
export interface Resource {
	/** Such as `api_port` or `minions/2/server`. */
	readonly path: string;
	readonly type: string;
	/** With functions evaluated; references to other resources are kept as text. */
	readonly properties: Readonly<Record<string, unknown>>;
}

/** The text for a reference to another resource or its attribute. */
const reference = (path: string, ...attribute: unknown[]) =>
	`‹${path}›${attribute.map((part) => `.${part}`).join('')}`;

/** The paths of the resources that a value refers to. */
export function referencesIn(value: unknown): string[] {
	return [...JSON.stringify(value ?? null).matchAll(/‹([^›]+)›/g)].map((match) => match[1] as string);
}

interface Scope {
	readonly template: Template;
	readonly templates: Templates;
	readonly parameters: Readonly<Record<string, unknown>>;
	/** The prefix of the paths of the resources in this template. */
	readonly prefix: string;
}

const isTrue = (value: unknown) => value === true || /^(true|1|yes|on|t|y)$/i.test(String(value));

/** A parameter's value as its declared type; Heat returns all of them as text. */
function typed(type: string | undefined, value: unknown): unknown {
	if (type === 'comma_delimited_list' && typeof value === 'string')
		return value === '' ? [] : value.split(',').map((item) => item.trim());
	if (type === 'json' && typeof value === 'string') return value === '' ? {} : JSON.parse(value);
	if (type === 'boolean' && !String(value).includes('‹')) return isTrue(value);
	return Array.isArray(value) || typeof value === 'object' ? value : String(value ?? '');
}

function withDefaults(template: Template, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries(template.parameters ?? {}).map(([name, { type, default: fallback }]) => [
			name,
			typed(type, given[name] ?? fallback),
		]),
	);
}

function condition(value: unknown, scope: Scope): boolean {
	if (typeof value === 'string' && value in (scope.template.conditions ?? {}))
		return condition(scope.template.conditions?.[value], scope);
	if (typeof value !== 'object' || value === null) return isTrue(value);
	const [name, argument] = Object.entries(value)[0] as [string, unknown];
	const parts = Array.isArray(argument) ? argument : [argument];
	if (name === 'not') return !condition(argument, scope);
	if (name === 'and') return parts.every((part) => condition(part, scope));
	if (name === 'or') return parts.some((part) => condition(part, scope));
	if (name === 'equals') {
		const [one, other] = parts.map((part) => JSON.stringify(scalar(resolve(part, scope))));
		return one === other;
	}
	return isTrue(resolve(value, scope));
}

const scalar = (value: unknown) => (typeof value === 'object' ? value : String(value ?? ''));

function at(value: unknown, steps: readonly unknown[]): unknown {
	return steps.reduce((inner, step) => (inner as Record<string, unknown> | null)?.[String(step)], value);
}

/** The functions that can be evaluated without Heat. Others are kept, with their arguments resolved. */
const functions: Readonly<Record<string, (argument: unknown, scope: Scope) => unknown>> = {
	get_param: (argument, scope) => {
		const [name, ...steps] = Array.isArray(argument) ? argument : [argument];
		if (/^OS::/.test(String(name))) return scope.parameters[String(name)] ?? `‹${name}›`;
		return at(scope.parameters[String(name)], steps);
	},
	get_resource: (name, { prefix }) => reference(`${prefix}${name}`),
	get_attr: (argument, { prefix }) => {
		const [name, ...steps] = argument as unknown[];
		return reference(`${prefix}${name}`, ...steps);
	},
	get_file: (name, { templates }) => templates.file(String(name)) ?? `‹file ${name}›`,
	if: (argument, scope) => {
		const [which, yes, no] = argument as unknown[];
		return resolve(condition(which, scope) ? yes : no, scope);
	},
	list_join: (argument, scope) => {
		const [separator, ...lists] = resolve(argument, scope) as [string, ...unknown[][]];
		return lists.flat().map(textOf).join(separator);
	},
	list_concat: (argument, scope) => (resolve(argument, scope) as unknown[]).flat(),
	yaql: (argument, scope) => {
		const given = resolve(argument, scope);
		return yaql(given) ?? { yaql: given };
	},
	str_replace: substitute,
	str_replace_strict: substitute,
	str_replace_vivid: substitute,
};

const textOf = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

function substitute(argument: unknown, scope: Scope): unknown {
	const { template, params } = resolve(argument, scope) as {
		template: string;
		params: Record<string, unknown>;
	};
	return Object.entries(params)
		.sort(([a], [b]) => b.length - a.length)
		.reduce((text, [from, to]) => text.replaceAll(from, () => textOf(to)), template);
}

function resolve(value: unknown, scope: Scope): unknown {
	if (Array.isArray(value)) return value.map((item) => resolve(item, scope));
	if (typeof value !== 'object' || value === null) return value;
	const entries = Object.entries(value);
	const [name, argument] = entries[0] ?? [];
	const call = entries.length === 1 && name !== undefined ? functions[name] : undefined;
	if (call !== undefined) return call(argument, scope);
	return Object.fromEntries(entries.map(([key, inner]) => [key, resolve(inner, scope)]));
}

/** The definition of a group's member with its index inserted. */
function withIndex(value: unknown, variable: string, index: number): unknown {
	return JSON.parse(JSON.stringify(value).replaceAll(variable, String(index)));
}

function expand(scope: Scope, indexesOf: (group: Group) => readonly number[]): Resource[] {
	return Object.entries(scope.template.resources ?? {}).flatMap(([name, definition]) => {
		if (definition.condition !== undefined && !condition(definition.condition, scope)) return [];
		const path = `${scope.prefix}${name}`;
		if (definition.type === 'OS::Heat::ResourceGroup') return group(path, definition, scope, indexesOf);
		const properties = resolve(definition.properties ?? {}, scope) as Record<string, unknown>;
		return nested(path, definition.type, properties, scope, indexesOf);
	});
}

/** A group of members, by its name in the root template. */
export interface Group {
	readonly name: string;
	readonly count: number;
	/** Indexes to remove, independently of the count. */
	readonly removed: readonly number[];
}

function group(
	path: string,
	definition: Definition,
	scope: Scope,
	indexesOf: (group: Group) => readonly number[],
): Resource[] {
	const { count, index_var, removal_policies, resource_def } = (definition.properties ?? {}) as {
		count?: unknown;
		index_var?: string;
		removal_policies?: unknown;
		resource_def: Definition;
	};
	const policies = (resolve(removal_policies ?? [], scope) ?? []) as { resource_list?: unknown[] }[];
	const removed = policies.flatMap((policy) => policy.resource_list ?? []).map(Number);
	const indexes = indexesOf({ name: path, count: Number(resolve(count ?? 1, scope)), removed });
	return indexes.flatMap((index) => {
		const member = withIndex(resource_def, index_var ?? '%index%', index) as Definition;
		const properties = resolve(member.properties ?? {}, scope) as Record<string, unknown>;
		return nested(`${path}/${index}`, member.type, properties, scope, indexesOf);
	});
}

function nested(
	path: string,
	type: string,
	properties: Record<string, unknown>,
	scope: Scope,
	indexesOf: (group: Group) => readonly number[],
): Resource[] {
	const text = /\.(yaml|template)$/.test(type) ? scope.templates.file(type) : undefined;
	if (text === undefined) {
		const given = Object.entries(properties).filter(([, value]) => value !== null && value !== undefined);
		return [{ path, type, properties: Object.fromEntries(given) }];
	}
	const template = load(text, { schema: CORE_SCHEMA }) as Template;
	const parameters = withDefaults(template, properties);
	return expand({ ...scope, template, parameters, prefix: `${path}/` }, indexesOf);
}

/**
 * All resources of a stack with these templates and parameters, including those of nested stacks.
 *
 * @param parameters  by name, as Heat returns them, with the stack's name as `OS::stack_name`
 * @param indexesOf   returns the indexes of the members of a group
 */
export function resourcesOf(
	templates: Templates,
	parameters: Readonly<Record<string, unknown>>,
	indexesOf: (group: Group) => readonly number[],
): Resource[] {
	const template = templates.root;
	const own = Object.entries(parameters).filter(([name]) => name.startsWith('OS::'));
	const all = { ...withDefaults(template, parameters), ...Object.fromEntries(own) };
	return expand({ template, templates, parameters: all, prefix: '' }, indexesOf);
}
