import test from 'ava';
import { UserError } from '../../src/base/errors.ts';
import { CommandError, run } from '../../src/base/run.ts';
import { table } from '../../src/base/table.ts';
import { temporaryFolder } from '../support/folders.ts';

test('a program is run with its input, folder and variables, and its output is the result', async (t) => {
	const cwd = await temporaryFolder();
	const said = await run('bash', ['-c', 'cat; pwd; echo "$WORD"'], {
		input: 'in\n',
		cwd,
		env: { WORD: 'x' },
	});
	t.is(said, `in\n${cwd}\nx`);
});

test('a program reads nothing that it was not given', async (t) => {
	t.is(await run('cat', []), '');
});

test('arguments go through no shell', async (t) => {
	const awkward = ['a b', '$(id)', "'", '*', '', '\n', '-n'];
	t.is(await run('printf', ['%s|', ...awkward]), `${awkward.join('|')}|`);
});

test('a failure tells the command, its exit code, and what it said', async (t) => {
	const error = await t.throwsAsync(run('bash', ['-c', 'echo out; echo why >&2; exit 3']), {
		instanceOf: CommandError,
	});
	t.is(error.message, "`bash -c 'echo out; echo why >&2; exit 3'` failed (exit 3):\nwhy");
	t.is(error.stderr, 'why');
	t.is(error.exitCode, 1);
});

test('a program that is not installed is named with its package, and is a mistake of usage', async (t) => {
	const error = await t.throwsAsync(run('no-such-program', [], { package: 'no-such-package' }), {
		instanceOf: UserError,
	});
	t.is(error.message, 'The program `no-such-program` is not installed.');
	t.is(error.hint, 'On Debian: apt-get install no-such-package');
	t.is(error.exitCode, 2);
});

test('a table has aligned columns and no blanks at its right edge', (t) => {
	t.is(
		table(
			['NAME', 'X'],
			[
				['a', ''],
				['longer', 'y'],
			],
		),
		'NAME     X\na\nlonger   y',
	);
	t.is(table(['NAME', 'X'], []), 'NAME   X');
});
