import type { Settings } from './config.ts';

/** What is known of the image of the masters. */
export interface MasterImage {
	/** The version of Kubernetes, such as `1.20.2`, if it is known. */
	readonly kubernetes?: string | undefined;
	readonly contract: number;
}

/** The first contract whose masters configure PodSecurity. */
const contractSince = 2;

/** The first minor version of Kubernetes that has PodSecurity without a feature gate. */
const kubernetesSince = 23;

/** Why masters with this image do not enforce the setting podSecurity; `undefined` if they do. */
export function whyNotEnforced({ kubernetes, contract }: MasterImage): string | undefined {
	if (contract < contractSince) return 'the image of the masters was built by kimg 0.3 or earlier';
	if (kubernetes === undefined || Number(kubernetes.split('.')[1]) >= kubernetesSince) return undefined;
	return `Kubernetes ${kubernetes} has no PodSecurity (from 1.${kubernetesSince} on)`;
}

/** A sentence about a new cluster that will not enforce its podSecurity; none if it will. */
export function warningForNew({ podSecurity }: Settings, image: MasterImage): string[] {
	const why = podSecurity === 'privileged' ? undefined : whyNotEnforced(image);
	return why === undefined ? [] : [`podSecurity is ${podSecurity}, but it is not enforced: ${why}.`];
}

/** A sentence about a change of podSecurity in a running cluster; none if it does not change. */
export function noteForChange(name: string, { podSecurity }: Settings, contract: number): string[] {
	if (podSecurity === undefined) return [];
	const how =
		contract < contractSince
			? `run \`kstack upgrade ${name}\` with an image of this release.`
			: `replace them one after the other: kstack replace ${name} MASTER`;
	return [`podSecurity ${podSecurity} is for new masters. Existing masters keep what they have: ${how}`];
}
