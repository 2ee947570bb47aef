import { hostname } from 'node:os';
import { isNotFound } from '../../openstack/absence.ts';
import { type Json, openstack, show } from '../../openstack/client.ts';
import { ownName, stillRuns } from '../workspace/workplace.ts';

/** The tag of all that kimg uploads. */
export const tag = 'kimg';

/** An image in Glance that kimg has uploaded, or started to upload. */
export interface UploadedImage {
	readonly id: string;
	/** Its name in Glance. */
	readonly glanceName: string;
	/** The name that it shares with older and newer ones. */
	readonly name: string;
	/** SHA-256 of its content, in hexadecimal; `undefined` where another client has taken the property away. */
	readonly digest: string | undefined;
	/** When, in ISO 8601. */
	readonly created: string;
	/** Bytes; 0 as long as it is not whole. */
	readonly size: number;
	/** Glance's word, `active` when it is whole. */
	readonly status: string;
	readonly visibility: string;
	readonly protected: boolean;
	/** The machine and process that uploads it, or did. */
	readonly uploader: string | undefined;
}

/** As much of a digest as people are shown. */
export const shortDigest = (digest: string) => digest.slice(0, 8);

/** An image's name in Glance: two builds never have the same. */
export const glanceNameOf = (name: string, digest: string) => `${name}-${shortDigest(digest)}`;

/** The image of that ID, as Glance shows it; `undefined` when it has gone. */
export async function uploadedImage(id: string): Promise<UploadedImage | undefined> {
	const shown = await show(['image'], id);
	if (shown === undefined) return undefined;
	const properties = (shown.properties ?? {}) as Json;
	const text = (key: string) => (properties[key] === undefined ? undefined : String(properties[key]));
	return {
		id: String(shown.id),
		glanceName: String(shown.name),
		name: text('kstack_name') ?? String(shown.name), // kimg 0.2.0 gave all of one profile one name
		digest: text('kstack_sha256'),
		created: String(shown.created_at ?? ''),
		size: Number(shown.size ?? 0),
		status: String(shown.status),
		visibility: String(shown.visibility),
		protected: shown.protected === true,
		uploader: text('kstack_uploader'),
	};
}

/** This process, as the property `kstack_uploader` names it. */
export async function thisUploader(): Promise<string> {
	return `${hostname()} ${await ownName()}`;
}

/** Whether an upload has not come to its end. */
export function isUnfinished({ status }: { readonly status: string }): boolean {
	return ['queued', 'saving', 'uploading', 'importing', 'killed'].includes(status);
}

const day = 24 * 3600 * 1000;

/** Whether nobody goes on with an unfinished upload: its process has gone, or it began a day ago elsewhere. */
export async function isAbandoned(image: UploadedImage): Promise<boolean> {
	const [machine, process] = image.uploader?.split(' ') ?? [];
	if (machine === hostname() && process !== undefined) return !(await stillRuns(process));
	return Date.now() - Date.parse(image.created) > day;
}

/** Deletes an image, whatever has interrupted us; one that is not there is as good as deleted. */
export async function removeImage(id: string): Promise<void> {
	await openstack(['image', 'delete', id], { uninterrupted: true }).catch((error: unknown) => {
		if (!isNotFound(error)) throw error;
	});
}
