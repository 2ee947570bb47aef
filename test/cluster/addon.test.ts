// Addons as folders: what an addon.yaml may say, and which values --set may give.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { loadAll } from 'js-yaml';
import { packagedAddons, readAddon, readDefinition, renderAddon } from '../../src/cluster/spec/addon.ts';
import { chooseValues, type ValueSpec } from '../../src/cluster/spec/addon-values.ts';
import { temporaryFolder } from '../support/folders.ts';

const specs: Record<string, ValueSpec> = {
	replicas: { type: 'integer', default: 2, minimum: 1, maximum: 5, description: '' },
	zone: { type: 'string', default: 'a', pattern: '[a-z]+', description: '' },
	debug: { type: 'boolean', default: false, description: '' },
};

test('values are from --set, otherwise the previous ones, otherwise the defaults', (t) => {
	const mistakes: string[] = [];
	const values = chooseValues(specs, { zone: 'b', replicas: 9, old: 1 }, ['debug=true'], mistakes);
	t.deepEqual(mistakes, []);
	t.deepEqual(values, { replicas: 2, zone: 'b', debug: true });
});

test('all wrong --set are reported at once, with their values', (t) => {
	const mistakes: string[] = [];
	const words = [
		'replicas=6',
		'zone=a\nkind: Secret',
		'debug=yes',
		'other=1',
		'zone',
		'toString=1',
		'debug=true',
	];
	chooseValues(specs, {}, words, mistakes);
	t.is(mistakes.length, words.length);
	for (const [index, word] of words.entries()) t.true(mistakes[index]?.includes(word), mistakes[index]);
});

test('a number replaces its quotes, a string does not', (t) => {
	const text = renderAddon('replicas: "@@replicas@@"\nzone: "@@zone@@-@@replicas@@"\n', {
		replicas: 3,
		zone: '$&',
	});
	t.is(text, 'replicas: 3\nzone: "$&-3"\n');
});

test('all mistakes of an addon.yaml are reported at once', (t) => {
	const content = {
		imagse: [],
		description: 'x',
		disable: 'maybe',
		values: { a: { type: 'number' }, b: { type: 'integer', default: 'x', description: '' } },
	};
	const error = t.throws(() => readDefinition(content, 'addon.yaml', 'one'), { name: 'UserError' });
	for (const word of ['imagse', 'maybe', 'values.a', 'values.b']) t.true(error?.message.includes(word), word);
});

test('an addon of an operator is a folder, and one without a manifest is refused', async (t) => {
	const folder = path.join(await temporaryFolder(), 'hello');
	await mkdir(folder);
	await writeFile(path.join(folder, 'addon.yaml'), 'description: Says hello\n');
	t.like(
		t.throws(() => readAddon(folder)),
		{ code: 'addon-unreadable', exitCode: 2 },
	);
	await writeFile(path.join(folder, 'manifest.yaml'), 'kind: ConfigMap\n');
	t.is(readAddon(folder).definition.name, 'hello');
});

test('every addon of the package can be read, and its manifest with the defaults is YAML without open values', async (t) => {
	const addons = await packagedAddons();
	t.true(addons.has('default-limits'));
	for (const [name, { definition, template }] of addons) {
		const text = renderAddon(template, chooseValues(definition.values, {}, [], []));
		t.false(text.includes('@@'), name);
		t.true(loadAll(text).length > 0, name);
	}
});
