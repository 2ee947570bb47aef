import { existsSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { withCaller } from '../../base/caller.ts';
import { inTemporaryFolder } from '../heat/arguments.ts';
import { directoryAt, type StackDirectory, setValues } from '../heat/directory.ts';
import { setPoolCounts } from '../heat/pool-files.ts';
import type { Stack } from '../heat/stack.ts';
import { countsOf } from '../spec/generations.ts';
import { poolsOf } from '../spec/pools.ts';
import type { Step } from './runner.ts';
import { writeBack } from './write-back.ts';

type Write = (directory: StackDirectory) => Promise<unknown>;

const silentCaller = { tell: () => {}, confirm: async () => false };

/** Whether writing would change cluster.yaml or parameters.yaml, determined with copies. */
async function wouldChange(directory: StackDirectory, write: Write): Promise<boolean> {
	return inTemporaryFolder(async (folder) => {
		const copy = directoryAt(folder);
		const files = (['cluster', 'parameters'] as const)
			.map((key) => [directory[key], copy[key]] as const)
			.filter(([file]) => existsSync(file));
		for (const [file, other] of files) await copyFile(file, other);
		await withCaller(silentCaller, () => write(copy));
		const same = await Promise.all(
			files.map(async ([file, other]) => (await readFile(file, 'utf8')) === (await readFile(other, 'utf8'))),
		);
		return same.includes(false);
	});
}

async function syncSteps(directory: StackDirectory, write: Write): Promise<Step<unknown>[]> {
	if (!(await wouldChange(directory, write))) return [];
	return [
		{
			title: `Writing the values of the stack to the files in ${directory.path}`,
			run: async () => void (await write(directory)),
		},
	];
}

/** The step that writes all values of the stack to the files of its directory; none if they are up to date. */
export const syncAllSteps = (stack: Stack, directory: StackDirectory) =>
	syncSteps(directory, (files) => writeBack(stack, files, { settings: {} }, {}));

/** The same for the counts of the pools with these names only; other edits of the files are kept. */
export function syncCountSteps(stack: Stack, directory: StackDirectory, names: ReadonlySet<string>) {
	const counts = countsOf(stack.parameters, '');
	const pools = poolsOf(stack.parameters).filter(({ name }) => names.has(name));
	const isDefault = ({ further }: (typeof pools)[number]) => !further;
	const by = (key: 'id' | 'name', chosen: typeof pools, suffix = '') =>
		Object.fromEntries(chosen.map((pool) => [`${pool[key]}${suffix}`, counts[pool.id] ?? 0]));
	return syncSteps(directory, async (files) => {
		if (existsSync(files.cluster)) {
			await setValues(files.cluster, '', by('name', pools.filter(isDefault)));
			await setPoolCounts(
				files.cluster,
				by(
					'name',
					pools.filter((pool) => !isDefault(pool)),
				),
			);
		}
		if (existsSync(files.parameters)) await setValues(files.parameters, '  ', by('id', pools, '_count'));
	});
}
