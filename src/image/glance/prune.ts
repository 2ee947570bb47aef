import { confirm } from '../../base/confirm.ts';
import { usageError } from '../../base/errors.ts';
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
export interface Judged extends UploadedImage {
	readonly usedBy: readonly string[];
	readonly goes: boolean;
	/** Why it goes or stays. */
	readonly why: string;
}

/** What speaks for an image, apart from what uses it. */
interface MemberState {
	/** Its place among those of its name, from 1 for the newest. */
	readonly place: number;
	readonly keep: number;
	readonly abandoned: boolean;
}

/** Whether an image goes, and why. */
export function judge(
	image: UploadedImage,
	usedBy: readonly string[],
	{ place, keep, abandoned }: MemberState,
): Judged {
	const stays = (why: string): Judged => ({ ...image, usedBy, goes: false, why });
	const goes = (why: string): Judged => ({ ...image, usedBy, goes: true, why });
	if (image.protected) return stays('is protected');
	if (isUnfinished(image)) return abandoned ? goes('was broken off') : stays('is being uploaded');
	if (image.status !== 'active') return stays(`is ${image.status}`);
	if (usedBy.length > 0) return stays('is used');
	if (['public', 'community'].includes(image.visibility)) return stays(`is ${image.visibility}`);
	if (place <= keep) return stays(place === 1 ? 'is the newest' : `is one of the newest ${keep}`);
	return goes('is old');
}

/** How many newest ones stay, from `--keep`. */
export function readKeep(text: string): number {
	if (!/^\d{1,4}$/.test(text))
		throw usageError(`--keep is ${JSON.stringify(text)}: it must be a whole number from 0.`);
	return Number(text);
}

/** The project's own images that kimg uploaded, of one name or of all, the newest first within each name. */
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
 * Looks at every image that kimg uploaded to the project, and at what uses them.
 *
 * @param name  only those of this name; all when left out
 * @param keep  how many whole ones of each name stay
 * @throws UserError exit code 2 when there is none of that name
 */
export async function judgeImages(name: string | undefined, keep: number): Promise<Judged[]> {
	say('Looking at the images that kimg uploaded, and at what uses them');
	const [images, users] = await Promise.all([uploadedImages(name), usersOfImages()]);
	if (name !== undefined && images.length === 0) {
		throw usageError(`kimg has uploaded no image "${name}" to this project.`, 'See: kimg prune --dry-run');
	}
	const upgradeState = (image: UploadedImage) =>
		images.filter((one) => one.name === image.name && one.status === 'active').indexOf(image) + 1;
	return ask(images, async (image) => {
		const standing = { place: upgradeState(image), keep, abandoned: await isAbandoned(image) };
		const judged = judge(image, usersOf(image, users), standing);
		return judged.goes ? judge(image, await membersOf(image), standing) : judged;
	});
}

const listed = (users: readonly string[]) =>
	users.length > 2 ? `${users[0]} and ${users.length - 1} more` : users.join(', ');

/** The images, for people or as JSON. */
export function judgedText(images: readonly Judged[], output: 'table' | 'json'): string {
	if (output === 'json') return JSON.stringify(images, undefined, 2);
	return table(
		['NAME', 'DIGEST', 'CREATED', 'SIZE', 'USED BY', 'PRUNE'],
		images.map((image) => [
			image.name,
			shortDigest(image.digest ?? ''),
			image.created,
			megabytes(image.size),
			listed(image.usedBy),
			`${image.goes ? 'goes' : 'stays'}: ${image.why}`,
		]),
	);
}

/**
 * Deletes those that go, once the operator has agreed.
 *
 * @param yes  whether that has been said on the command line
 */
export async function prune(images: readonly Judged[], yes: boolean): Promise<void> {
	const going = images.filter(({ goes }) => goes);
	if (going.length === 0) {
		say('Nothing is to go');
		return;
	}
	const what = going.length === 1 ? 'this image' : `these ${going.length} images`;
	await confirm(`Delete ${what}?`, yes);
	await openstack(['image', 'delete', ...going.map(({ id }) => id)]);
	for (const { glanceName, id } of going) say(`${glanceName} is deleted (${id})`);
}
