import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Parameters } from '../spec/parameters.ts';
import { writeSecret } from './directory.ts';

/** A parameter's value as Heat is told it. */
export function textOf(value: unknown): string {
	return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
}

/** A folder for what the client is to read, gone when `use` is done. */
export async function inTemporaryFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
	const folder = await mkdtemp(path.join(tmpdir(), 'kstack-'));
	try {
		return await use(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** Parameters as arguments; those that are secret, or that the client would split, by way of files. */
export async function parameterArguments(
	requested: Readonly<Record<string, string>>,
	secrets: Parameters,
	folder: string,
): Promise<string[]> {
	const plain = Object.entries(requested).filter(([, value]) => /^[\w.:/,@+-]*$/.test(value));
	const others = Object.entries(requested).filter(([, value]) => !/^[\w.:/,@+-]*$/.test(value));
	const words = plain.flatMap(([name, value]) => ['--parameter', `${name}=${value}`]);
	for (const [name, value] of [...others, ...Object.entries(secrets)]) {
		// No environment file: Heat would keep its text with the templates, where nothing is hidden.
		const file = path.join(folder, name);
		await writeSecret(file, textOf(value));
		words.push('--parameter-file', `${name}=${pathToFileURL(file).href}`);
	}
	return words;
}
