import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { findCommand, parseArguments } from '../../src/cli/parse.ts';

const flags = {
	minions: { describe: 'Count' },
	'drain-timeout': { describe: 'Seconds' },
	remove: { describe: 'Node', repeated: true },
	locked: { describe: 'Lock', optionalValue: true },
	keep: { describe: 'Count', default: '2' },
	yes: { describe: 'Do not ask', boolean: true, short: 'y' },
} as const;
const parse = (line: string) =>
	parseArguments(
		line.split(' ').filter(Boolean),
		{ flags, arguments: { name: { describe: 'Name' } } },
		'See help.',
	);

for (const [line, values] of [
	['dns', { addon: 'dns' }],
	['demo dns', { name: 'demo', addon: 'dns' }],
	['demo dns more', undefined],
	['', undefined],
] as const) {
	const what = values === undefined ? 'a mistake' : JSON.stringify(values);
	test(`of the arguments [NAME] ADDON, "${line}" is ${what}`, (t) => {
		const expected = { name: { describe: 'Name' }, addon: { describe: 'Addon', required: true } } as const;
		const read = () =>
			parseArguments(line.split(' ').filter(Boolean), { flags: {}, arguments: expected }, '');
		if (values === undefined)
			t.throws(read, { instanceOf: UserError, message: /more|Missing argument ADDON/ });
		else t.deepEqual(read(), values);
	});
}

const entry = (name: string) => ({ name, describe: '', load: () => Promise.reject(new Error('not loaded')) });
const commands = ['list', 'addon list', 'addon enable'].map(entry);

for (const [line, values] of [
	['', {}],
	['demo --minions -1', { name: 'demo', minions: '-1' }],
	['--minions=+1 demo', { name: 'demo', minions: '+1' }],
	['--minions 1 --minions 2', { minions: '2' }],
	['--remove a --remove b', { remove: ['a', 'b'] }],
	['--locked demo', { name: 'demo', locked: '' }],
	['--locked=a.json', { locked: 'a.json' }],
	['-y --drain-timeout 60', { yes: true, drainTimeout: '60' }],
	['--yes=false', { yes: false }],
	['-- --minions', { name: '--minions' }],
	['--keep 1', { keep: '1' }],
] as const) {
	test(`the words "${line}" are read as ${JSON.stringify(values)}`, (t) => {
		t.deepEqual(parse(line), { keep: '2', ...values });
	});
}

for (const [line, names] of [
	['demo --minion 3 --constructor', ['2 mistakes', '--minion.', '--minions?', '--constructor.']],
	['demo more --drain-timeout --yes=no', ['3 mistakes', 'more', '--drain-timeout', '"no"']],
] as const) {
	test(`all mistakes of the words "${line}" are reported at once`, (t) => {
		const error = t.throws(() => parse(line), { instanceOf: UserError });
		t.is(error.exitCode, 2);
		for (const name of names) t.true(error.message.includes(name), name);
	});
}

for (const [line, name, rest] of [
	['list demo', 'list', ['demo']],
	['addon enable demo', 'addon enable', ['demo']],
	['--os-cloud list addon list -y', 'addon list', ['--os-cloud', 'list', '-y']],
	['addon', undefined, ['addon']],
] as const) {
	test(`the command in "${line}" is ${name}`, (t) => {
		const found = findCommand(line.split(' '), commands, { 'os-cloud': { describe: 'Cloud' } });
		t.deepEqual([found.entry?.name, found.rest], [name, rest as unknown as string[]]);
	});
}
