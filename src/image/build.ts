import { copyFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import { interrupted } from '../interrupt.ts';
import { CommandError } from '../run.ts';
import { say } from '../say.ts';
import { BuildLog } from './build-log.ts';
import { runDiskimageBuilder } from './diskimage-builder.ts';
import { gatherInputs } from './inputs.ts';
import { type KubernetesSource, readSource, versionOf } from './kubernetes.ts';
import { type ImagePlan, planImage } from './plan.ts';
import { checkPrerequisites } from './prerequisites.ts';
import { profileNamed } from './profiles.ts';
import { cacheFolder, closeAbandoned, closeWorkplace, openWorkplace } from './workplace.ts';

/**
 * What goes into the image of a profile, with Kubernetes from the given source.
 *
 * @param sourceWord  `upstream`, `debian`, or a folder
 * @throws UserError exit code 2 when there is no such profile or source
 */
export async function planFor(
	profileName: string,
	sourceWord: string,
): Promise<{ plan: ImagePlan; source: KubernetesSource }> {
	const profile = profileNamed(profileName);
	const source = await readSource(sourceWord);
	return { plan: planImage(profile, await versionOf(source), source !== 'upstream'), source };
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
 * Builds the image of a profile.
 *
 * @param sourceWord  where Kubernetes comes from: `upstream`, `debian`, or a folder
 * @param output      the qcow2 to write; an older one is replaced once the new one is whole
 * @returns the file's path
 * @throws UserError when something is missing, or the build fails
 */
export async function buildImage(profileName: string, sourceWord: string, output?: string): Promise<string> {
	const began = Date.now();
	const { plan, source } = await planFor(profileName, sourceWord);
	const { name } = plan.profile;
	const target = path.resolve(output ?? `${name}.qcow2`);
	const beside = target.replace(/\.qcow2$/, '');
	const cache = cacheFolder();
	const room = { [cache]: source === 'debian' ? 6e9 : 5e9, [path.dirname(target)]: 1e9 };
	const packages = await checkPrerequisites(plan, source, room);
	warn(plan, source);

	const log = new BuildLog(`${beside}.log`, say);
	await closeAbandoned(cache);
	const work = await openWorkplace(cache);
	try {
		const inputs = await gatherInputs(plan, source, work, cache);
		const image = await runDiskimageBuilder(plan, inputs, packages, { work, cache }, log);
		const record = inputs.elements.find((file) => file.path.endsWith('/usr/share/kstack/image.json'));
		await writeFile(`${beside}.json`, record?.text ?? '{}\n');
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
