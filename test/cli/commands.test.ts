import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { packageRoot } from '../../src/base/package.ts';
import type { Command } from '../../src/cli/command.ts';
import { parseArguments } from '../../src/cli/parse.ts';

const built = path.join(packageRoot, 'build/src/cli');

/** The commands of a program, by the name of their file. */
async function commandsOf(program: string): Promise<[string, Command][]> {
	const files = (await readdir(path.join(built, program))).filter(
		(file) => file.endsWith('.js') && file !== 'flags.js',
	);
	return Promise.all(
		files.map(async (file) => {
			const { command } = (await import(path.join(built, program, file))) as { command: Command };
			return [file.replace(/\.js$/, ''), command] as [string, Command];
		}),
	);
}

for (const program of ['kimg', 'kstack']) {
	test(`${program} lists every command that has a file`, async (t) => {
		const listed = readFileSync(path.join(packageRoot, `src/${program}.ts`), 'utf8');
		for (const [name] of await commandsOf(program))
			t.true(listed.includes(`cli/${program}/${name}.ts`), name);
	});

	test(`the examples of ${program} are accepted by its command line`, async (t) => {
		const commands = await commandsOf(program);
		t.true(commands.flatMap(([, { examples }]) => examples).length > 5);
		for (const [name, command] of commands) {
			for (const [line] of command.examples) {
				const words = line.replace(/ >.*/, '').split(' ').slice(name.split('-').length);
				const flags = { ...command.flags, 'os-cloud': { describe: '' } };
				t.notThrows(() => parseArguments(words, { ...command, flags }, ''), `${name}: ${line}`);
			}
		}
	});
}

/** Flags whose setting has no value by itself: a cluster without one needs no explanation. */
const withoutDefault = ['fixed-subnet', 'config', 'dry-run'];

test('the help of create names a default for every setting', async (t) => {
	const commands = Object.fromEntries(await commandsOf('kstack'));
	for (const [name, { describe, defaultText }] of Object.entries(commands.create?.flags ?? {})) {
		if (withoutDefault.includes(name)) continue;
		t.true(defaultText !== undefined || describe.includes('(default: '), `--${name}`);
	}
});

test('the help of render shows the values that render writes', async (t) => {
	const commands = Object.fromEntries(await commandsOf('kstack'));
	const flags = commands.render?.flags ?? {};
	t.is(flags.image?.defaultText, 'debian12-x64-kubernetes');
	t.is(flags['external-network']?.defaultText, 'none');
	t.notRegex(flags.image?.describe ?? '', /default/);
	t.is(commands.create?.flags.image?.defaultText, undefined);
});
