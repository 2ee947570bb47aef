import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageRoot, packageVersion } from '../../src/base/package.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, runSource, runToEnd } from '../support/processes.ts';
import { runnable } from '../support/runnable.ts';

interface Expected {
	readonly code: number;
	readonly stdout?: string;
	readonly stderr: string | RegExp;
}

const ends = test.macro({
	title: (_, args: readonly string[], expected: Expected) =>
		`\`fake ${args.join(' ')}\` ends with exit code ${expected.code}`,
	async exec(t: ExecutionContext, args: readonly string[], expected: Expected) {
		const ended = await runSource('test/fixtures/program.ts', args);
		t.is(ended.code, expected.code);
		t.is(ended.stdout, expected.stdout ?? '');
		if (typeof expected.stderr === 'string') t.is(ended.stderr, expected.stderr);
		else t.regex(ended.stderr, expected.stderr);
	},
});

test(ends, ['end', 'normally'], { code: 0, stdout: 'result\n', stderr: '' });
test(ends, ['end', 'badly'], { code: 1, stderr: 'fake: The cloud is full.\n  Ask for more.\n' });
test(ends, ['end', 'wrongly'], { code: 2, stderr: 'fake: No such flavor.\n' });
test(ends, ['end', 'with-mistakes'], {
	code: 2,
	stderr: 'fake: 2 mistakes:\n  - one is wrong.\n  - two is wrong.\n  Nothing was done.\n',
});
test(ends, ['end', 'by-a-bug'], {
	code: 70,
	stderr: /^fake: this is a bug in fake, .*\nTypeError: .*\n +at /s,
});

const help = "\n  See 'fake --help'.\n";
const helpOfEnd = "\n  See 'fake end --help'.\n";
test(ends, [], { code: 2, stderr: `fake: Missing command.${help}` });
test(ends, ['end'], { code: 2, stderr: `fake: Missing argument HOW.${helpOfEnd}` });
test(ends, ['ends', 'normally'], {
	code: 2,
	stderr: `fake: Unknown command: ends. Did you mean end?${help}`,
});
test(ends, ['--colour'], { code: 2, stderr: `fake: Unknown flag: --colour.${help}` });
test(ends, ['end', 'normally', '--colour'], { code: 2, stderr: `fake: Unknown flag: --colour.${helpOfEnd}` });
test(ends, ['end', 'normally', '--number-of-ends'], {
	code: 2,
	stderr: `fake: --number-of-ends needs a value.${helpOfEnd}`,
});
test(ends, ['end', 'normally', 'twice', '--output', 'yaml'], {
	code: 2,
	stderr: /^fake: 2 mistakes:\n.*--output is "yaml".*table or json.*\n.*argument: twice\.\n/,
});

for (const [signal, code] of [
	['SIGINT', 130],
	['SIGTERM', 143],
	['SIGHUP', 129],
] as const) {
	test(`${signal} ends a program with exit code ${code} and the command's hint`, async (t) => {
		let sent = false;
		const ended = await runSource('test/fixtures/program.ts', ['end', 'never'], {
			onStderr: (text, pid) => {
				if (!sent && text.includes('waiting')) sent = process.kill(pid, signal);
			},
		});
		t.is(ended.code, code);
		t.regex(ended.stderr, /^waiting\nfake: [\w ]+\.\n {2}It ended by never\.\n$/);
	});
}

test('a closed terminal, which sends SIGHUP twice and takes no more output, does not end an undo', async (t) => {
	const file = path.join(await temporaryFolder(), 'done');
	const program = `${process.execPath} ${runnable('test/fixtures/program.ts')} end undoing`;
	// Without its terminal's other side, the kernel sends SIGHUP; a shell sends another.
	const closing = `import os, pty, signal, sys, time
pid, terminal = pty.fork()
if pid == 0: os.execvp('sh', ['sh', '-c', 'exec ' + sys.argv[1]])
said = b''
while b'waiting' not in said: said += os.read(terminal, 100)
os.close(terminal)
time.sleep(0.1)
os.kill(pid, signal.SIGHUP)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
	const code = await output('python3', ['-c', closing, program], { env: { DONE: file } });
	t.is(code, '-1\n', 'SIGHUP');
	t.is(await readFile(file, 'utf8'), 'undone');
});

for (const [what, pipe] of [
	['stdout', '| head -n 1'],
	['stderr', '2>&1 >/dev/null | head -n 1'],
	['both', '2>&1 | head -n 1'],
] as const) {
	test(`an operation continues when nobody reads ${what} any more`, async (t) => {
		const file = path.join(await temporaryFolder(), 'done');
		const command = `"$0" "$1" end talking ${pipe}; exit \${PIPESTATUS[0]}`;
		const program = runnable('test/fixtures/program.ts');
		const { code, stderr } = await runToEnd('bash', ['-c', command, process.execPath, program], {
			env: { DONE: file },
		});
		t.is(code, 0, stderr);
		t.is(await readFile(file, 'utf8'), 'done');
	});
}

test('results that the disk does not take are a failure', async (t) => {
	const { code, stderr } = await runToEnd('bash', [
		'-c',
		'exec "$0" "$1" end normally >/dev/full',
		process.execPath,
		runnable('test/fixtures/program.ts'),
	]);
	t.is(code, 1);
	t.is(stderr, 'The output is incomplete: Cannot write: the disk is full.\n');
});

const { bin } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
	bin: Record<string, string>;
};

for (const program of Object.keys(bin)) {
	const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}, ...options: string[]) =>
		runSource(`src/${program}.ts`, args, { env }, ...options);

	test(`${program} --help loads no package and no file of a command`, async (t) => {
		const record = path.join(await temporaryFolder(), 'modules');
		const hook = `--import=${path.join(packageRoot, 'test/support/record-modules.mjs')}`;
		const { code, stdout } = await run(['--help'], { RECORD_MODULES: record }, hook);
		t.is(code, 0);
		t.regex(stdout, new RegExp(`^ {2}${program} COMMAND`, 'm'));
		const modules = await readFile(record, 'utf8');
		t.regex(modules, /src\/cli\/main\.js/, 'the hook records');
		t.notRegex(modules, /node_modules|src\/(cluster|image|openstack|cli\/(kimg|kstack))\//);
	});

	test(`${program} --version prints the package's version`, async (t) => {
		t.deepEqual(await run(['--version']), { code: 0, stdout: `${packageVersion()}\n`, stderr: '' });
	});

	test(`${program} completion prints what bash can read`, async (t) => {
		const { code, stdout } = await run(['completion']);
		t.is(code, 0);
		await output('bash', ['-n'], { input: stdout });
		t.regex(stdout, new RegExp(`^complete .* ${program}$`, 'm'));
	});
}

test('a shell completes commands, flags and the values of flags', async (t) => {
	const complete = async (...words: string[]) =>
		(await runSource('src/kstack.ts', ['--complete', ...words])).stdout.split('\n');
	t.true((await complete('s')).includes('scale'));
	t.true((await complete('create', '--minion-')).includes('--minion-flavor'));
	t.deepEqual(await complete('plan', '-o', ''), ['table', 'json', '']);
});
