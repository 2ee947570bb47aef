import { spawn } from 'node:child_process';
import test from 'ava';
import { runToEnd, systemPath, tool } from '../support/processes.ts';
import { runnable } from '../support/runnable.ts';

const command = () => `${process.execPath} ${runnable('test/fixtures/program.ts')} end asking`;

/** Runs the fixture that asks, at a terminal at which these keys are pressed. */
async function answering(keys: string) {
	return runToEnd(tool('script', 'bsdutils'), ['-qec', command(), '/dev/null'], { input: keys });
}

for (const yes of ['y\n', 'yes\n', 'Y\n']) {
	test(`${JSON.stringify(yes)} at a terminal confirms`, async (t) => {
		const { code, stdout } = await answering(yes);
		t.is(code, 0, stdout);
		t.regex(stdout, /Sure\? \[y\/N\] /);
		t.regex(stdout, /asked/);
	});
}

for (const no of ['\n', 'n\n', 'yesterday\n']) {
	test(`${JSON.stringify(no)} at a terminal cancels, with exit code 1`, async (t) => {
		const { code, stdout } = await answering(no);
		t.is(code, 1, stdout);
		t.notRegex(stdout, /asked/);
		t.regex(stdout, /^fake: /m);
	});
}

test('Ctrl-C at the question ends the program with exit code 130', async (t) => {
	const child = spawn(tool('script', 'bsdutils'), ['-qec', command(), '/dev/null'], {
		env: { ...process.env, PATH: systemPath },
	});
	let shown = '';
	let pressed = false;
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		shown += text;
		if (pressed || !shown.includes('Sure?')) return;
		pressed = true;
		child.stdin.write('\u0003');
	});
	const code = await new Promise((resolve) => child.on('close', resolve));
	t.is(code, 130, shown);
});

test('without a terminal, a question is refused and --yes is named', async (t) => {
	const program = runnable('test/fixtures/program.ts');
	const { code, stdout, stderr } = await runToEnd(process.execPath, [program, 'end', 'asking'], {
		input: 'y\n',
	});
	t.is(code, 2);
	t.is(stdout, '');
	t.regex(stderr, /^fake: Sure\? .*\n {2}.*--yes/);
});
