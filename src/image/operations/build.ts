import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { requireWritablePath } from '../../base/output.ts';
import { say } from '../../base/say.ts';
import { BuildLog } from '../build/build-log.ts';
import { runDiskimageBuilder } from '../build/diskimage-builder.ts';
import { explainFailure } from '../build/failure.ts';
import { type BuildInputs, gatherInputs, withFiles } from '../build/inputs.ts';
import { makeLock, packagesFor } from '../build/make-lock.ts';
import { checkPrerequisites } from '../build/prerequisites.ts';
import { planFor } from '../build/request.ts';
import { readBundle, unpackBundle } from '../bundle/unbundle.ts';
import type { Supply } from '../fetch/fetch.ts';
import type { KubernetesSource } from '../fetch/kubernetes.ts';
import { differences, type Lock, lockText, readLock } from '../spec/lock.ts';
import type { ImagePlan } from '../spec/plan.ts';
import { publish } from '../workspace/publish.ts';
import {
	cacheFolder,
	createWorkFolder,
	lockOutput,
	removeAbandonedWorkFolders,
	removeWorkFolder,
} from '../workspace/work-folder.ts';

/** Options of a build. */
export interface BuildOptions {
	/** The qcow2 to write; an older file is replaced when the new one is complete. */
	readonly out?: string | undefined;
	/** The lock that the image must be made from; `''` means the profile's name with `.lock.json`. */
	readonly locked?: string | undefined;
	/** Additional container images: references, or archives. */
	readonly withImages?: readonly string[];
	readonly supply: Supply;
}

/**
 * Refuses what differs from a lock.
 *
 * @param what  the beginning of the sentence "… from the lock", with its verb
 * @throws UserError that names each difference
 */
function requireSameLock(
	wanted: Lock,
	found: Lock,
	what: string,
	hint = 'Write a new lock with: kimg lock',
): void {
	const lines = differences(wanted, found).map((line) => `  - ${line}`);
	if (lines.length === 0) return;
	throw new UserError(`${what} from the lock:\n${lines.join('\n')}`, {
		hint,
	});
}

/** Warnings about images that are not meant for production. */
function warn({ profile, kubernetes }: ImagePlan, source: KubernetesSource): void {
	if (profile.archived) {
		say(`Debian ${profile.debian} gets no security updates: use Debian 12 or 13 in production`);
	}
	if (source === 'debian') say(`Kubernetes ${kubernetes} is out of support: use it for tests only`);
}

type Sources = Readonly<Record<string, string>>;
interface Folders {
	readonly work: string;
	readonly cache: string;
}

/** An image to build, and how its input gets to this machine. */
interface PreparedBuild {
	readonly plan: ImagePlan;
	/** The source of Kubernetes. */
	readonly source: KubernetesSource;
	/**
	 * Writes all input except Debian packages, and resolves those.
	 *
	 * @returns with `wanted`, the lock that the image must match
	 */
	gather(
		sources: Sources,
		folders: Folders,
		log: BuildLog,
	): Promise<{ lock: Lock; inputs: BuildInputs; wanted: Lock | undefined }>;
}

async function prepareBuild(
	profileWord: string,
	sourceWord: string,
	{ locked, withImages, supply }: BuildOptions,
): Promise<PreparedBuild> {
	const { plan, source } = await planFor(profileWord, sourceWord, withImages);
	const wanted =
		locked === undefined ? undefined : await readLock(locked || `${plan.profile.name}.lock.json`);
	return {
		plan,
		source,
		gather: async (sources, folders, log) => {
			warn(plan, source);
			log.clock.enter('versions');
			const lock = await makeLock(plan, source, sources, supply, folders, wanted);
			if (wanted !== undefined) requireSameLock(wanted, lock, 'The available versions differ');
			log.clock.enter('downloads');
			const inputs = await gatherInputs(plan, lock, source, folders.work, folders.cache, supply);
			await writeFile(inputs.places.lock, lockText(withFiles(lock, inputs)));
			return { lock, inputs, wanted };
		},
	};
}

async function prepareBundledBuild(file: string): Promise<PreparedBuild> {
	const bundle = await readBundle(file);
	const { plan } = bundle;
	return {
		plan,
		source: { folder: file },
		gather: async (sources, { work }, log) => {
			warn(plan, bundle.source === 'folder' ? { folder: file } : bundle.source);
			log.clock.enter('bundle');
			const { lock: wanted, inputs } = await unpackBundle(file, bundle, work);
			log.clock.enter('versions');
			const { date, packages } = await packagesFor(
				inputs.elements,
				plan.profile.release,
				sources,
				work,
				wanted,
			);
			const lock = { ...wanted, debian: { ...wanted.debian, date }, packages };
			const hint = `Use a mirror snapshot of ${wanted.debian.date}, or create a new bundle with: kimg bundle`;
			requireSameLock(wanted, lock, "The packages of this machine's mirror differ", hint);
			await writeFile(inputs.places.lock, lockText(lock));
			return { lock, inputs, wanted };
		},
	};
}

/**
 * Builds the image of a profile: resolves its input, then builds exactly that.
 *
 * @param profileWord  the name of a profile, or a profile file
 * @param sourceWord   source of Kubernetes: `upstream`, `debian`, or a folder
 * @returns the file's path
 * @throws UserError when something is missing or differs from the lock, or the build fails
 */
export async function buildImage(
	profileWord: string,
	sourceWord: string,
	options: BuildOptions,
): Promise<string> {
	return build(await prepareBuild(profileWord, sourceWord, options), options);
}

/**
 * Builds the image of a bundle, from only the bundle and Debian's packages.
 *
 * @returns the file's path
 * @throws UserError when the bundle is damaged, a package is not available in its version, or the build fails
 */
export async function buildBundle(file: string, options: BuildOptions): Promise<string> {
	return build(await prepareBundledBuild(file), options);
}

async function build(
	{ plan, source, gather }: PreparedBuild,
	{ out, supply }: BuildOptions,
): Promise<string> {
	const began = Date.now();
	const { name } = plan.profile;
	const target = path.resolve(out ?? `${name}.qcow2`);
	const basePath = target.replace(/\.qcow2$/, '');
	await requireWritablePath(target);
	const cache = cacheFolder();
	const room = { [cache]: source === 'debian' ? 6e9 : 5e9, [path.dirname(target)]: 1e9 };
	const packages = await checkPrerequisites(plan, source, supply, room);

	await lockOutput(basePath);
	const folders = [cache, path.dirname(target)];
	const log = new BuildLog(`${basePath}.log`, say, folders);
	await removeAbandonedWorkFolders(cache);
	const work = await createWorkFolder(cache);
	try {
		const { lock, inputs, wanted } = await gather(packages.sources, { work, cache }, log);
		const image = await runDiskimageBuilder(plan, inputs, lock, packages, { work, cache }, log);
		const built = await readLock(inputs.places.lock);
		if (wanted !== undefined) requireSameLock(wanted, built, `The image built as ${name} differs`);
		else for (const line of differences(lock, built)) say(line);
		const record = inputs.elements.find((file) => file.path.endsWith('/usr/share/kstack/image.json'));
		await writeFile(path.join(work, 'image.json'), record?.text ?? '{}\n');
		await publish({
			[target]: image,
			[`${basePath}.json`]: path.join(work, 'image.json'),
			[`${basePath}.lock.json`]: inputs.places.lock,
		});
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw explainFailure(name, error, log, folders);
	} finally {
		log.close();
		await removeWorkFolder(work);
	}
	say(`${name} with Kubernetes ${plan.kubernetes}, built in ${Math.round((Date.now() - began) / 1000)} s`);
	return target;
}
