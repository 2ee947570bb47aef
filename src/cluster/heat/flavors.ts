import { cut } from '../../base/forms.ts';
import type { Json } from '../../openstack/client.ts';
import type { Value } from '../spec/settings.ts';
import type { NodeImage } from './node-image.ts';

/** The minimum requirements of a flavor. */
export interface FlavorNeeds {
	/** Such as `a minion`. */
	readonly purpose: string;
	/** The flag that selects the flavor, such as `--minion-flavor`. */
	readonly flag: string;
	/** Megabytes. */
	readonly memory: number;
	readonly cpus: number;
}

/** Minimum disk size of a default flavor, in gigabytes. */
const minimumDisk = 10;

const names = (flavors: readonly Json[]) => flavors.map((flavor) => flavor.Name).join(', ') || 'none';

const isEnough = (flavor: Json, { memory, cpus }: FlavorNeeds) =>
	Number(flavor.RAM) >= memory && Number(flavor.VCPUs) >= cpus;

function smallest(flavors: readonly Json[], needs: FlavorNeeds): Json | undefined {
	const cost = (flavor: Json) => Number(flavor.RAM) * 16 + Number(flavor.VCPUs) * 1024 + Number(flavor.Disk);
	return flavors
		.filter((flavor) => isEnough(flavor, needs) && Number(flavor.Disk) >= minimumDisk)
		.sort((a, b) => cost(a) - cost(b))[0];
}

/**
 * The flavor with this name or ID, by default the smallest that meets the requirements.
 *
 * @param flavors   the flavors of the cloud, as the client lists them
 * @param mistakes  receives a sentence if there is none
 */
export function findFlavor(
	wanted: Value | undefined,
	needs: FlavorNeeds,
	flavors: readonly Json[],
	mistakes: string[],
): Json | undefined {
	const { purpose, flag, memory, cpus } = needs;
	if (wanted === undefined) {
		const found = smallest(flavors, needs);
		if (found === undefined) {
			mistakes.push(
				`No flavor is sufficient for ${purpose}: it needs ${memory} MB of memory, ${cpus} CPUs and a disk of ${minimumDisk} GB. Create such a flavor, or select one with another disk size with ${flag}.`,
			);
		}
		return found;
	}
	const found = flavors.find((flavor) => flavor.Name === wanted || flavor.ID === wanted);
	if (found === undefined) {
		mistakes.push(`There is no flavor "${cut(wanted)}". Available: ${names(flavors)}.`);
		return undefined;
	}
	if (isEnough(found, needs)) return found;
	mistakes.push(
		`The flavor "${cut(wanted)}" has ${found.RAM} MB of memory and ${found.VCPUs} CPUs; ${purpose} needs ${memory} MB and ${cpus} CPUs.`,
	);
	return undefined;
}

/** Requirements of the image that the flavor does not meet; a disk of 0 GB means that of the image. */
export function tooSmall(flavor: Json, { minDisk, minMemory }: NodeImage): string[] {
	const disk = Number(flavor.Disk);
	return [
		...(disk !== 0 && disk < minDisk
			? [`The flavor "${flavor.Name}" has a disk of ${disk} GB; the image needs ${minDisk} GB.`]
			: []),
		...(Number(flavor.RAM) < minMemory
			? [`The flavor "${flavor.Name}" has ${flavor.RAM} MB of memory; the image needs ${minMemory} MB.`]
			: []),
	];
}
