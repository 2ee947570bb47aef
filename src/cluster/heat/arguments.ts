import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withNamelessFiles } from '../../base/nameless-files.ts';
import { openstack } from '../../openstack/client.ts';
import { textOf } from '../spec/heat-values.ts';
import type { Parameters } from '../spec/parameters.ts';

/** Calls `use` with a temporary folder, and deletes the folder afterwards. */
export async function inTemporaryFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
	const folder = await mkdtemp(path.join(tmpdir(), 'kstack-'));
	try {
		return await use(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/**
 * Runs the client with Heat parameters. Secret values, and values that the client would split, are passed in deleted
 * temporary files.
 *
 * @param args  returns the client's arguments, given those for the parameters
 * @returns what the client printed
 */
export function openstackWith(
	requested: Readonly<Record<string, string>>,
	secrets: Parameters,
	args: (parameters: readonly string[]) => readonly string[],
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
		return openstack(args(parameters), { files: files.descriptors });
	});
}
