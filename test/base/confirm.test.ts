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
	test(`${JSON.stringify(yes)} at a terminal goes on`, async (t) => {
		const { code, stdout } = await answering(yes);
		t.is(code, 0, stdout);
		t.regex(stdout, /Sure\? \[y\/N\] /);
		t.regex(stdout, /asked/);
	});
}

for (const no of ['\n', 'n\n', 'yesterday\n']) {
	test(`${JSON.stringify(no)} at a terminal does nothing`, async (t) => {
		const { code, stdout } = await answering(no);
		t.is(code, 1, stdout);
		t.regex(stdout, /fake: Nothing was done\./);
	});
}

test('Ctrl-C at the question ends the program as everywhere', async (t) => {
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
	t.regex(shown, /fake: Interrupted\./);
});

test('where there is no terminal nobody is asked', async (t) => {
	const program = runnable('test/fixtures/program.ts');
	const { code, stderr } = await runToEnd(process.execPath, [program, 'end', 'asking'], { input: 'y\n' });
	t.is(code, 2);
	t.is(stderr, 'fake: Sure? Nothing was done: there is no terminal to ask on.\n  Confirm with --yes.\n');
});
