import { refuse } from '../../base/errors.ts';
import { type ImagePlan, planImage } from '../spec/plan.ts';
import { readProfile } from '../spec/profile-file.ts';
import { type KubernetesSource, readSource, versionOf } from '../fetch/kubernetes.ts';

/**
 * The plan of the image of a profile, with Kubernetes from the given source.
 *
 * @param profileWord  the name of a profile, or a profile file
 * @param sourceWord   `upstream`, `debian`, or a folder
 * @param withImages   additional container images: references, or archives
 * @throws UserError exit code 2 when there is no such profile, source or archive
 */
export async function planFor(
	profileWord: string,
	sourceWord: string,
	withImages: readonly string[] = [],
): Promise<{ plan: ImagePlan; source: KubernetesSource }> {
	const profile = await readProfile(profileWord, withImages);
	const source = await readSource(sourceWord);
	const plan = planImage(profile, await versionOf(source), source !== 'upstream');
	const unused = Object.keys(profile.choices).filter(
		(name) => !plan.fetched.some((component) => component.name === name),
	);
	refuse(
		unused.map(
			(name) => `${profile.name} sets a version of ${name}, but this image does not use ${name} from upstream: remove it from versions.`,
		),
	);
	return { plan, source };
}
