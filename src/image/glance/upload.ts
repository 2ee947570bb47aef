import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError, usageError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';
import { say } from '../../base/say.ts';
import { list, openstack, show } from '../../openstack/client.ts';
import { megabytes } from '../disk/inspect.ts';
import { checkImage } from './check.ts';
import { factsOf, type ImageFacts } from './properties.ts';
import {
	glanceNameOf,
	isAbandoned,
	isUnfinished,
	removeImage,
	tag,
	thisUploader,
	uploadedImage,
} from './uploaded.ts';

/** Seconds between two progress messages. */
const progressInterval = 10;

/** Minimum memory in megabytes, enforced by Nova: that of a gateway, the smallest role. */
const minMemory = 512;

/** A local image to upload to Glance. */
interface LocalImage {
	readonly content: FileHandle;
	/** Bytes. */
	readonly size: number;
	readonly sha256: string;
	readonly sha512: string;
	/** The name shared by all versions, and the unique name. */
	readonly name: string;
	readonly glanceName: string;
	readonly facts: ImageFacts;
}

/** Computes both digests in one pass, without changing the position in the file. */
async function digestsOf(content: FileHandle): Promise<{ sha256: string; sha512: string }> {
	const hashes = [createHash('sha256'), createHash('sha512')] as const;
	for await (const chunk of content.createReadStream({
		start: 0,
		autoClose: false,
		highWaterMark: 1 << 20,
	})) {
		interrupted.signal.throwIfAborted();
		for (const hash of hashes) hash.update(chunk as Buffer);
	}
	return { sha256: hashes[0].digest('hex'), sha512: hashes[1].digest('hex') };
}

async function readImage(content: FileHandle, file: string, name: string | undefined): Promise<LocalImage> {
	const facts = await factsOf(file, await checkImage(file, content));
	const digests = await digestsOf(content);
	const shared = name ?? facts.profile ?? path.basename(file, '.qcow2');
	return {
		content,
		size: (await content.stat()).size,
		...digests,
		name: shared,
		glanceName: glanceNameOf(shared, digests.sha256),
		facts,
	};
}

/** The image in Glance with the same name and content. Incomplete uploads of it are removed. */
async function sameImage({ name, glanceName, sha256 }: LocalImage): Promise<string | undefined> {
	const listed = await list(['image'], '--tag', tag, '--property', `kstack_sha256=${sha256}`);
	const same = listed
		.map((row) => ({ id: String(row.ID), name: String(row.Name), status: String(row.Status) }))
		.filter((image) => image.name === glanceName || image.name === name);
	for (const { id } of same.filter(isUnfinished)) {
		const image = await uploadedImage(id);
		if (image === undefined) continue;
		if (await isAbandoned(image)) {
			say(`${glanceName}: deleting an incomplete upload of ${image.created}`);
			await removeImage(id);
		} else say(`${glanceName} is also being uploaded by ${image.uploader ?? 'another client'} (${id})`);
	}
	return same.find(({ status }) => status === 'active')?.id;
}

/** The position of the child process in the file, in bytes; `undefined` if /proc does not have it. */
async function positionIn({ fd }: FileHandle): Promise<number | undefined> {
	const told = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '');
	const position = /^pos:\s*(\d+)/m.exec(told)?.[1];
	return position === undefined ? undefined : Number(position);
}

/** Reports progress at intervals, until the returned function is called. */
function reportProgress({ glanceName, content, size }: LocalImage): () => void {
	const timer = setInterval(async () => {
		const position = await positionIn(content);
		if (position === undefined) return;
		const percent = Math.floor((100 * position) / size);
		say(`${glanceName}: ${megabytes(position)} of ${megabytes(size)} (${percent} %)`);
	}, progressInterval * 1000);
	return () => clearInterval(timer);
}

/** @throws UserError when the image in Glance differs from the file */
async function requireUploaded(id: string, { glanceName, size, sha512 }: LocalImage): Promise<void> {
	const shown = (await show(['image'], id)) ?? {};
	const { os_hash_algo: algorithm, os_hash_value: digest } = (shown.properties ?? {}) as Record<
		string,
		string
	>;
	const mistakes = [
		...(shown.status === 'active' ? [] : [`its status is ${shown.status ?? 'none'}`]),
		...(shown.size === size ? [] : [`it has ${shown.size ?? 0} bytes of ${size}`]),
		...(algorithm !== 'sha512' || digest === sha512 ? [] : ['its checksum differs']),
	];
	if (mistakes.length === 0) return;
	throw new UserError(`${glanceName} was not uploaded completely: ${mistakes.join(', ')}.`, {
		hint: 'It was deleted from Glance. Run the command again.',
	});
}

async function transfer(image: LocalImage): Promise<string> {
	const { glanceName, name, content, sha256, facts } = image;
	// The ID is chosen here, so that an interrupted upload can be removed.
	const id = randomUUID();
	const properties = {
		...facts.properties,
		kstack_name: name,
		kstack_sha256: sha256,
		kstack_uploader: await thisUploader(),
	};
	const quiet = reportProgress(image);
	try {
		await openstack(
			[
				...['image', 'create', '--id', id, '--tag', tag, '-f', 'json'],
				...['--disk-format', 'qcow2', '--container-format', 'bare'],
				...['--min-disk', String(facts.minDisk), '--min-ram', String(minMemory)],
				...Object.entries(properties).flatMap(([key, value]) => ['--property', `${key}=${value}`]),
				glanceName,
			],
			{ stdin: content.fd },
		);
		await requireUploaded(id, image);
	} catch (error) {
		await removeImage(id).catch(() => say(`${id} could not be deleted; kimg prune deletes it later`));
		throw error;
	} finally {
		quiet();
	}
	return id;
}

/**
 * `kimg upload`: uploads an image to Glance, unless Glance has the same content.
 *
 * @param name  the name shared by all versions of the image (default: the profile's name)
 * @returns the image's ID
 * @throws UserError exit code 2 when the file does not exist, or was not built by kimg; a failed upload is removed from Glance
 */
export async function uploadImage(file: string, name?: string): Promise<string> {
	const content = await open(file).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== 'ENOENT') throw usageError(`${file} cannot be read: ${error.message}`);
		throw usageError(`There is no file ${file}.`, 'Create an image with: kimg build');
	});
	try {
		const image = await readImage(content, file, name);
		const present = await sameImage(image);
		if (present !== undefined) {
			say(`${image.glanceName} exists with the same content`);
			return present;
		}
		const began = Date.now();
		say(`Uploading ${image.glanceName}, ${megabytes(image.size)}`);
		const id = await transfer(image);
		say(`Uploaded ${image.glanceName} in ${Math.round((Date.now() - began) / 1000)} s`);
		return id;
	} finally {
		await content.close();
	}
}
