import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { UserError } from '../../base/errors.ts';
import { makeFolder } from '../../base/folders.ts';
import { interrupted } from '../../base/interrupt.ts';

/** Checksums of the files in an archive, by their names. */
export type Contents = Readonly<Record<string, string>>;

/** The first file of an archive: a list of its files, and other values. */
export interface Head {
	readonly format: number;
	readonly files: Contents;
}

/** Its name. */
export const headName = 'bundle.json';

/** Maximum size of the head, which is read into memory. */
const headLimit = 16e6;

/** The version of the format; other versions are refused. */
export const format = 1;

/** The error for a file that is not a valid bundle. */
function bad(file: string, why: string): UserError {
	return new UserError(`${file} is not a valid bundle: ${why}.`, {
		hint: 'Copy it again, or create it again with: kimg bundle',
	});
}

const folders = ['elements', 'binaries', 'archives', 'components'];

/** Whether a name is inside the folder. */
function isSafe(name: string): boolean {
	const [folder, ...rest] = name.split('/');
	if (rest.length === 0) return /^[\w.-]+\.json$/.test(name) && name !== headName;
	return folders.includes(folder as string) && rest.every((part) => !['', '.', '..'].includes(part));
}

/** The bytes of one file. */
type Content = AsyncIterable<Uint8Array>;

async function textOf(stream: Content): Promise<string> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	return Buffer.concat(chunks).toString('utf8');
}

function readHead(text: string, file: string): Head {
	let head: Partial<Head> | null;
	try {
		head = JSON.parse(text) as Partial<Head> | null;
	} catch {
		throw bad(file, `its ${headName} is not JSON`);
	}
	if (head?.format !== format)
		throw bad(file, `its format is ${JSON.stringify(head?.format)}; this kimg supports ${format}`);
	const { files } = head;
	if (typeof files !== 'object' || files === null) throw bad(file, `its ${headName} lists no files`);
	const invalid = Object.keys(files).find((name) => !isSafe(name));
	if (invalid !== undefined)
		throw bad(file, `its ${headName} lists ${JSON.stringify(invalid)}, which cannot be part of a bundle`);
	return { format, files };
}

/** Iterates over the entries of an archive after its head, until `take` returns `true`. */
async function read(
	file: string,
	take: (header: Header, stream: Content, head: Head) => Promise<boolean>,
): Promise<void> {
	const source = createReadStream(file);
	const entries = extract();
	source.on('error', (error) => entries.destroy(error));
	source.pipe(entries);
	let head: Head | undefined;
	try {
		for await (const entry of entries) {
			interrupted.signal.throwIfAborted();
			const { header } = entry;
			if (head === undefined) {
				if (header.name !== headName || header.type !== 'file' || Number(header.size) > headLimit)
					throw bad(file, `it does not begin with a ${headName}`);
				head = readHead(await textOf(entry as Content), file);
			} else if (await take(header, entry as Content, head)) return;
		}
		if (head === undefined) throw bad(file, 'it is empty');
	} catch (error) {
		interrupted.signal.throwIfAborted();
		if (error instanceof UserError) throw error;
		if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
			throw new UserError(`${file} cannot be unpacked: ${(error as Error).message}`, {
				hint: 'Free space there, or set KSTACK_CACHE to a folder of another file system.',
			});
		}
		throw bad(file, (error as Error).message);
	} finally {
		source.destroy();
	}
}

/** The target of an entry, and its checksum. */
function expected({ name, type }: Header, { files }: Head, file: string): string {
	if (type !== 'file') throw bad(file, `${JSON.stringify(name)} in it is a ${type}`);
	const checksum = Object.hasOwn(files, name) ? files[name] : undefined;
	if (checksum === undefined)
		throw bad(file, `it contains ${JSON.stringify(name)}, which its ${headName} does not list`);
	return checksum;
}

/** Passes bytes on and computes their checksum. */
function hashing(hash: ReturnType<typeof createHash>): Transform {
	return new Transform({
		transform(chunk: Buffer, _, done) {
			hash.update(chunk);
			done(null, chunk);
		},
	});
}

/**
 * Unpacks the files and folders of an archive into a folder.
 *
 * @throws UserError when it is not a bundle, or a file is missing, additional or changed
 */
export async function unpackArchive(file: string, folder: string): Promise<void> {
	const seen = new Set<string>();
	let files: Contents = {};
	for (const name of folders) await makeFolder(path.join(folder, name));
	await read(file, async (header, stream, head) => {
		files = head.files;
		const { name } = header;
		const checksum = expected(header, head, file);
		if (seen.has(name)) throw bad(file, `it contains ${JSON.stringify(name)} twice`);
		seen.add(name);
		const target = path.join(folder, name);
		const hash = createHash('sha256');
		const mode = (Number(header.mode) & 0o111) === 0 ? 0o644 : 0o755;
		await makeFolder(path.dirname(target));
		await pipeline(stream, hashing(hash), createWriteStream(target, { flags: 'wx', mode }));
		const got = `sha256:${hash.digest('hex')}`;
		if (got !== checksum)
			throw bad(file, `the checksum of ${name} in it is wrong: expected ${checksum}, got ${got}`);
		return false;
	});
	const lost = Object.keys(files).filter((name) => !seen.has(name));
	if (lost.length > 0 || seen.size === 0) throw bad(file, `${lost[0] ?? 'every file'} is missing in it`);
}

/**
 * One file of an archive as text; reads no further.
 *
 * @throws UserError when it is not a bundle, does not have the file, or the file was changed
 */
export async function readFrom(file: string, wanted: string): Promise<string> {
	let found: string | undefined;
	await read(file, async (header, stream, head) => {
		const checksum = expected(header, head, file);
		if (header.name !== wanted) {
			for await (const _ of stream);
			return false;
		}
		found = await textOf(stream);
		if (`sha256:${createHash('sha256').update(found).digest('hex')}` !== checksum)
			throw bad(file, `the checksum of ${wanted} in it is wrong`);
		return true;
	});
	if (found === undefined) throw bad(file, `${wanted} is missing in it`);
	return found;
}
