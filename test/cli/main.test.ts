import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageRoot, packageVersion } from '../../src/base/package.ts';
import { temporaryFolder } from '../support/folders.ts';
import { output, runSource } from '../support/processes.ts';

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

test(ends, ['end', 'well'], { code: 0, stdout: 'result\n', stderr: '' });
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
test(ends, [], { code: 2, stderr: `fake: Say what to do.${help}` });
test(ends, ['end'], { code: 2, stderr: `fake: A word is missing after the command.${help}` });
test(ends, ['ends', 'well'], { code: 2, stderr: /^fake: .*end.*\n {2}See 'fake --help'\.\n$/ });
test(ends, ['end', 'well', '--colour', 'red'], {
	code: 2,
	stderr: `fake: Unknown flag or word: colour.${help}`,
});
test(ends, ['end', 'well', '--coloursOfAll'], {
	code: 2,
	stderr: `fake: Unknown flag or word: coloursOfAll.${help}`,
});
test(ends, ['end', 'well', '--colours-of-all'], {
	code: 2,
	stderr: `fake: Unknown flag or word: colours-of-all.${help}`,
});
test(ends, ['end', 'well', '--number-of-ends'], { code: 2, stderr: /^fake: .*number-of-ends.*\n/ });

for (const [signal, code, word] of [
	['SIGINT', 130, 'Interrupted'],
	['SIGTERM', 143, 'Terminated'],
] as const) {
	test(`${signal} ends a program with exit code ${code} and one word`, async (t) => {
		let sent = false;
		const ended = await runSource('test/fixtures/program.ts', ['end', 'never'], {
			onStderr: (text, pid) => {
				if (!sent && text.includes('waiting')) sent = process.kill(pid, signal);
			},
		});
		t.is(ended.code, code);
		t.is(ended.stderr, `waiting\nfake: ${word}.\n`);
	});
}

const { bin } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
	bin: Record<string, string>;
};

for (const program of Object.keys(bin)) {
	const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}, ...options: string[]) =>
		runSource(`src/${program}.ts`, args, { env }, ...options);

	test(`${program} --help is in English whatever the locale, and needs no package but yargs`, async (t) => {
		const record = path.join(await temporaryFolder(), 'modules');
		const hook = `--import=${path.join(packageRoot, 'test/support/record-modules.mjs')}`;
		const german = { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' };
		const { code, stdout } = await run(['--help'], { ...german, RECORD_MODULES: record }, hook);
		t.is(code, 0);
		t.regex(stdout, new RegExp(`^${program} <command>`));
		t.regex(stdout, /^Commands:$/m);
		const modules = await readFile(record, 'utf8');
		t.regex(modules, /node_modules\/yargs\//, 'the hook records');
		t.notRegex(modules, /node_modules\/(execa|js-yaml|ejs|tar-stream)\//);
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

test('kstack knows its commands and their flags when bash completes a line', async (t) => {
	const complete = async (...words: string[]) =>
		(await runSource('src/kstack.ts', ['--get-yargs-completions', 'kstack', ...words])).stdout.split('\n');
	t.true((await complete('s')).includes('scale'));
	t.true((await complete('create', '--minion-')).includes('--minion-flavor'));
});

test('every command of kstack that makes or changes something shows an example', async (t) => {
	for (const command of ['create', 'render', 'update', 'scale']) {
		const { code, stdout } = await runSource('src/kstack.ts', [command, '--help']);
		t.is(code, 0);
		t.regex(stdout, new RegExp(`Examples:\\n +kstack ${command} `), command);
	}
});
