import { existsSync } from 'node:fs';
import { defaultName, stackDirectory } from '../heat/directory.ts';
import { packagedAddons } from '../spec/addon.ts';

/** What a command about an addon is about. */
export interface AddonArguments {
	readonly cluster: string;
	/** The addon's name, or the path of its folder. */
	readonly addon: string;
}

/**
 * The cluster and the addon of a command line `NAME ADDON`, or `ADDON NAME` as it was up to 0.3. The addon is the word
 * that is a path or a name of kstack's addons; if that does not decide, the cluster is the word with a stack directory.
 *
 * @param first   the first of two words; without it, the cluster is that of the current directory
 * @param second  the last word
 */
export async function addonArguments(first: string | undefined, second: string): Promise<AddonArguments> {
	if (first === undefined) return { cluster: await defaultName(), addon: second };
	const packaged = await packagedAddons();
	const isAddon = (word: string) => word.includes('/') || packaged.has(word);
	const isCluster = async (word: string) =>
		!word.includes('/') && existsSync((await stackDirectory(word)).cluster);
	const addonFirst =
		isAddon(first) === isAddon(second)
			? (await isCluster(second)) && !(await isCluster(first))
			: isAddon(first);
	return addonFirst ? { cluster: second, addon: first } : { cluster: first, addon: second };
}
