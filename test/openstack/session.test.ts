import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { isNotFound } from '../../src/openstack/absence.ts';
import { json } from '../../src/openstack/client.ts';
import { Session } from '../../src/openstack/session.ts';
import { temporaryFolder } from '../support/folders.ts';
import { systemPath } from '../support/processes.ts';

const fullStop = `printf '[\\n  {\\n    "Command Group": "openstack.cli",\\n    "Commands": [\\n      "module list"\\n    ]\\n  }\\n]\\n'`;

/** A client that counts how often it is started; `asked` is what its own shell does with a line. */
async function client(asked: string, otherwise = 'exit 9', end = fullStop) {
	const bin = path.join(await temporaryFolder(), 'bin');
	await mkdir(bin);
	const program = `#!/bin/bash
echo "$#" >>${bin}/starts
[ $# -eq 0 ] || { ${otherwise}; exit; }
while IFS= read -r line; do
	[ "$line" != 'command list --group openstack.cli -f json' ] || { ${end}; continue; }
	${asked}
done
`;
	await writeFile(path.join(bin, 'openstack'), program);
	await chmod(path.join(bin, 'openstack'), 0o755);
	process.env.PATH = `${bin}:${systemPath}`;
	return { starts: async () => (await readFile(path.join(bin, 'starts'), 'utf8')).trim().split('\n') };
}

const echo = `printf '{"line": "%s"}\\n' "$line"`;

test.serial('many questions at once are answered each by its own answer, by one process', async (t) => {
	const { starts } = await client(echo);
	const session = new Session();
	const questions = ['stack show one', 'stack show two', 'server list --name x-1'];
	const answers = await Promise.all(questions.map((question) => session.run(question.split(' '))));
	t.deepEqual(
		answers.map((said) => JSON.parse(said?.stdout ?? '').line),
		questions,
	);
	t.deepEqual(await starts(), ['0']);
});

test.serial('the answer ends where the full stop begins, however the pieces come', async (t) => {
	const piece = fc.stringMatching(/^[ -~\n]{0,40}$/);
	await fc.assert(
		fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (pieces) => {
			const encoded = pieces.map((text) => Buffer.from(text).toString('base64'));
			await client(encoded.map((text) => `base64 -d <<<'${text}'; sleep 0.01`).join('\n') || ':');
			const said = await new Session().run(['stack', 'list']);
			t.is(said?.stdout, pieces.join(''));
		}),
		{ numRuns: 5 },
	);
});

test.serial('the end of a line that comes by itself disturbs no question', async (t) => {
	const late = fullStop.replace(/\\n'$/, `'; sleep 0.003; echo`);
	t.not(late, fullStop);
	await client(echo, undefined, late);
	// With turns of some milliseconds, the end of the line often comes a turn later than what is before it.
	let over = false;
	const turn = () => {
		const end = performance.now() + 2;
		while (performance.now() < end);
		if (!over) setImmediate(turn);
	};
	turn();
	const session = new Session();
	for (let question = 0; question < 30; question++) {
		const said = await session.run(['stack', 'show', String(question)]);
		t.is(JSON.parse(said?.stdout ?? '').line, `stack show ${question}`);
	}
	over = true;
});

test.serial('what the client says against a question is an error of that question alone', async (t) => {
	await client(`case $line in *nosuch*) echo 'Stack not found: nosuch' >&2 ;; *) ${echo} ;; esac`);
	const error = await t.throwsAsync(json(['stack', 'show', 'nosuch']));
	t.true(isNotFound(error));
	t.regex(error?.message ?? '', /openstack stack show nosuch/);
	t.deepEqual(await json(['stack', 'list']), { line: 'stack list -f json' });
});

const withoutSession = test.macro(async (t: ExecutionContext, asked: string, words: string[]) => {
	await client(asked, `printf '["%s"]' "$3"`);
	const { json: freshJson } = (await import(`../../src/openstack/client.js?${t.title}`)) as {
		json: typeof json;
	};
	t.deepEqual(await freshJson(words), [words[2]]);
	t.deepEqual(await freshJson(words), [words[2]]);
});

test.serial('a client that ends where words are missing is run for each question', withoutSession, 'exit 2', [
	...['stack', 'show', 'demo'],
]);
test.serial(
	'words with quotes, blanks or signs of a shell are given to a client of their own',
	withoutSession,
	echo,
	[...['image', 'show', `it's; rm | x > y`]],
);
test.serial(
	'a client whose own shell shows a prompt is run for each question',
	withoutSession,
	"printf '(openstack) '; echo '[]'",
	[...['stack', 'show', 'demo']],
);
