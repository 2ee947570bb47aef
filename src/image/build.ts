import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { interrupted } from '../interrupt.ts';
import { say } from '../say.ts';
import { BuildLog } from './build-log.ts';
import { runDiskimageBuilder } from './diskimage-builder.ts';
import { explainFailure } from './failure.ts';
import type { Supply } from './fetch.ts';
import { type BuildInputs, gatherInputs } from './inputs.ts';
import type { KubernetesSource } from './kubernetes.ts';
import { differences, type Lock, lockText, readLock } from './lock.ts';
import { makeLock } from './lock-image.ts';
import type { ImagePlan } from './plan.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { publish } from './publish.ts';
import { planFor } from './request.ts';
import { cacheFolder, claim, closeAbandoned, closeWorkplace, openWorkplace } from './workplace.ts';

/** How an image is to be built, where that is not left to kimg. */
export interface BuildOptions {
	/** The qcow2 to write; an older one is replaced once the new one is whole. */
	readonly out?: string | undefined;
	/** The lock that the image must be made from; as `''`, the profile's name with `.lock.json`. */
	readonly locked?: string | undefined;
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

/** A lock with the checksums of the files that each component puts onto the image. */
function withFiles(lock: Lock, files: BuildInputs['files']): Lock {
	const components = Object.entries(lock.components).map(([name, component]) => {
		const own = files[name];
		return [name, own === undefined ? component : { ...component, files: own }] as const;
	});
	return { ...lock, components: Object.fromEntries(components) };
}

/** What the operator should know before choosing this image for anything that lasts. */
function warn({ profile, kubernetes }: ImagePlan, source: KubernetesSource): void {
	if (profile.archived) {
		say(`Debian ${profile.debian} gets no security updates: take Debian 12 or 13 for anything that lasts`);
	}
	if (source === 'debian') say(`Kubernetes ${kubernetes} is out of support: for tests and a first look`);
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
	{ out, locked, supply }: BuildOptions,
): Promise<string> {
	const began = Date.now();
	const { plan, source } = await planFor(profileWord, sourceWord);
	const { name } = plan.profile;
	const wanted = locked === undefined ? undefined : await readLock(locked || `${name}.lock.json`);
	const target = path.resolve(out ?? `${name}.qcow2`);
	const beside = target.replace(/\.qcow2$/, '');
	const cache = cacheFolder();
	const room = { [cache]: source === 'debian' ? 6e9 : 5e9, [path.dirname(target)]: 1e9 };
	const packages = await checkPrerequisites(plan, source, supply, room);
	warn(plan, source);

	await claim(beside);
	const folders = [cache, path.dirname(target)];
	const log = new BuildLog(`${beside}.log`, say, folders);
	await closeAbandoned(cache);
	const work = await openWorkplace(cache);
	try {
		log.clock.enter('versions');
		const lock = await makeLock(plan, source, packages.sources, { work, cache }, wanted);
		if (wanted !== undefined) mustBe(wanted, lock, 'What can be had here is');
		log.clock.enter('downloads');
		const inputs = await gatherInputs(plan, source, work, cache, supply);
		await writeFile(inputs.places.lock, lockText(withFiles(lock, inputs.files)));
		const image = await runDiskimageBuilder(plan, inputs, lock, packages, { work, cache }, log);
		const built = await readLock(inputs.places.lock);
		if (wanted !== undefined) mustBe(wanted, built, `What was built as ${name} is`);
		else for (const line of differences(lock, built)) say(line);
		const record = inputs.elements.find((file) => file.path.endsWith('/usr/share/kstack/image.json'));
		await writeFile(path.join(work, 'image.json'), record?.text ?? '{}\n');
		await publish({
			[target]: image,
			[`${beside}.json`]: path.join(work, 'image.json'),
			[`${beside}.lock.json`]: inputs.places.lock,
		});
	} catch (error) {
		interrupted.signal.throwIfAborted();
		throw explainFailure(name, error, log, folders);
	} finally {
		log.close();
		await closeWorkplace(work);
	}
	say(`${name} with Kubernetes ${plan.kubernetes}, built in ${Math.round((Date.now() - began) / 1000)} s`);
	return target;
}
