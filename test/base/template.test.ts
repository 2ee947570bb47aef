import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { packageRoot } from '../../src/base/package.ts';
import { indent, render, sh, yaml } from '../../src/base/template.ts';
import { readTree } from '../../src/base/tree.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, tool } from '../support/processes.ts';
import { readByPyYaml } from '../support/python.ts';

/** Texts that have tripped quoting before, beside those that fast-check thinks of. */
const awkward = [
	...['', ' ', "'", "''", '"', '\\', '`id`', '$(id)', '$HOME', '!!', '~', '*', '-n', '--', '#', 'a #b'],
	...['\n', 'a\n', '\r\n', '\t', 'true', 'yes', 'null', '~', '0644', '1:30', '1_000', '1e3', '.inf', '<<'],
	...['2015-10-15', '@@TOKEN@@', '%index%', '{a: b}', '[1]', '- a', 'a: b', '&a', '*a', '!t', '| ', '> '],
	...['\u0085', '\u2028', '\ufeff', '\ufffe', '\u007f', '\u0001', '€', '😀'],
];

/** Lone surrogates have no UTF-8 form, so no file can hold them. */
const wellFormed = (value: string) => Buffer.from(value).toString() === value;

const text = fc.string({ unit: 'grapheme' }).filter(wellFormed);
const anyText = fc.oneof(
	text,
	fc.string({ unit: 'binary' }).filter(wellFormed),
	fc.string({ unit: fc.constantFrom(...'\'"\\$`!*?[]{}()<>|&;#~-=: \n\t@%') }),
);

test('sh() makes one shell word of any text without a NUL', async (t) => {
	const values = [...awkward, ...fc.sample(anyText, 300)].map((value) => value.replaceAll('\0', ''));
	const script = `printf '%s\\0' ${values.map(sh).join(' ')}`;
	const printed = await output('bash', ['-s'], { input: script });
	t.deepEqual(printed.split('\0').slice(0, -1), values);
});

test('sh() refuses a NUL, which no shell word can hold', (t) => {
	t.throws(() => sh('a\0b'), { message: /NUL/ });
});

test('sh() leaves plain words as a person would write them', (t) => {
	t.is(sh('http://proxy:3128'), 'http://proxy:3128');
	t.is(sh(24), '24');
	t.is(sh(''), "''");
});

test('yaml() makes a scalar that PyYAML reads as exactly that text', async (t) => {
	// PyYAML itself refuses lone surrogates and reads no character beyond the plane's end.
	const values = [...awkward, '\0', ...fc.sample(anyText, 300)];
	t.deepEqual(await readByPyYaml(values.map(yaml)), values);
	t.deepEqual(await readByPyYaml(values.map((value) => `key: [${yaml(value)}] # after`)), [
		...values.map((value) => ({ key: [value] })),
	]);
});

test('yaml() keeps numbers and booleans what they are', async (t) => {
	t.deepEqual(await readByPyYaml([yaml(24), yaml(true), yaml(false)]), [24, true, false]);
});

test('indent() moves every line but empty ones, and can be undone', (t) => {
	t.is(indent(2, 'a\n\n b\n'), '  a\n\n   b');
	fc.assert(
		fc.property(fc.nat({ max: 12 }), fc.array(fc.string({ unit: 'grapheme-ascii' })), (columns, lines) => {
			const clean = lines.map((line) => line.replaceAll('\n', ''));
			const moved = indent(columns, `${clean.join('\n')}\n`).split('\n');
			return moved.every((line, index) => {
				const was = clean[index] ?? '';
				return line === (was === '' ? '' : ' '.repeat(columns) + was);
			});
		}),
	);
});

test('a block scalar holds any text of a node file once it is indented', async (t) => {
	const printable = fc.string({ unit: 'grapheme-ascii' }).map((line) => line.replaceAll('\n', ''));
	const files = fc
		.sample(fc.tuple(printable, fc.array(printable), printable), 200)
		.map(([first, middle, last]) => [`#${first}`, ...middle, `.${last}`, ''].join('\n'));
	const documents = files.map((file) => `content: |\n${indent(6, file)}\n`);
	t.deepEqual(
		await readByPyYaml(documents),
		files.map((content) => ({ content })),
	);
});

async function rendering(template: string, locals: Record<string, unknown>) {
	const folder = await temporaryFolder();
	await mkdir(path.join(folder, 'heat'));
	const file = path.join(folder, 'heat', 'demo.yaml.ejs');
	await writeFile(file, template);
	return () => render(file, locals);
}

test('a template prints its values as they are', async (t) => {
	const run = await rendering('<%= a %> <%= b.c %>\n<% for (const x of list) { -%>\n- <%= x %>\n<% } -%>\n', {
		a: '<\'"&>',
		b: { c: 0 },
		list: ['x', 'y'],
	});
	t.is(run(), '<\'"&> 0\n- x\n- y\n');
});

test('a name that is not set is an error with file, line and name', async (t) => {
	const run = await rendering('a\nb\n<%= typo %>\n', { known: 1 });
	t.throws(run, { message: /heat\/demo\.yaml\.ejs:3: the template reads typo, which is not set$/ });
});

test('so is a name that is not set inside of a value, at any depth', async (t) => {
	const run = await rendering('a\n<%= cluster.versions.etdc %>\n', {
		cluster: { versions: { etcd: '3' } },
	});
	t.throws(run, {
		message: /heat\/demo\.yaml\.ejs:2: the template reads cluster\.versions\.etdc, which is not set$/,
	});
});

for (const nothing of [undefined, null]) {
	test(`printing ${nothing} is an error with file and line`, async (t) => {
		const run = await rendering('\n<%= value %>\n', { value: nothing });
		t.throws(run, { message: new RegExp(`demo\\.yaml\\.ejs:2: the template prints ${nothing}$`) });
	});
}

test('a template may quote its values in place', async (t) => {
	const run = await rendering('A=<%= sh(a) %>\nb: <%= yaml(a) %>\n<%= indent(2, a) %>\n', { a: "it's" });
	t.is(run(), "A='it'\\''s'\nb: \"it's\"\n  it's\n");
});

test('a value may be printed as JSON, whatever guards it', async (t) => {
	const run = await rendering('<%= JSON.stringify(value) %>', { value: { a: [1, { b: 2 }] } });
	t.is(run(), '{"a":[1,{"b":2}]}');
});

test('no template prints past the guard', async (t) => {
	const templates = [];
	for (const folder of ['elements', 'cloud-init', 'heat']) {
		for (const file of await readTree(path.join(packageRoot, folder))) {
			if (file.path.endsWith('.ejs')) templates.push(path.join(folder, file.path));
		}
	}
	t.true(templates.length > 5);
	for (const file of templates) {
		t.notRegex(await readFile(path.join(packageRoot, file), 'utf8'), /<%-/, file);
	}
});

test('sh() and the shell agree on what a command line is', async (t) => {
	tool('bash', 'bash');
	const printed = await output('bash', ['-c', `set -- ${['a b', '', '*'].map(sh).join(' ')}; echo $#`]);
	t.is(printed, '3\n');
});
