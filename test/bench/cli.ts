// What the start of kstack costs beside that of Node.js itself.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package.ts';

const run = promisify(execFile);
const rounds = 15;
const wanted = 1.5;
const kstack = path.join(packageRoot, 'build/src/kstack.js');

const commands = {
	'node -e 0': ['-e', '0'],
	'kstack --help': [kstack, '--help'],
	'kstack create --help': [kstack, 'create', '--help'],
} as const;

/** Milliseconds of user and system time that Node.js takes with these words. */
async function cost(words: readonly string[]): Promise<number> {
	const script = `TIMEFORMAT='%U %S'; time "$@" >/dev/null`;
	const { stderr } = await run('bash', ['-c', script, 'bash', process.execPath, ...words], {
		env: { ...process.env, LC_ALL: 'C' },
	});
	const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
	return (user + system) * 1000;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

// In turn, so that whatever else the machine does falls on all of them.
const found = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
for (let round = 0; round < rounds; round++)
	for (const [name, words] of Object.entries(commands)) found.get(name)?.push(await cost(words));

const least = median(found.get('node -e 0') ?? []);
console.log(`| command | CPU ms, median of ${rounds} | ratio |\n|---|---|---|`);
for (const [name, costs] of found)
	console.log(`| \`${name}\` | ${median(costs).toFixed(0)} | ${(median(costs) / least).toFixed(2)} |`);
console.log(`\nWanted: \`kstack --help\` at most ${wanted} times \`node -e 0\`.`);
