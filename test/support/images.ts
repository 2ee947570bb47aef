import { type ImagePlan, planImage } from '../../src/image/spec/plan.ts';
import { profileNamed, profiles } from '../../src/image/spec/profiles.ts';

/** Every image that kimg builds without a folder of the operator: by profile, and from Debian only. */
export const plans: Readonly<Record<string, ImagePlan>> = {
	...Object.fromEntries(profiles.map((profile) => [profile.name, planImage(profile)])),
	'debian12-from-debian': planImage(profileNamed('debian12-x64-kubernetes'), '1.20.2', true),
};
