// A few lines of YAML may stand for more than anything here could compare or print.
import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { parseYaml } from '../../src/base/yaml-file.ts';

/** Lists of which each has the one before it ten times. */
const bomb = (layers: number) =>
	['a0: &a0 [x]', ...Array.from({ length: layers }, (_, index) => repeat(index + 1))].join('\n');
const repeat = (index: number) => `a${index}: &a${index} [${Array(10).fill(`*a${index - 1}`)}]`;

/** Each of them has the next one in it, and JavaScript sorts such keys the other way round. */
const chain = (length: number) =>
	Array.from({ length }, (_, index) =>
		index === 0 ? `${length}: &k0 [x]` : `${length - index}: &k${index} [*k${index - 1}]`,
	).join('\n');

function refusal(t: ExecutionContext, text: string): string {
	const error = t.throws<UserError>(() => parseYaml(text, 'a.yaml', 'typed'), { instanceOf: UserError });
	t.is(error?.exitCode, 2);
	t.true((error?.message.length ?? 0) < 500, error?.message.slice(0, 1000));
	return error?.message ?? '';
}

for (const [what, text, sentence] of [
	[
		'lists that repeat lists',
		bomb(20),
		/^a\.yaml: a\d\S* is too long: the file may have 4 million characters\.$/,
	],
	['a list that contains itself', 'a:\n  b: &x [1, *x]\n', /^a\.yaml: a\.b\[1\] contains itself\.$/],
	['a long text', `a: {b: ${'x'.repeat(10_000_000)}}\n`, /^a\.yaml: a\.b is too long/],
	[
		'a long text in an alias',
		`a: &x ${'x'.repeat(300_000)}\nb: [${Array(20).fill('*x')}]\n`,
		/^a\.yaml: b\[\d+\] is too long/,
	],
	['a long key', `a:\n  ? ${'x'.repeat(5_000_000)}\n  : 1\n`, /^a\.yaml: a\.x{98}/],
	['deep lists', `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}\n`, /^a\.yaml is not YAML: nesting exceeded/],
	['deep lists by aliases', chain(100_000), /^a\.yaml: \d+[[\]\d]* has more than 100 layers\.$/],
	[
		'an unknown alias with a long name',
		`a: *${'x'.repeat(10_000)}\n`,
		/^a\.yaml is not YAML: unidentified alias/,
	],
] as const) {
	test(`refused in YAML, with its place and few words: ${what}`, (t) => {
		t.regex(refusal(t, text), sentence);
	});
}

test('aliases that repeat little are accepted', (t) => {
	t.deepEqual(parseYaml('a: &x [1]\nb: [*x, *x]\nc: *x\n', 'a.yaml', 'typed'), {
		a: [1],
		b: [[1], [1]],
		c: [1],
	});
	t.notThrows(() => parseYaml(bomb(3), 'a.yaml', 'typed'));
});
