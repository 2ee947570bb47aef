import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withNamelessFiles } from '../../base/nameless-files.ts';
import { openstack } from '../../openstack/client.ts';
import { textOf } from '../spec/heat-values.ts';
import type { Parameters } from '../spec/parameters.ts';

/** A folder for what the client is to read, gone when `use` is done. */
export async function inTemporaryFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
	const folder = await mkdtemp(path.join(tmpdir(), 'kstack-'));
	try {
		return await use(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/**
 * Runs the client with parameters. Those that are secret, or that the client would split, it reads from files that
 * have no name.
 *
 * @param words  the client's words, around the arguments for the parameters
 * @returns what the client printed
 */
export function openstackWith(
	requested: Readonly<Record<string, string>>,
	secrets: Parameters,
	words: (parameters: readonly string[]) => readonly string[],
): Promise<string> {
	const isPlain = (value: string) => /^[\w.:/,@+-]*$/.test(value);
	const entries = Object.entries(requested);
	const others = [...entries.filter(([, value]) => !isPlain(value)), ...Object.entries(secrets)];
	return withNamelessFiles(async (files) => {
		const parameters = entries
			.filter(([, value]) => isPlain(value))
			.flatMap(([name, value]) => ['--parameter', `${name}=${value}`]);
		for (const [name, value] of others) {
			// No environment file: Heat would keep its text with the templates, where nothing is hidden.
			parameters.push('--parameter-file', `${name}=file://${await files.add(textOf(value))}`);
		}
		return openstack(words(parameters), { files: files.descriptors });
	});
}
