import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/package.ts';

const native = 'typescript' in process.features && Boolean(process.features.typescript);
const cache = path.join(packageRoot, 'node_modules/.cache/kstack-tests');
const sources = ['src', 'test/fixtures/program.ts'];

async function textsOf(place: string): Promise<string[]> {
	const absolute = path.join(packageRoot, place);
	if ((await stat(absolute)).isFile()) return [place, await readFile(absolute, 'utf8')];
	const entries = (await readdir(absolute)).sort().map((name) => textsOf(path.join(place, name)));
	return (await Promise.all(entries)).flat();
}

/** The package compiled, in a folder that looks like it: tsx would cost each start half a second. */
async function compile(): Promise<string> {
	const hash = createHash('sha256');
	for (const place of sources) for (const text of await textsOf(place)) hash.update(`${text}\0`);
	const folder = path.join(cache, hash.digest('hex').slice(0, 16));
	if (existsSync(folder)) return folder;
	const draft = `${folder}.${process.pid}`;
	await mkdir(draft, { recursive: true });
	const config = path.join(draft, 'tsconfig.json');
	await writeFile(
		config,
		JSON.stringify({
			extends: path.join(packageRoot, 'tsconfig.json'),
			compilerOptions: { noEmit: false, noCheck: true, rootDir: packageRoot, outDir: draft },
			include: sources.map((place) => path.join(packageRoot, place)),
		}),
	);
	const tsc = path.join(packageRoot, 'node_modules/typescript/bin/tsc');
	await promisify(execFile)(process.execPath, [tsc, '-p', config]);
	for (const name of ['package.json', 'components.yaml', 'elements', 'cloud-init', 'heat', 'scripts'])
		await symlink(path.join(packageRoot, name), path.join(draft, name));
	// Another test may have been first, with the same.
	await rename(draft, folder).catch(() => rm(draft, { recursive: true }));
	await forgetOld(folder);
	return folder;
}

async function forgetOld(current: string): Promise<void> {
	const anHourAgo = Date.now() - 3_600_000;
	for (const name of await readdir(cache)) {
		const folder = path.join(cache, name);
		const age = await stat(folder).catch(() => undefined);
		if (folder !== current && age !== undefined && age.mtimeMs < anHourAgo)
			await rm(folder, { recursive: true, force: true });
	}
}

let compiled: Promise<string> | undefined;

/** What Node is to run for a program of `sources`: the file itself where Node understands TypeScript. */
export async function runnable(file: string): Promise<string> {
	if (native) return path.join(packageRoot, file);
	compiled ??= compile();
	return path.join(await compiled, file.replace(/\.ts$/, '.js'));
}
