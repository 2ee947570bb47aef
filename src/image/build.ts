import { copyFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { interrupted } from '../interrupt.ts';
import { CommandError } from '../run.ts';
import { say } from '../say.ts';
import { BuildLog } from './build-log.ts';
import { runDiskimageBuilder } from './diskimage-builder.ts';
import type { Supply } from './fetch.ts';
import { type BuildInputs, gatherInputs } from './inputs.ts';
import type { KubernetesSource } from './kubernetes.ts';
import { differences, type Lock, lockText, readLock } from './lock.ts';
import { makeLock } from './lock-image.ts';
import type { ImagePlan } from './plan.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { planFor } from './request.ts';
import { cacheFolder, closeAbandoned, closeWorkplace, openWorkplace } from './workplace.ts';

/** How an image is to be built, where that is not left to kimg. */
export interface BuildOptions {
	/** The qcow2 to write; an older one is replaced once the new one is whole. */
	readonly out?: string | undefined;
	/** The lock that the image must be made from; as `''`, the profile's name with `.lock.json`. */
	readonly locked?: string | undefined;
	/** Container images that are added: references, or archives. */
	readonly withImages?: readonly string[];
	readonly supply: Supply;
}

/**
 * Refuses what is not what a lock says.
 *
 * @param what  the beginning of the sentence "… not what LOCK says"
 * @throws UserError that names each difference
 */
function mustBe(wanted: Lock, found: Lock, what: string): void {
	const lines = differences(wanted, found).map((line) => `  - ${line}`);
	if (lines.length === 0) return;
	throw new UserError(`${what} not what the lock says:\n${lines.join('\n')}`, {
		hint: '`kimg lock` writes a new lock.',
	});
}

/** A lock with the checksums of what each component puts onto the image, and of the container images' archives. */
function withFiles(lock: Lock, { files, archives }: BuildInputs): Lock {
	const components = Object.entries(lock.components).map(([name, component]) => {
		const own = files[name];
		return [name, own === undefined ? component : { ...component, files: own }] as const;
	});
	const images = Object.entries(lock.images).map(
		([name, image]) => [name, { ...image, checksum: archives[image.archive] as string }] as const,
	);
	return { ...lock, components: Object.fromEntries(components), images: Object.fromEntries(images) };
}

/** What the operator should know before choosing this image for anything that lasts. */
function warn({ profile, kubernetes }: ImagePlan, source: KubernetesSource): void {
	if (profile.archived) {
		say(`Debian ${profile.debian} gets no security updates: take Debian 12 or 13 for anything that lasts`);
	}
	if (source === 'debian') say(`Kubernetes ${kubernetes} is out of support: for tests and a first look`);
}

/** Moves a file to its place in one step, across file systems too. */
async function moveInto(file: string, target: string): Promise<void> {
	try {
		await rename(file, target);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
		const beside = `${target}.${process.pid}`;
		await copyFile(file, beside);
		await rename(beside, target);
	}
}

/**
 * Builds the image of a profile: resolves what it is made from, and makes exactly that.
 *
 * @param profileWord  the name of a profile, or the file of an own one
 * @param sourceWord   where Kubernetes comes from: `upstream`, `debian`, or a folder
 * @returns the file's path
 * @throws UserError when something is missing, is not what the lock says, or the build fails
 */
export async function buildImage(
	profileWord: string,
	sourceWord: string,
	{ out, locked, withImages, supply }: BuildOptions,
): Promise<string> {
	const began = Date.now();
	const { plan, source } = await planFor(profileWord, sourceWord, withImages);
	const { name } = plan.profile;
	const wanted = locked === undefined ? undefined : await readLock(locked || `${name}.lock.json`);
	const target = path.resolve(out ?? `${name}.qcow2`);
	const beside = target.replace(/\.qcow2$/, '');
	const cache = cacheFolder();
	const room = { [cache]: source === 'debian' ? 6e9 : 5e9, [path.dirname(target)]: 1e9 };
	const packages = await checkPrerequisites(plan, source, supply, room);
	warn(plan, source);

	const log = new BuildLog(`${beside}.log`, say);
	await closeAbandoned(cache);
	const work = await openWorkplace(cache);
	try {
		log.clock.enter('versions');
		const lock = await makeLock(plan, source, packages.sources, supply, { work, cache }, wanted);
		if (wanted !== undefined) mustBe(wanted, lock, 'What can be had here is');
		log.clock.enter('downloads');
		const inputs = await gatherInputs(plan, lock, source, work, cache, supply);
		await writeFile(inputs.places.lock, lockText(withFiles(lock, inputs)));
		const image = await runDiskimageBuilder(plan, inputs, lock, packages, { work, cache }, log);
		const built = await readLock(inputs.places.lock);
		if (wanted !== undefined) mustBe(wanted, built, `What was built as ${name} is`);
		else for (const line of differences(lock, built)) say(line);
		const record = inputs.elements.find((file) => file.path.endsWith('/usr/share/kstack/image.json'));
		await writeFile(`${beside}.json`, record?.text ?? '{}\n');
		await copyFile(inputs.places.lock, `${beside}.lock.json`);
		await moveInto(image, target);
	} catch (error) {
		interrupted.signal.throwIfAborted();
		if (!(error instanceof CommandError)) throw error;
		throw new UserError(`${name} could not be built. The last lines were:\n${log.tail}`, {
			hint: `The whole log is ${log.file}.`,
			cause: error,
		});
	} finally {
		log.close();
		await closeWorkplace(work);
	}
	say(`${name} with Kubernetes ${plan.kubernetes}, built in ${Math.round((Date.now() - began) / 1000)} s`);
	return target;
}
