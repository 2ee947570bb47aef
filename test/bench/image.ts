// What kimg costs beside what it stands on: diskimage-builder with its own elements, and mmdebstrap alone, for the
// same packages. Kubernetes is there already in all of them.
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package.ts';
import { searchPath } from '../../src/image/build/diskimage-builder.ts';
import { aptSources, mirrorsFor } from '../../src/image/debian/apt.ts';
import { archiveKeyring, basePackages } from '../../src/image/debian/base.ts';
import { packagesOf, renderElements } from '../../src/image/spec/elements.ts';
import { planImage } from '../../src/image/spec/plan.ts';
import { profileNamed } from '../../src/image/spec/profiles.ts';
import { cacheFolder } from '../../src/image/workspace/work-folder.ts';

const profile = profileNamed('debian12-x64-kubernetes');
const run = promisify(execFile);
const folder = await mkdtemp(path.join(tmpdir(), 'kimg-bench-'));
const at = (...names: string[]) => path.join(folder, ...names);

interface Cost {
	/** Seconds of user and system time, of all processes that it took. */
	readonly cpu: number;
	readonly wall: number;
}

/** Runs a command to its end, and asks the shell what it cost. */
async function costOf(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Cost> {
	const script = `TIMEFORMAT='%R %U %S'; time "$@" >${at('log')} 2>&1`;
	const { stderr } = await run('bash', ['-c', script, 'bash', ...command], {
		env: { ...process.env, ...env },
	});
	const [wall, user, system] = stderr.trim().split(' ').map(Number) as [number, number, number];
	return { wall, cpu: user + system };
}

/** Kubernetes as an earlier build has made it from Debian's source, copied so that a program can be changed. */
async function ownKubernetes(): Promise<string> {
	const made = path.join(cacheFolder(), 'kubernetes');
	const names = (await readdir(made)).filter((name) => name.includes('debian'));
	if (names.length === 0) throw new Error('no Kubernetes in the cache: run scripts/quickstart once');
	await cp(path.join(made, names[0] as string), at('kubernetes'), { recursive: true });
	return at('kubernetes');
}

const sources = aptSources(profile, await mirrorsFor(profile));
const packages = basePackages(
	packagesOf(await renderElements(planImage(profile, '1.20.2', true)), profile.release),
);

/** mmdebstrap and nothing else: what any builder of this image has to do at least. */
function floor(): Promise<Cost> {
	const options = ['--variant=minbase', `--include=${packages.join(',')}`, `--keyring=${archiveKeyring}`];
	return costOf(['mmdebstrap', ...options, profile.release, at('floor.tar'), ...Object.values(sources)]);
}

/** diskimage-builder as it comes, with nothing kept from before. */
async function stock(): Promise<Cost> {
	const env = {
		PATH: await searchPath(),
		TMP_DIR: folder,
		DIB_IMAGE_CACHE: at('stock-cache'),
		DIB_RELEASE: profile.release,
		DIB_PYTHON_VERSION: '3',
		DIB_DISTRIBUTION_MIRROR: (await mirrorsFor(profile)).main,
		DIB_APT_SOURCES_CONF: Object.entries(sources)
			.map(([name, line]) => `${name}:${line}`)
			.join('\n'),
	};
	const elements = ['debian-minimal', 'vm', 'block-device-mbr'];
	return costOf(['disk-image-create', '-n', '-o', at('stock'), '-p', packages.join(','), ...elements], env);
}

function kimg(kubernetes: string): Promise<Cost> {
	const program = path.join(packageRoot, 'build/src/kimg.js');
	const words = ['build', profile.name, '--kubernetes-source', kubernetes, '--out', at('image.qcow2')];
	return costOf([process.execPath, program, ...words], { KSTACK_CACHE: at('cache') });
}

/** The compression of the image that was built, by itself. */
async function compression(): Promise<Cost> {
	await run('qemu-img', ['convert', '-O', 'raw', at('image.qcow2'), at('image.raw')]);
	const options = ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd'];
	return costOf(['qemu-img', 'convert', ...options, at('image.raw'), at('again.qcow2')]);
}

try {
	await mkdir(at('cache'));
	const kubernetes = await ownKubernetes();
	const rows: [string, Cost][] = [];
	const measure = async (what: string, cost: () => Promise<Cost>) => {
		const found = await cost();
		rows.push([what, found]);
		console.error(`${what}: ${found.cpu.toFixed(0)} CPU s, ${found.wall.toFixed(0)} s`);
		return found.cpu;
	};
	const least = await measure('`mmdebstrap` alone, the same packages', floor);
	const plain = await measure('`disk-image-create`, its own elements, the same packages', stock);
	const cold = await measure('`kimg build`, nothing cached', () => kimg(kubernetes));
	const packed = await measure('compression of that image alone', compression);
	const warm = await measure('`kimg build` again', () => kimg(kubernetes));
	// A program stays one with something behind its end.
	await appendFile(path.join(kubernetes, 'bin/kube-scheduler'), 'changed');
	const changed = await measure('`kimg build`, one component changed', () => kimg(kubernetes));

	console.log('| what | CPU s | wall s |\n|---|---|---|');
	for (const [what, { cpu, wall }] of rows)
		console.log(`| ${what} | ${cpu.toFixed(0)} | ${wall.toFixed(0)} |`);
	const size = (await stat(at('image.qcow2'))).size / 1e6;
	const ratios: [string, number, number][] = [
		['cold, of mmdebstrap and compression', cold / (least + packed), 1.25],
		['warm, of plain diskimage-builder', warm / plain, 0.5],
		['one component changed, of plain diskimage-builder', changed / plain, 0.3],
		['size of the qcow2, of 600 MB', size / 600, 1],
	];
	console.log('\n| ratio | found | wanted at most |\n|---|---|---|');
	for (const [what, found, wanted] of ratios) console.log(`| ${what} | ${found.toFixed(2)} | ${wanted} |`);
} catch (error) {
	console.error(await run('tail', ['-n', '20', at('log')]).then(({ stdout }) => stdout, String));
	throw error;
} finally {
	await rm(folder, { recursive: true, force: true });
}
