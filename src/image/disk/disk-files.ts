import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';

/** As many links in a row as Linux follows. */
const mostLinks = 40;

const parts = (place: string) => place.split('/').filter((part) => part !== '' && part !== '.');

/**
 * A node's file system as it lies in a folder of this machine. Paths are the node's own: a link in it,
 * wherever it points, never leads to a file of this machine.
 */
export class DiskFiles {
	readonly folder: string;

	/** @param folder  where the file system is mounted */
	constructor(folder: string) {
		this.folder = folder;
	}

	/** Where a file of the node lies on this machine, links followed; `undefined` when they go round in circles. */
	async place(file: string): Promise<string | undefined> {
		const ahead = parts(file);
		let behind: string[] = [];
		let links = 0;
		for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
			if (part === '..') {
				behind = behind.slice(0, -1);
				continue;
			}
			const target = await readlink(path.join(this.folder, ...behind, part)).catch(() => undefined);
			if (target === undefined) behind.push(part);
			else if (++links > mostLinks) return undefined;
			else {
				if (target.startsWith('/')) behind = [];
				ahead.unshift(...parts(target));
			}
		}
		return path.join(this.folder, ...behind);
	}

	/** A file's size, mode and owner; `undefined` when there is no such file. */
	async status(file: string): Promise<Stats | undefined> {
		return this.#read(file, (place) => lstat(place));
	}

	/** A regular file's bytes; `undefined` when there is none, but a pipe that would make us wait, say. */
	async bytes(file: string): Promise<Buffer | undefined> {
		return this.#read(file, async (place) => ((await lstat(place)).isFile() ? readFile(place) : undefined));
	}

	/** A file's text; `undefined` when there is no such file. */
	async text(file: string): Promise<string | undefined> {
		return (await this.bytes(file))?.toString('utf8');
	}

	/** A file's checksum such as `sha256:9f86…`; `undefined` when there is no such file. */
	async checksum(file: string, algorithm = 'sha256'): Promise<string | undefined> {
		const bytes = await this.bytes(file);
		return bytes && `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
	}

	/** Names in a folder, sorted; none when there is no such folder. */
	async names(folder: string): Promise<string[]> {
		return ((await this.#read(folder, (place) => readdir(place))) ?? []).sort();
	}

	/** Paths that a pattern matches; `*` stands for any letters of its last name. */
	async matching(pattern: string): Promise<string[]> {
		const { dir, base } = path.posix.parse(pattern);
		const [before, after] = base.split('*') as [string, string | undefined];
		return (await this.names(dir))
			.filter((name) => name.startsWith(before) && name.slice(before.length).endsWith(after ?? ''))
			.filter((name) => after !== undefined || name === base)
			.map((name) => path.posix.join(dir, name));
	}

	/** Every regular file below a folder of the node, links not followed. */
	async below(folder: string): Promise<string[]> {
		const entries = await this.#read(folder, (place) =>
			readdir(place, { recursive: true, withFileTypes: true }),
		);
		return (entries ?? [])
			.filter((entry) => entry.isFile())
			.map((entry) => `/${path.relative(this.folder, path.join(entry.parentPath, entry.name))}`)
			.sort();
	}

	async #read<Content>(
		file: string,
		read: (place: string) => Promise<Content>,
	): Promise<Content | undefined> {
		interrupted.signal.throwIfAborted();
		const place = await this.place(file);
		if (place === undefined) return undefined;
		try {
			return await read(place);
		} catch (error) {
			const { code, message } = error as NodeJS.ErrnoException;
			if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
			throw new UserError(`${file} of the image cannot be read: ${message}`, { cause: error });
		}
	}
}
