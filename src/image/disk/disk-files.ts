import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../base/errors.ts';
import { interrupted } from '../../base/interrupt.ts';

/** The limit of Linux for nested symbolic links. */
const maximumLinks = 40;

const parts = (place: string) => place.split('/').filter((part) => part !== '' && part !== '.');

/**
 * A node's file system, mounted in a folder of this machine. Paths and links are relative to its root, and never lead to
 * files of this machine.
 */
export class DiskFiles {
	readonly folder: string;

	/** @param folder  where the file system is mounted */
	constructor(folder: string) {
		this.folder = folder;
	}

	/** The path of a node's file on this machine, with links resolved; `undefined` for a loop of links. */
	async resolvePath(file: string): Promise<string | undefined> {
		const remaining = parts(file);
		let resolved: string[] = [];
		let links = 0;
		for (let part = remaining.shift(); part !== undefined; part = remaining.shift()) {
			if (part === '..') {
				resolved = resolved.slice(0, -1);
				continue;
			}
			const target = await readlink(path.join(this.folder, ...resolved, part)).catch(() => undefined);
			if (target === undefined) resolved.push(part);
			else if (++links > maximumLinks) return undefined;
			else {
				if (target.startsWith('/')) resolved = [];
				remaining.unshift(...parts(target));
			}
		}
		return path.join(this.folder, ...resolved);
	}

	/** A file's size, mode and owner; `undefined` when there is no such file. */
	async status(file: string): Promise<Stats | undefined> {
		return this.#read(file, (place) => lstat(place));
	}

	/** A regular file's bytes; `undefined` for anything else, such as a pipe, whose reading would block. */
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

	/** Names in a folder, sorted; empty when it does not exist. */
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

	/** All regular files below a folder of the node; links are not followed. */
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
		const place = await this.resolvePath(file);
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
