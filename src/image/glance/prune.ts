import { confirm } from '../../base/confirm.ts';
import { invalidFlags, usageError } from '../../base/errors.ts';
import { say } from '../../base/say.ts';
import { table } from '../../base/table.ts';
import { list, openstack, ownProject } from '../../openstack/client.ts';
import { megabytes } from '../disk/inspect.ts';
import {
	isAbandoned,
	isUnfinished,
	shortDigest,
	tag,
	type UploadedImage,
	uploadedImage,
} from './uploaded.ts';
import { ask, membersOf, usersOf, usersOfImages } from './usage.ts';

/** An image, and whether pruning deletes it. */
export interface PruneDecision extends UploadedImage {
	readonly usedBy: readonly string[];
	readonly delete: boolean;
	/** Why it is deleted or kept. */
	readonly reason: string;
}

/** The criteria for deleting an image, apart from its users. */
interface PruneCriteria {
	/** Its position among the images of its name; 1 is the newest. */
	readonly position: number;
	readonly keep: number;
	readonly abandoned: boolean;
}

/** Whether an image is deleted, and why. */
export function decide(
	image: UploadedImage,
	usedBy: readonly string[],
	{ position, keep, abandoned }: PruneCriteria,
): PruneDecision {
	const kept = (reason: string): PruneDecision => ({ ...image, usedBy, delete: false, reason });
	const deleted = (reason: string): PruneDecision => ({ ...image, usedBy, delete: true, reason });
	if (image.protected) return kept('protected');
	if (isUnfinished(image)) return abandoned ? deleted('incomplete') : kept('upload in progress');
	if (image.status !== 'active') return kept(image.status);
	if (usedBy.length > 0) return kept('in use');
	if (['public', 'community'].includes(image.visibility)) return kept(image.visibility);
	if (position <= keep) return kept(position === 1 ? 'newest' : `among the newest ${keep}`);
	return deleted('old');
}

/** The number of newest images to keep, from `--keep`. */
export function readKeep(text: string): number {
	if (!/^\d{1,4}$/.test(text))
		throw usageError(
			`--keep is ${JSON.stringify(text)}: it must be a whole number from 0.`,
			undefined,
			invalidFlags,
		);
	return Number(text);
}

/** The images that kimg uploaded to this project, of one name or all; newest first within each name. */
async function uploadedImages(name: string | undefined): Promise<UploadedImage[]> {
	const [rows, project] = await Promise.all([
		list(['image'], '--tag', tag, '--long', '--sort', 'created_at:desc'),
		ownProject(),
	]);
	const mayBe = (glanceName: string) => name === undefined || glanceName.startsWith(name);
	const own = rows.filter((row) => row.Project === project && mayBe(String(row.Name)));
	const images = await ask(own, (row) => uploadedImage(String(row.ID)));
	return images
		.filter((image) => image !== undefined)
		.filter((image) => name === undefined || image.name === name)
		.sort((a, b) => a.name.localeCompare(b.name) || b.created.localeCompare(a.created));
}

/**
 * Decides for each image that kimg uploaded to the project whether it is deleted.
 *
 * @param name  only images of this name (default: all)
 * @param keep  number of complete images to keep per name
 * @throws UserError exit code 2 when no image has that name
 */
export async function selectImages(name: string | undefined, keep: number): Promise<PruneDecision[]> {
	say('Finding the images that kimg uploaded, and their users');
	const [images, users] = await Promise.all([uploadedImages(name), usersOfImages()]);
	if (name !== undefined && images.length === 0) {
		throw usageError(`kimg uploaded no image "${name}" to this project.`, 'See: kimg prune --dry-run');
	}
	const positionOf = (image: UploadedImage) =>
		images.filter((one) => one.name === image.name && one.status === 'active').indexOf(image) + 1;
	return ask(images, async (image) => {
		const criteria = { position: positionOf(image), keep, abandoned: await isAbandoned(image) };
		const decision = decide(image, usersOf(image, users), criteria);
		return decision.delete ? decide(image, await membersOf(image), criteria) : decision;
	});
}

const listed = (users: readonly string[]) =>
	users.length > 2 ? `${users[0]} and ${users.length - 1} more` : users.join(', ');

/** The images, as text or JSON. */
export function decisionsText(images: readonly PruneDecision[], output: 'table' | 'json'): string {
	if (output === 'json') return JSON.stringify(images, undefined, 2);
	return table(
		['NAME', 'DIGEST', 'CREATED', 'SIZE', 'USED BY', 'PRUNE'],
		images.map((image) => [
			image.name,
			shortDigest(image.digest ?? ''),
			image.created,
			megabytes(image.size),
			listed(image.usedBy),
			`${image.delete ? 'delete' : 'keep'}: ${image.reason}`,
		]),
	);
}

/**
 * Deletes the images that are marked for it, after a confirmation.
 *
 * @param yes  whether --yes was given
 */
export async function prune(images: readonly PruneDecision[], yes: boolean): Promise<void> {
	const toDelete = images.filter((image) => image.delete);
	if (toDelete.length === 0) {
		say('No image to delete');
		return;
	}
	const what = toDelete.length === 1 ? 'this image' : `these ${toDelete.length} images`;
	await confirm(`Delete ${what}?`, yes);
	await openstack(['image', 'delete', ...toDelete.map(({ id }) => id)]);
	for (const { glanceName, id } of toDelete) say(`Deleted ${glanceName} (${id})`);
}
