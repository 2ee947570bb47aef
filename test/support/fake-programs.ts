// Programs on a node's PATH that a test answers for, in its own process and with its own state.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { tool } from './processes.ts';

export interface Answer {
	readonly stdout?: string;
	readonly stderr?: string;
	readonly code?: number;
}

/** `input` is what came on standard input where an argument is `-`. */
export type Program = (args: readonly string[], input?: string) => Answer | Promise<Answer>;

/** Puts a stand-in for each program into `root`/bin, and returns that folder. */
export async function programsOn(
	t: ExecutionContext,
	root: string,
	programs: Readonly<Record<string, Program>>,
): Promise<string> {
	const socket = path.join(root, 'programs');
	const server = createServer(async (request, response) => {
		let text = '';
		for await (const chunk of request.setEncoding('utf8')) text += chunk;
		const [name = '', count, ...rest] = text.split('\0');
		const args = rest.slice(0, Number(count));
		const input = rest.slice(Number(count)).join('\0');
		let answer: Answer;
		try {
			answer = (await programs[name]?.(args, input)) ?? {};
		} catch (error) {
			answer = { code: 70, stderr: `${error}\n` };
		}
		const encoded = [answer.stdout, answer.stderr].map((said) => Buffer.from(said ?? '').toString('base64'));
		response.end(`${answer.code ?? 0}\n${encoded.join('\n')}\n`);
	});
	await new Promise<void>((resolve) => server.listen(socket, resolve));
	t.teardown(() => server.close());
	const bin = path.join(root, 'bin');
	await mkdir(bin, { recursive: true });
	for (const name of Object.keys(programs)) {
		const text = `#!/bin/bash
call() {
	printf '%s\\0' ${name} "$#" "$@"
	for word; do [ "$word" != - ] || exec cat; done
}
{ read -r code; read -r out; read -r words; } < <(call "$@" |
	${tool('curl', 'curl')} --silent --unix-socket ${socket} --data-binary @- http://test/)
base64 -d <<<"$out"
base64 -d <<<"$words" >&2
exit "$code"
`;
		await writeFile(path.join(bin, name), text);
		await chmod(path.join(bin, name), 0o755);
	}
	return bin;
}
