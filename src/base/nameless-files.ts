import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The first descriptor of a child process after its standard streams. */
const firstDescriptor = 3;

/** Writes all bytes: on a disk that is nearly full, one write may be short without an error. */
export async function writeAll(handle: Pick<FileHandle, 'write'>, bytes: Uint8Array): Promise<void> {
	for (let at = 0; at < bytes.length; ) {
		at += (await handle.write(bytes, at, bytes.length - at, at)).bytesWritten;
	}
}

/**
 * Files without a name, for secrets that a child process reads: the kernel frees them with the last process that has
 * them open, however that ends, so that none is left on the disk.
 */
export class NamelessFiles {
	readonly #handles: FileHandle[] = [];

	/** Their descriptors in this process, in the order in which a child process gets them after its standard streams. */
	get descriptors(): number[] {
		return this.#handles.map(({ fd }) => fd);
	}

	/** @returns the path by which the child process opens a file with this text, once or several times */
	async add(text: string): Promise<string> {
		const folder = await mkdtemp(path.join(tmpdir(), 'kstack-'));
		try {
			const handle = await open(path.join(folder, 'text'), 'wx+', 0o600);
			this.#handles.push(handle);
		} finally {
			await rm(folder, { recursive: true, force: true });
		}
		// Written once it has no name, and without moving the place at which the child begins to read.
		await writeAll(this.#handles.at(-1) as FileHandle, Buffer.from(text));
		return `/dev/fd/${firstDescriptor + this.#handles.length - 1}`;
	}

	async close(): Promise<void> {
		await Promise.all(this.#handles.splice(0).map((handle) => handle.close()));
	}
}

/** Nameless files for as long as `use` runs. */
export async function withNamelessFiles<Result>(
	use: (files: NamelessFiles) => Promise<Result>,
): Promise<Result> {
	const files = new NamelessFiles();
	try {
		return await use(files);
	} finally {
		await files.close();
	}
}
