import { hostname } from 'node:os';
import { isNotFound } from '../../openstack/absence.ts';
import { type Json, openstack, show } from '../../openstack/client.ts';
import { ownName, stillRuns } from '../workspace/work-folder.ts';

/** The tag of images that kimg uploads. */
export const tag = 'kimg';

/** An image in Glance that kimg has uploaded, or started to upload. */
export interface UploadedImage {
	readonly id: string;
	/** Its name in Glance. */
	readonly glanceName: string;
	/** The name shared by all versions. */
	readonly name: string;
	/** SHA-256 of its content, in hexadecimal; `undefined` if another client has removed the property. */
	readonly digest: string | undefined;
	/** Time of the upload, in ISO 8601. */
	readonly created: string;
	/** Bytes; 0 until the upload is complete. */
	readonly size: number;
	/** Status in Glance, `active` when it is complete. */
	readonly status: string;
	readonly visibility: string;
	readonly protected: boolean;
	/** The machine and process that uploads or has uploaded it. */
	readonly uploader: string | undefined;
}

/** The number of digits of a digest in messages. */
export const shortDigest = (digest: string) => digest.slice(0, 8);

/** The name of an image in Glance, which is unique for each build. */
export const glanceNameOf = (name: string, digest: string) => `${name}-${shortDigest(digest)}`;

/** The image with this ID; `undefined` when it does not exist. */
export async function uploadedImage(id: string): Promise<UploadedImage | undefined> {
	const shown = await show(['image'], id);
	if (shown === undefined) return undefined;
	const properties = (shown.properties ?? {}) as Json;
	const text = (key: string) => (properties[key] === undefined ? undefined : String(properties[key]));
	return {
		id: String(shown.id),
		glanceName: String(shown.name),
		name: text('kstack_name') ?? String(shown.name), // kimg 0.2.0 gave all images of a profile the same name
		digest: text('kstack_sha256'),
		created: String(shown.created_at ?? ''),
		size: Number(shown.size ?? 0),
		status: String(shown.status),
		visibility: String(shown.visibility),
		protected: shown.protected === true,
		uploader: text('kstack_uploader'),
	};
}

/** This process, as the value of the property `kstack_uploader`. */
export async function thisUploader(): Promise<string> {
	return `${hostname()} ${await ownName()}`;
}

/** Whether an upload is incomplete. */
export function isUnfinished({ status }: { readonly status: string }): boolean {
	return ['queued', 'saving', 'uploading', 'importing', 'killed'].includes(status);
}

const day = 24 * 3600 * 1000;

/** Whether an incomplete upload was abandoned: its process has ended, or it started a day ago on another machine. */
export async function isAbandoned(image: UploadedImage): Promise<boolean> {
	const [machine, process] = image.uploader?.split(' ') ?? [];
	if (machine === hostname() && process !== undefined) return !(await stillRuns(process));
	return Date.now() - Date.parse(image.created) > day;
}

/** Deletes an image, also after an interruption; it is not an error if it does not exist. */
export async function removeImage(id: string): Promise<void> {
	await openstack(['image', 'delete', id], { uninterrupted: true }).catch((error: unknown) => {
		if (!isNotFound(error)) throw error;
	});
}
