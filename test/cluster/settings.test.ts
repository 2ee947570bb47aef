import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { load } from 'js-yaml';
import { packageRoot } from '../../src/base/package.ts';
import { render } from '../../src/base/template.ts';
import { rootTerms } from '../../src/cluster/heat/templates.ts';
import { identityParameters } from '../../src/cluster/spec/parameters-file.ts';
import { flagOf, type Setting, settings } from '../../src/cluster/spec/settings.ts';

interface Constraint {
	readonly range?: { readonly min?: number; readonly max?: number };
	readonly custom_constraint?: string;
	readonly allowed_values?: readonly string[];
}

interface Declared {
	readonly type: string;
	readonly default?: unknown;
	readonly description?: string;
	readonly constraints?: readonly Constraint[];
}

const template = load(
	render(path.join(packageRoot, 'heat/cluster.yaml.ejs'), rootTerms({ current: 1, previous: null })),
) as {
	parameters: Record<string, Declared>;
	parameter_groups: { label: string; parameters: string[] }[];
};

const unique = (words: readonly string[]) => new Set(words).size === words.length;

test('the three names of a setting are unique', (t) => {
	t.true(unique(settings.map(({ key }) => key)));
	t.true(unique(settings.map(flagOf)));
	t.true(unique(settings.flatMap(({ parameters }) => parameters)));
});

test('the three names of a setting correspond', (t) => {
	for (const setting of settings) {
		t.regex(setting.key, /^[a-z]+([A-Z][a-z]+)*$/);
		// A flag that is given for each element of a list is in the singular.
		const plural = setting.flag === undefined ? '' : 's';
		t.is(flagOf(setting).replaceAll('-', '') + plural, setting.key.toLowerCase());
		for (const parameter of setting.parameters) t.regex(parameter, /^[a-z]+(_[a-z]+)*$/);
		const [only, ...more] = setting.parameters;
		if (only === undefined || more.length > 0 || setting.type === 'count') continue;
		t.is(only.replaceAll('_', ''), setting.key.toLowerCase());
	}
});

test('every parameter of the stack is a setting, but for its identity, and the other way round', (t) => {
	const ours = settings.flatMap(({ parameters }) => parameters);
	t.deepEqual([...ours, ...identityParameters].sort(), Object.keys(template.parameters).sort());
});

test('every parameter of the stack is described and in one group', (t) => {
	const grouped = template.parameter_groups.flatMap(({ parameters }) => parameters);
	t.deepEqual([...grouped].sort(), Object.keys(template.parameters).sort());
	for (const [name, { description }] of Object.entries(template.parameters)) t.truthy(description, name);
});

test('the group "fixed" and what scales are what kstack takes for it', (t) => {
	const group = (label: string) =>
		template.parameter_groups.find((one) => one.label === label)?.parameters ?? [];
	for (const setting of settings) {
		for (const parameter of setting.parameters) {
			if (group('fixed').includes(parameter)) t.true(setting.fixed, parameter);
			if (group('size').includes(parameter)) t.false(setting.fixed, parameter);
		}
	}
});

test('a default that both kstack and the template have is the same', (t) => {
	for (const setting of settings) {
		for (const parameter of setting.parameters) {
			const declared = template.parameters[parameter];
			if (setting.default !== undefined && declared?.default !== undefined)
				t.is(declared.default, setting.default, parameter);
		}
	}
});

/** While a master is replaced there is one more than there are to be. */
const oneMoreInHeat = 'master_count';

/** The Heat type of a setting's parameter, and the constraints that say the same as the setting's form. */
function expected({ type, range, choices }: Setting, parameter: string): Declared {
	if (range !== undefined) {
		const max = range.max + (parameter === oneMoreInHeat ? 1 : 0);
		return { type: 'number', constraints: [{ range: { min: range.min, max } }] };
	}
	if (type === 'switch') return { type: 'boolean' };
	if (type === 'addresses') return { type: 'comma_delimited_list' };
	if (type === 'network' || type === 'cidr')
		return { type: 'string', constraints: [{ custom_constraint: 'net_cidr' }] };
	if (type === 'choice') return { type: 'string', constraints: [{ allowed_values: choices ?? [] }] };
	return { type: 'string' };
}

test('Heat has the limits that kstack has', (t) => {
	for (const setting of settings.filter(({ direct }) => direct)) {
		for (const parameter of setting.parameters) {
			const { type, constraints = [] } = template.parameters[parameter] as Declared;
			const wanted = expected(setting, parameter);
			t.deepEqual([type, constraints], [wanted.type, wanted.constraints ?? []], parameter);
		}
	}
});

test('every number has a minimum and a maximum', (t) => {
	for (const { key, type, range } of settings)
		t.is(range !== undefined, ['count', 'seconds', 'port', 'length'].includes(type), key);
});

test('secrets are hidden parameters', (t) => {
	for (const [name, parameter] of Object.entries(template.parameters)) {
		const hidden = (parameter as { hidden?: boolean }).hidden === true;
		t.is(hidden, /token|password|secret|private/.test(name), name);
	}
});

test('every setting has a description of one line', (t) => {
	for (const { key, describe } of settings) {
		t.regex(describe, /^[A-Z][^\n]*[^.\n]$/, key);
		t.true(describe.length < 100, key);
	}
});

test('the root template and those of the members are readable as they lie there', async (t) => {
	for (const name of ['cluster', 'member']) {
		const text = await readFile(path.join(packageRoot, `heat/${name}.yaml.ejs`), 'utf8');
		t.notRegex(text, /\t/);
		for (const line of text.split('\n')) t.true(line.length <= 130, line);
	}
});
