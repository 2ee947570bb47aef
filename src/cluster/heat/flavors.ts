import { cut } from '../../base/forms.ts';
import type { Json } from '../../openstack/client.ts';
import type { Value } from '../spec/settings.ts';
import type { NodeImage } from './node-image.ts';

/** What a flavor is for, and the least that it must have. */
export interface FlavorNeeds {
	/** Such as `a minion`. */
	readonly purpose: string;
	/** How the operator names the flavor, such as `--minion-flavor`. */
	readonly flag: string;
	/** Megabytes. */
	readonly memory: number;
	readonly cpus: number;
}

/** The least disk of a flavor that is chosen without being named, in gigabytes. */
const leastDisk = 10;

const names = (flavors: readonly Json[]) => flavors.map((flavor) => flavor.Name).join(', ') || 'none';

const isEnough = (flavor: Json, { memory, cpus }: FlavorNeeds) =>
	Number(flavor.RAM) >= memory && Number(flavor.VCPUs) >= cpus;

function smallest(flavors: readonly Json[], needs: FlavorNeeds): Json | undefined {
	const cost = (flavor: Json) => Number(flavor.RAM) * 16 + Number(flavor.VCPUs) * 1024 + Number(flavor.Disk);
	return flavors
		.filter((flavor) => isEnough(flavor, needs) && Number(flavor.Disk) >= leastDisk)
		.sort((a, b) => cost(a) - cost(b))[0];
}

/**
 * The flavor of that name or ID, or the smallest that is enough.
 *
 * @param flavors   the flavors of the cloud, as the client lists them
 * @param mistakes  gets a sentence when there is none
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
				`No flavor is enough for ${purpose} (${memory} MB, ${cpus} CPUs, ${leastDisk} GB disk): name one with ${flag}.`,
			);
		}
		return found;
	}
	const found = flavors.find((flavor) => flavor.Name === wanted || flavor.ID === wanted);
	if (found === undefined) {
		mistakes.push(`There is no flavor "${cut(wanted)}". There are: ${names(flavors)}.`);
		return undefined;
	}
	if (isEnough(found, needs)) return found;
	mistakes.push(
		`The flavor "${cut(wanted)}" has ${found.RAM} MB and ${found.VCPUs} CPUs; ${purpose} needs ${memory} MB and ${cpus}.`,
	);
	return undefined;
}

/** What an image needs that a flavor does not have; a disk of 0 GB is as large as the image. */
export function tooSmall(flavor: Json, { minDisk, minMemory }: NodeImage): string[] {
	const disk = Number(flavor.Disk);
	return [
		...(disk !== 0 && disk < minDisk
			? [`The flavor "${flavor.Name}" has a disk of ${disk} GB; the image needs ${minDisk}.`]
			: []),
		...(Number(flavor.RAM) < minMemory
			? [`The flavor "${flavor.Name}" has ${flavor.RAM} MB; the image needs ${minMemory}.`]
			: []),
	];
}
