import path from 'node:path';
import { writeGenerated } from '../../base/output.ts';
import { sorted } from '../../base/tree.ts';
import { asked, buildCommand, renderedTree } from '../build/command.ts';
import { planFor } from '../build/request.ts';
import { aptSources } from '../debian/apt.ts';
import { renderElements } from '../spec/elements.ts';
import type { ImagePlan } from '../spec/plan.ts';

/** The elements of an image and the script that builds it, without paths of this machine. */
export async function renderImage(plan: ImagePlan) {
	const { places, mirrors } = asked;
	const command = buildCommand(
		plan,
		{ ...places, output: plan.profile.name },
		mirrors.main,
		aptSources(plan.profile, mirrors),
	);
	return sorted(renderedTree(await renderElements(plan), command));
}

/**
 * Writes the input of `kimg build`, and builds nothing.
 *
 * @param out  the folder to write: missing, empty or of an earlier `kimg render` (default: `./PROFILE`)
 * @returns the folder's path
 * @throws UserError exit code 2 when the folder has content that kimg did not write
 */
export async function writeImage(profileName: string, sourceWord: string, out?: string): Promise<string> {
	const { plan } = await planFor(profileName, sourceWord);
	const folder = path.resolve(out ?? plan.profile.name);
	await writeGenerated(folder, await renderImage(plan));
	return folder;
}
