// Operations of kstack called as a program calls them: in this process, without a terminal.
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withCaller } from '../../src/base/caller.ts';
import { type Answers, fakeCloud } from './fake-cloud.ts';

/** What an operation said and asked, and what it wrote to stderr of this process. */
export interface Called<Result> {
	readonly result: Result | undefined;
	readonly error: (Error & { exitCode?: number; code?: string }) | undefined;
	readonly told: readonly string[];
	readonly questions: readonly string[];
	readonly stderr: string;
	/** What the client was asked. */
	readonly asked: readonly string[];
}

let link: string | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Calls an operation in a folder, against a cloud that answers so. One call after the other: folder, environment and
 * stderr are the process's.
 *
 * @param answer  what is answered to every question
 * @param onMessage  called with each message
 */
export function callOperation<Result>(
	stages: readonly Answers[],
	folder: string,
	operation: () => Promise<Result>,
	answer = true,
	onMessage: (message: string) => void = () => {},
): Promise<Called<Result>> {
	const called = last.then(() => call(stages, folder, operation, answer, onMessage));
	last = called.catch(() => undefined);
	return called;
}

async function call<Result>(
	stages: readonly Answers[],
	folder: string,
	operation: () => Promise<Result>,
	answer: boolean,
	onMessage: (message: string) => void,
): Promise<Called<Result>> {
	const cloud = await fakeCloud(...stages);
	// The client's process stays for all calls of this process, with the environment that it began with.
	link ??= path.join(await mkdtemp(path.join(tmpdir(), 'kstack-test-')), 'cloud');
	await rm(link, { force: true });
	await symlink(String(cloud.env.FAKE_CLOUD), link);
	Object.assign(process.env, cloud.env, { FAKE_CLOUD: link });
	process.chdir(folder);
	const told: string[] = [];
	const questions: string[] = [];
	const caller = {
		tell: (message: string) => {
			told.push(message);
			onMessage(message);
		},
		confirm: async (question: string) => {
			questions.push(question);
			return answer;
		},
	};
	let stderr = '';
	const { write } = process.stderr;
	process.stderr.write = ((text: string) => {
		stderr += text;
		return true;
	}) as typeof process.stderr.write;
	let result: Result | undefined;
	let error: Error | undefined;
	try {
		result = await withCaller(caller, operation);
	} catch (thrown) {
		error = thrown as Error;
	} finally {
		process.stderr.write = write;
	}
	return { result, error, told, questions, stderr, asked: await cloud.asked() };
}
