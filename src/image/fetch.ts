import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.ts';
import { CommandError, run } from '../run.ts';
import type { Component } from './components.ts';

async function digestOf(file: string, algorithm: string): Promise<string> {
	const hash = createHash(algorithm);
	await pipeline(createReadStream(file), hash);
	return hash.digest('hex');
}

/** Where a component is fetched from: `KSTACK_MIRROR`, a folder or an address that holds the files by name, or upstream. */
function addressOf(component: Component): string {
	const mirror = process.env.KSTACK_MIRROR;
	if (mirror === undefined) return component.url;
	const address = `${mirror.replace(/\/+$/, '')}/${path.posix.basename(component.url)}`;
	return address.startsWith('/') ? `file://${address}` : address;
}

/**
 * The component's file, from the cache or fetched, and in both cases what its checksum says.
 *
 * @param cache  folder of earlier downloads
 * @throws UserError when it cannot be fetched, or is something else than what was pinned
 */
export async function fetchComponent(component: Component, cache: string): Promise<string> {
	const [algorithm, expected] = component.checksum.split(':') as [string, string];
	const file = path.join(cache, `${expected.slice(0, 16)}-${path.posix.basename(component.url)}`);
	const present = await access(file).then(
		() => true,
		() => false,
	);
	if (present && (await digestOf(file, algorithm)) === expected) return file;

	await mkdir(cache, { recursive: true });
	const address = addressOf(component);
	const partial = `${file}.${process.pid}`;
	try {
		await run(
			'curl',
			[
				'--fail',
				'--silent',
				'--show-error',
				'--location',
				'--connect-timeout',
				'10',
				'--retry',
				'3',
				'--output',
				partial,
				address,
			],
			{ package: 'curl' },
		);
		const found = await digestOf(partial, algorithm);
		if (found !== expected) {
			throw new UserError(
				`${address} is not ${component.name} ${component.version}: its ${algorithm} is ${found}, not ${expected}.`,
				{
					hint: `The checksum is published in ${component.published}.`,
				},
			);
		}
		await rename(partial, file);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new UserError(
			`${component.name} ${component.version} cannot be fetched from ${address}: ${error.stderr}`,
			{
				hint: 'Set KSTACK_MIRROR to a folder or an address that holds the file, or say --kubernetes-source debian.',
			},
		);
	} finally {
		await rm(partial, { force: true });
	}
	return file;
}
